"""Parsing, scanning and splitting SQL with PostgreSQL's own grammar."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar

from pg_deploy.grammar import ast, library, schema
from pg_deploy.grammar.errors import ParseError, TooDeepError
from pg_deploy.grammar.library import with_stack
from pg_deploy.grammar.nodes import built

_T = TypeVar("_T")
# Measured: 117 bytes of the stack for a byte of text (a chain of `|1`) or for a token, and 10,000 levels of what nests rightwards.
_SMALL = 8192  # bytes of text, which fit into any thread's stack
_STACK_PER_TOKEN = 256
_MANY = 262_144  # bytes of text; of fewer it is not worth while to count the tokens
_BYTES_PER_TOKEN = 6  # in the scanner's answer, at least
_LEAST_STACK, _MOST_STACK = 16 << 20, 2040 << 20
_DEEPEST = 32_000
"""Levels of JSON: a chain of 16,000 operators. PostgreSQL with its usual max_stack_depth refuses less."""
_JSON = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^\s{}\[\]",:]+')


class Token(NamedTuple):
    """A token: its first and its last character, and the names of its type and of its kind of keyword."""

    start: int
    end: int
    name: str
    kind: str


def _given(text: str) -> bytes:
    if "\0" in text:  # the library would stop there and silently lose what follows
        raise ParseError("a NUL character", text.index("\0"))
    return text.encode()


def _deeply(text: str, call: Callable[[bytes], _T]) -> _T:
    """The call on this text, on a stack that fits."""
    data = _given(text)
    try:
        return call(data) if len(data) <= _SMALL else _on_a_stack(data, call)
    except ParseError as error:
        message, place = error.args
        if place is None or place < len(text):
            raise
        raise ParseError(message, None) from None  # it ends too early: no place in it is at fault


def _on_a_stack(data: bytes, call: Callable[[bytes], _T]) -> _T:
    # No tree has more levels than its text has tokens, nor more tokens than bytes.
    tokens = len(data) if len(data) <= _MANY else min(len(data), len(library.scan(data)) // _BYTES_PER_TOKEN)
    size = _LEAST_STACK + _STACK_PER_TOKEN * tokens
    if size > _MOST_STACK:
        raise TooDeepError
    return with_stack(size, partial(call, data))


def parse_sql_json(text: str) -> str:
    """The statements of a text, as libpg_query's JSON. Raises ParseError."""
    return _deeply(text, library.parse)


def fingerprint(text: str) -> str:
    """The same sixteen hexadecimal digits for statements that differ in constants, comments and spaces alone. Raises ParseError."""
    return _deeply(text, library.fingerprint)


def normalized(text: str) -> str:
    """The statements of a text with their constants as $1, $2, …, as pg_stat_statements records them. Raises ParseError."""
    return _deeply(text, library.normalize)


def parse_plpgsql_json(text: str) -> str:
    """The bodies of the functions of a text, as libpg_query's JSON. Raises ParseError."""
    return _deeply(text, library.parse_plpgsql)


def parse_plpgsql(text: str) -> Any:
    """The bodies of the functions of a text, as plain dictionaries. Raises ParseError."""
    return loaded(parse_plpgsql_json(text))


def parse_sql(text: str) -> tuple[ast.RawStmt, ...]:
    """The statements of a text, as nodes. Raises ParseError."""
    return tuple(built({"RawStmt": statement}) for statement in loaded(parse_sql_json(text)).get("stmts", ()))


def loaded(written: str) -> Any:
    """What json.loads gives of the library's JSON, however deep Python lets it go. Raises TooDeepError."""
    try:
        return json.loads(written)
    except RecursionError:
        return _loaded_deeply(written)


def _loaded_deeply(written: str) -> Any:
    root: list[Any] = []
    holders: list[Any] = [root]
    keys: list[str | None] = [None]
    for match in _JSON.finditer(written):
        word = match.group()
        holder = holders[-1]
        if word in {"}", "]"}:
            holders.pop()
            keys.pop()
            continue
        value: Any = {} if word == "{" else [] if word == "[" else json.loads(word)
        if isinstance(holder, list):
            holder.append(value)
        elif keys[-1] is None:
            keys[-1] = value
            continue
        else:
            holder[keys[-1]] = value
            keys[-1] = None
        if word in {"{", "["}:
            if len(holders) > _DEEPEST:
                raise TooDeepError
            holders.append(value)
            keys.append(None)
    return root[0]


def scan(text: str) -> list[Token]:
    """The tokens of a text, comments too. Raises ParseError."""
    data = library.scan(_given(text))
    place = None if text.isascii() else _places(text)
    new, names, kinds = tuple.__new__, _TOKEN_NAMES, _KEYWORD_KINDS
    tokens: list[Token] = []
    # By hand, since a large file has a million of them. A token is its tag, its length and its fields: each a tag and an integer of seven
    # bits a byte. What is zero is left out.
    at, end = 1, len(data)  # after the tag of the version
    while data[at] > 0x7F:
        at += 1
    at += 1
    while at < end:
        after = at + 2 + data[at + 1]
        at += 2
        values = [0, 0, 0, 0, 0, 0]
        while at < after:
            field, value = data[at] >> 3, data[at + 1]
            at += 2
            if value > 0x7F:
                value &= 0x7F
                shift = 7
                while (byte := data[at]) > 0x7F:
                    value |= (byte & 0x7F) << shift
                    shift += 7
                    at += 1
                value |= byte << shift
                at += 1
            values[field] = value
        _, start, stop, _, name, kind = values
        if place is not None:
            start, stop = place(start), place(stop)
        tokens.append(new(Token, (start, stop - 1, names.get(name, "UNKNOWN"), kinds[kind])))
    return tokens


def split(text: str) -> list[slice]:
    """Where the scanner cuts a text into statements, without the white space around them. Raises ParseError."""
    place = _places(text)
    return [_stripped(text, place(start), place(end)) for start, end in library.split(_given(text))]


def _places(text: str) -> Callable[[int], int]:
    """A function from a place in the text's bytes to the place in its characters."""
    if text.isascii():
        return lambda place: place
    ends = list(accumulate(len(character.encode()) for character in text))
    return lambda place: bisect_right(ends, place)


def _stripped(text: str, start: int, end: int) -> slice:
    whole = text[start:end]
    left = start + len(whole) - len(whole.lstrip())
    return slice(left, left + len(whole.strip()))


_TOKEN_NAMES = {number: name for name, number in schema.members("Token").items()}
_KEYWORD_KINDS = {number: name for name, number in schema.members("KeywordKind").items()}
VERSION = int(json.loads(parse_sql_json(""))["version"])
"""The version of PostgreSQL whose grammar it is, as `server_version_num` has it."""
MAJOR = VERSION // 10_000
"""The major version of PostgreSQL whose syntax the library knows."""
_words = " ".join(
    name.removesuffix("_P").lower() for name in schema.members("Token") if name.isupper() and "ASCII" not in name
)
_kinds = [(_words[token.start : token.end + 1], token.kind) for token in scan(_words)]


def _of_kind(kind: str) -> frozenset[str]:
    return frozenset(word for word, found in _kinds if found == kind)


RESERVED_KEYWORDS = _of_kind("RESERVED_KEYWORD")
UNRESERVED_KEYWORDS = _of_kind("UNRESERVED_KEYWORD")
COL_NAME_KEYWORDS = _of_kind("COL_NAME_KEYWORD")
TYPE_FUNC_NAME_KEYWORDS = _of_kind("TYPE_FUNC_NAME_KEYWORD")
