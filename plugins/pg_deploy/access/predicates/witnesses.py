"""Witnesses: values, claims and settings that could tell two predicates apart, made from the constants in them.

PostgreSQL is then asked whether a witness shows a difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeVar

from pg_deploy.access.predicates.patterns import texts_that_fit
from pg_deploy.access.predicates.reach import Column
from pg_deploy.access.predicates.witness_documents import documents_near
from pg_deploy.access.predicates.witness_numbers import moments_near, numbers_near, ranges_near

T = TypeVar("T")

MOST = 60
"""Constants of a kind that witnesses are made of; those that only one side has come first."""
_TOKEN = re.compile(
    r"""(?<![\w$])e'(?P<escaped>(?:[^'\\]|''|\\.)*)'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/""",
    re.DOTALL | re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_STRING = re.compile(r"'((?:[^']|'')*)'")
_CAST = re.compile(r"CAST\('((?:[^']|'')*)' AS [\w ]+\)", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.'\"])-?\d+(?:\.\d+)?(?![\w'\"])")
_STEP = r"\s*\)*\s*->>?\s*\(*\s*'((?:[^']|'')*)'(?:::[\w ]+)?"
_CHAIN = re.compile(rf"(?:{_STEP})+")
_ONE_STEP = re.compile(_STEP)
_HASH_PATH = re.compile(r"#>>?\s*\(*'\{([^}]*)\}'")
_SUBSCRIPT = re.compile(r"\[\s*'([^']*)'(?:::text)?\s*\]")
_SETTING = re.compile(r"current_setting\s*\(\s*'([^']+)'", re.IGNORECASE)
_NULLS = re.compile(r"\bis (?:not )?null\b", re.IGNORECASE)
_PATTERN = re.compile(r"[\^$\[(*+\\|]")
_LIKE = re.compile(r"\\.|.", re.DOTALL)
_FRESH = ("a value that no row has", "A value that no row has")
_LONGEST = 100_000
_LONGEST_WORD = 60
_FURTHEST = 50


@dataclass(frozen=True)
class Constants:
    """The constants of predicates: texts, numbers, the paths by which they look into JSON, and the settings that they read."""

    strings: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    paths: tuple[tuple[str, ...], ...] = ()
    settings: tuple[str, ...] = ()
    nulls: bool = False
    """Whether a predicate asks if something is null."""


NO_CONSTANTS = Constants()


def constants_of(before: Iterable[str], after: Iterable[str]) -> Constants:
    """The constants in the texts of both sides; those that only one side has come first."""
    one, other = ([_stripped(text) for text in texts] for texts in (before, after))
    return Constants(
        _ranked(_strings(one), _strings(other)),
        _ranked(_numbers(one), _numbers(other)),
        _ranked([path for text in one for path in _paths(text)], [path for text in other for path in _paths(text)]),
        tuple(dict.fromkeys(name for text in (*one, *other) for name in _SETTING.findall(text))),
        any(_NULLS.search(text) for text in (*one, *other)),
    )


def merge_constants(several: Iterable[Constants]) -> Constants:
    """Merge the constants of several predicates."""
    parts = list(several)
    return Constants(
        tuple(dict.fromkeys(value for part in parts for value in part.strings))[: 2 * MOST],
        tuple(dict.fromkeys(value for part in parts for value in part.numbers))[: 2 * MOST],
        tuple(dict.fromkeys(value for part in parts for value in part.paths)),
        tuple(dict.fromkeys(value for part in parts for value in part.settings)),
        any(part.nulls for part in parts),
    )


def witness_values(constants: Constants, column: Column) -> list[str]:
    """Values for a column, as text: each constant, its neighbours, in another case, longer, empty; many do not fit the type."""
    if column.type in ("json", "jsonb"):
        documents = documents_near(constants.strings, constants.numbers, constants.paths)
        return list(islice(dict.fromkeys(documents), 3 * MOST))
    if column.category == "N":
        return list(dict.fromkeys(numbers_near(constants.strings, constants.numbers)))[: 2 * MOST]
    if column.category == "D":
        return list(dict.fromkeys(moments_near(constants.strings, constants.numbers)))[: 2 * MOST]
    if column.category == "R":
        return list(dict.fromkeys(ranges_near(constants.strings, constants.numbers)))[:MOST]
    if column.category == "S":
        texts = dict.fromkeys(chain(texts_near(constants), _texts_around(constants)))
        return [*islice(texts, 4 * MOST), *_FRESH]
    return list(constants.strings[:MOST])


