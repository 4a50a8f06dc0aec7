"""What libpg_query's trees look like: nodes, fields and enums, read from the schema that lies beside the library.

The schema is a protobuf FileDescriptorSet. It is read by hand, each message when it is needed: protobuf's own package takes long to load.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_REPEATED = 3
_BOOL, _STRING, _MESSAGE, _ENUM = 8, 9, 11, 14
# The numbers of the fields in google/protobuf/descriptor.proto.
_FILE_MESSAGE, _FILE_ENUM, _NAME, _MEMBERS = 4, 5, 1, 2
_VALUE_NUMBER = 2
_FIELD_NUMBER, _FIELD_LABEL, _FIELD_TYPE, _FIELD_TYPE_NAME, _FIELD_JSON_NAME = 3, 4, 5, 6, 10


@dataclass(frozen=True)
class Field:
    """One field: its number on the wire, the node or the enum that it holds ("" for none), and its value where nothing is written."""

    number: int
    holds: str
    enum: str
    repeated: bool
    default: object


def folder() -> Path:
    """Where the wheel's files are. Found without an import: postgast's own takes over a second, and we use none of it."""
    spec = find_spec("postgast")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError('"postgast", which carries PostgreSQL\'s parser, is not installed: install it')
    return Path(spec.submodule_search_locations[0])


def wire(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: the number of each with its integer or its bytes."""
    place, end = 0, len(data)
    while place < end:
        tag, place = _varint(data, place)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, place = _varint(data, place)
            yield number, value
        elif kind == _BYTES:
            length, place = _varint(data, place)
            yield number, data[place : place + length]
            place += length
        else:
            place += {_FIXED_64: 8, _FIXED_32: 4}[kind]


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def varint(number: int) -> bytes:
    """An integer as protobuf writes it."""
    number &= 0xFFFFFFFFFFFFFFFF
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _text(value: int | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _described(number: int) -> dict[str, bytes]:
    """The messages or the enums of the schema by name, not yet read."""
    found: dict[str, bytes] = {}
    for _, file in wire((folder() / "pg_query.desc").read_bytes()):
        for at, value in wire(file) if isinstance(file, bytes) else ():
            if at == number and isinstance(value, bytes):
                found[_text(next(inner for place, inner in wire(value) if place == _NAME))] = value
    return found


_MESSAGES, _ENUMS = _described(_FILE_MESSAGE), _described(_FILE_ENUM)
_NO_NODES = frozenset({"Node", "ScanResult", "ScanToken", "SummaryResult"})
KINDS = frozenset(_MESSAGES) - _NO_NODES
"""The kinds of nodes: PostgreSQL's structs."""
ENUMS = frozenset(_ENUMS)
"""The names of PostgreSQL's enums."""


@cache
def members(enum: str) -> Mapping[str, int]:
    """The members of an enum and their numbers on the wire. protobuf's own first, …_UNDEFINED, is none."""
    found: dict[str, int] = {}
    for number, value in wire(_ENUMS[enum]):
        if number == _MEMBERS and isinstance(value, bytes):
            member = dict(wire(value))
            if not (name := _text(member[_NAME])).endswith("_UNDEFINED"):
                found[name] = int(member.get(_VALUE_NUMBER, 0))
    return found


@cache
def fields(kind: str) -> Mapping[str, Field]:
    """The fields of a node by their names in PostgreSQL's own struct."""
    found: dict[str, Field] = {}
    for number, value in wire(_MESSAGES[kind]):
        if number == _MEMBERS and isinstance(value, bytes):
            described = dict(wire(value))
            found[_text(described.get(_FIELD_JSON_NAME, described[_NAME]))] = _field(described)
    return found


def _field(described: Mapping[int, int | bytes]) -> Field:
    kind, number = described[_FIELD_TYPE], int(described[_FIELD_NUMBER])
    holds = _text(described.get(_FIELD_TYPE_NAME, b"")).rpartition(".")[2]
    if described[_FIELD_LABEL] == _REPEATED:
        return Field(
            number, "" if kind == _ENUM else holds, holds if kind == _ENUM else "", repeated=True, default=None
        )
    if kind == _ENUM:
        return Field(number, "", holds, repeated=False, default=None)
    default = False if kind == _BOOL else None if kind in (_STRING, _MESSAGE) else 0
    return Field(number, holds, "", repeated=False, default=default)


@cache
def node_numbers() -> Mapping[str, int]:
    """The number of each kind on the wire, where a field may hold any node."""
    return {field.holds: field.number for field in fields("Node").values()}
