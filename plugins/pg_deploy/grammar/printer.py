"""Printing syntax trees as SQL, with libpg_query's own printer."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

from pg_deploy.grammar import ast, library, schema
from pg_deploy.grammar.errors import ParseError, PrintError, TooDeepError
from pg_deploy.grammar.library import Bytes, with_stack
from pg_deploy.grammar.nodes import CONSTANTS, Node
from pg_deploy.grammar.parser import VERSION
from pg_deploy.grammar.schema import Field, varint

_VARINT, _BYTES = 0, 2
_DEEPEST = 4_000
"""Levels of nodes. The library takes up to eight kilobytes of the stack for each, and time that grows with their square."""
_STACK_PER_LEVEL = 16 << 10
_LEAST_STACK = 4 << 20
_SHALLOW = 64  # levels, which fit into any thread's stack


def printed(node: Node) -> str:
    """A statement, an expression or a type as SQL. Raises TooDeepError and PrintError."""
    if type(node).__name__.endswith("Stmt"):
        return _deparsed(node)
    if isinstance(node, ast.TypeName):
        return _deparsed(_select(ast.TypeCast(arg=ast.A_Const(isnull=True), typeName=node))).removeprefix(
            "SELECT NULL::"
        )
    return _deparsed(_select(node)).removeprefix("SELECT ")


def _select(value: Node) -> Node:
    return ast.SelectStmt(targetList=(ast.ResTarget(val=value),))


def _deparsed(statement: Node) -> str:
    levels = _levels(statement)
    if levels > _DEEPEST:
        raise TooDeepError
    data = encoded(ast.ParseResult(version=VERSION, stmts=(ast.RawStmt(stmt=statement),)))
    held = ctypes.create_string_buffer(data, len(data))
    given = Bytes(len(data), ctypes.cast(held, ctypes.c_void_p).value)
    try:
        if levels <= _SHALLOW:
            return library.deparse(given)
        return with_stack(_LEAST_STACK + _STACK_PER_LEVEL * levels, lambda: library.deparse(given))
    except TooDeepError:
        raise
    except ParseError as error:
        raise PrintError(f"the tree cannot be printed: {error.args[0]}") from None


def _levels(tree: Node) -> int:
    level, held = 0, [tree]
    while held and level <= _DEEPEST:
        level += 1
        held = [below for node in held for below in _below(node)]
    return level


def _below(node: Node) -> Iterator[Node]:
    waiting = list(node.__dict__.values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple | list):
            waiting.extend(value)


class _Wrapped:
    """A value where any node may stand: on the wire it says its kind."""

    def __init__(self, value: Any) -> None:
        self.value = value


def encoded(root: Node) -> bytes:
    """The node as protobuf. Written from its end, where the length of what stands inside is known; never recurses."""
    written: list[bytes] = []
    total = 0
    # A message of a field, a field to close that began at a place, or bytes.
    waiting: list[tuple[int, Any] | tuple[int, int, None] | bytes] = _parts(root)
    while waiting:
        part = waiting.pop()
        if isinstance(part, bytes):
            written.append(part)
            total += len(part)
        elif len(part) == 3:
            number, before, _ = part
            head = varint(number << 3 | _BYTES) + varint(total - before)
            written.append(head)
            total += len(head)
        else:
            number, value = part
            waiting.append((number, total, None))
            waiting += _parts(value)
    return b"".join(reversed(written))


def _parts(value: Any) -> list[Any]:
    if isinstance(value, _Wrapped):
        inner = value.value
        if inner is None:
            return []
        if isinstance(inner, tuple | list):
            return [(schema.node_numbers()["List"], _Items(inner))]
        return [(schema.node_numbers()[type(inner).__name__], inner)]
    if isinstance(value, _Items):
        return [(1, _Wrapped(item)) for item in value]
    parts: list[Any] = []
    for name, field in value._fields.items():
        held = getattr(value, name)
        if field.number == 0:
            if held is not None:
                kind = type(held).__name__
                parts.append((schema.fields("A_Const")[CONSTANTS[kind]].number, held))
        elif field.repeated:
            parts += [_one(field, item) for item in held or ()]
        elif held is not None and (held or field.holds):
            parts.append(_one(field, held))
    return parts


class _Items(tuple[Any, ...]):
    """The items of a list that stands where any node may."""


def _one(field: Field, value: Any) -> tuple[int, Any] | bytes:
    if field.holds == "Node":
        return field.number, _Wrapped(value)
    if field.holds:
        return field.number, value
    if isinstance(value, str):
        data = value.encode()
        return varint(field.number << 3 | _BYTES) + varint(len(data)) + data
    return varint(field.number << 3 | _VARINT) + varint(int(value))