def texts_near(constants: Constants) -> Iterator[str]:
    """Texts that could show how a predicate compares: with a constant, a pattern or a length."""
    if constants.strings or constants.numbers:
        yield ""
    for value in constants.strings:
        yield from _filled(value)
    for number in constants.numbers:
        if number.isdigit() and 0 < int(number) <= _LONGEST:
            yield "x" * int(number)
            yield "x" * (int(number) + 1)
    for value in constants.strings:
        yield value.upper() if value != value.upper() else value.lower()
        yield f"{value}x"


def _texts_around(constants: Constants) -> Iterator[str]:
    """Texts in which a function finds a constant: behind others, between spaces, in mixed case, as a part, at an offset; and numbers."""
    words = [value for value in constants.strings if any(map(str.isalnum, value)) and len(value) <= _LONGEST_WORD]
    separators = [
        value for value in constants.strings if value and not any(map(str.isalnum, value)) and len(value) <= 3
    ]
    yield from (f"x{value}" for value in words)
    yield from (fits.swapcase() for value in words if _PATTERN.search(value) for fits in texts_that_fit(value)[:2])
    yield from (value[:1].swapcase() + value[1:] for value in words)
    yield from islice(numbers_near((), constants.numbers), MOST)
    yield from (f" {value} " for value in words)
    for separator in separators:
        for value in words:
            yield f"x{separator}{value}"
            yield f"{value}{separator}x"
            yield f"x{separator}x{separator}{value}"
            yield f"{value[:1]}{separator}{value[1:]}"
    offsets = [int(number) for number in constants.numbers if number.isdigit() and 1 < int(number) <= _FURTHEST]
    for offset in offsets[:4]:
        yield from ("x" * (offset - 1) + value for value in words)
    yield " "


def _filled(value: str) -> Iterator[str]:
    """A constant; if it is a pattern, first texts that fit it, and these with more before and behind."""
    if "%" in value or "_" in value:
        for filler in ("x", "", "x@", "/x") if "%" in value else ("",):
            yield "".join(_like_part(part, filler) for part in _LIKE.findall(value))
    if _PATTERN.search(value):
        for fits in texts_that_fit(value):
            yield from (fits, f"x{fits}", f"{fits}x")
    yield value


def _like_part(part: str, filler: str) -> str:
    """A text that fits a part of a pattern of LIKE: a wildcard, an escaped character, or any other."""
    return {"%": filler, "_": "x"}.get(part, part[-1])


def _stripped(text: str) -> str:
    """The text without comments and without casts of constants; constants with escapes are written without."""
    return _CAST.sub(r"'\1'", _TOKEN.sub(_plain, text))


def _plain(token: re.Match[str]) -> str:
    if token[0].startswith(("--", "/*")):
        return " "
    return f"'{_ESCAPE.sub(_unescaped, token['escaped'])}'" if token["escaped"] is not None else token[0]


def _unescaped(escape: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t", "r": "\r", "'": "''"}.get(escape[1], escape[1])


def _strings(texts: Iterable[str]) -> list[str]:
    found = (value.replace("''", "'") for text in texts for value in _STRING.findall(text))
    return list(dict.fromkeys(value for value in found if len(value) <= 200))


def _numbers(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value for text in texts for value in _NUMBER.findall(_STRING.sub("''", text))))


def _ranked(one: list[T], other: list[T]) -> tuple[T, ...]:
    """Each value once; those that only one side has come first."""
    alone = [value for value in one if value not in set(other)] + [value for value in other if value not in set(one)]
    return tuple(dict.fromkeys([*alone, *one]))[:MOST]


def _paths(text: str) -> Iterator[tuple[str, ...]]:
    for steps in _CHAIN.finditer(text):
        yield tuple(step.replace("''", "'") for step in _ONE_STEP.findall(steps[0]))
    for found in _HASH_PATH.findall(text):
        yield tuple(step.strip().strip('"') for step in found.split(","))
    yield from ((step,) for step in _SUBSCRIPT.findall(text))
