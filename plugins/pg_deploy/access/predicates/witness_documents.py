"""JSON documents that could tell predicates apart: a constant at a path, inside an array there, beside another, as another type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations, islice, product

from pg_deploy.access.predicates.witness_numbers import numbers_near

MOST_TOGETHER = 4
"""Values that are put at each of two paths together."""
LONGEST = 100
NOBODY = "ffffffff-ffff-4fff-bfff-fffffffffffe"
"""A user's id that is in no table."""
OTHER = "another"
"""A word that no predicate compares with."""
_JSON_PATH = re.compile(r"^\s*(?:lax|strict)?\s*\$")
_MEMBER = re.compile(r"\.\"?(\w+)\"?(?!\w*\s*\()")
_QUOTED = re.compile(r"(?:==|!=|<>|<|>|starts with|like_regex)\s*\"([^\"]*)\"")


def documents_near(strings: Sequence[str], numbers: Sequence[str], paths: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Documents as text, those first that hold a constant at a path."""
    asked = [text for text in strings if _JSON_PATH.match(text)]
    plain = [text for text in strings if text not in asked]
    ways = list(dict.fromkeys([*paths, *(way for text in asked if (way := tuple(_MEMBER.findall(text))))]))
    words = [*plain, *(word for text in asked for word in _QUOTED.findall(text))]
    steps = {step for way in ways for step in way}
    inside = [word for word in words if word not in steps]
    parts = [value for word in words if word[:1] in ("[", '"', "{") for value in _read(word)]
    several = [[*parts, *_values(inside, numbers)] for _ in ways]
    # each path in turn, so that the first documents tell of all of them
    for values in zip(*several, strict=True):
        yield from (json.dumps(nest(way, value)) for way, value in zip(ways, values, strict=True))
    yield "{}"
    yield from _contained(plain)
    for one, other in combinations(ways, 2):
        for first, second in product([*inside[:MOST_TOGETHER], True, None], repeat=2):
            yield json.dumps(_merged(nest(one, first), nest(other, second)))
    yield from map(json.dumps, _whole(inside, numbers))


def nest(path: tuple[str, ...], value: object) -> dict[str, object]:
    """Make `{"a": {"b": value}}` for the path a, b."""
    for step in reversed(path[1:]):
        value = {step: value}
    return {path[0]: value}


def _values(words: Sequence[str], numbers: Sequence[str]) -> Iterator[object]:
    near = [text for text in numbers_near((), numbers) if text not in ("NaN", "Infinity")] if numbers else []
    yield from words[:8]
    yield from map(json.loads, near[:8])
    yield from (True, False, None, [], {})
    yield from _arrays([*words[:4], *map(json.loads, near[:2])])
    yield from (NOBODY, [NOBODY], [OTHER, NOBODY])
    yield from (
        text for word in words[:4] for text in (word.swapcase(), f"{word}x", f"x{word}", f" {word} ", {word: True})
    )
    yield from ("", "5", 5, "true", "false")
    yield from words[8:20]


def _read(text: str) -> Iterator[object]:
    """What a constant says as a document, and with more if it is an array; nothing if it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return
    yield found
    if isinstance(found, list):
        yield [*found, OTHER]


def _arrays(elements: Sequence[object]) -> Iterator[list[object]]:
    yield from ([element] for element in elements)
    yield from ([OTHER, element] for element in elements)
    yield from ([element, OTHER] for element in elements[:2])
    if len(elements) > 1:
        yield list(elements)


def _whole(words: Sequence[str], numbers: Sequence[str]) -> Iterator[object]:
    """Documents that are no objects, and arrays of the lengths that a predicate may ask for."""
    yield from ([], None, True, 5)
    yield from _arrays(words[:4])
    yield from (words[0] if words else OTHER,)
    lengths = [int(number) for number in numbers if number.isdigit() and int(number) < LONGEST]
    for length in lengths[:4]:
        yield from ([OTHER] * more for more in (length, length + 1))


def _contained(strings: Iterable[str]) -> Iterator[str]:
    """The documents that a predicate names: each as it is, with more, and without one of its members; and all of them merged into one."""
    whole: dict[str, object] = {}
    keys = []
    for value in strings:
        try:
            found = json.loads(value)
        except ValueError:
            if value.isidentifier():
                keys.append(value)
            continue
        if isinstance(found, dict):
            yield json.dumps(found)
            yield from (json.dumps({k: v for k, v in found.items() if k != name}) for name in found)
            yield json.dumps({**found, OTHER: 1})
            whole = {**whole, **found}
        elif isinstance(found, list):
            yield json.dumps(found)
            yield json.dumps([*found, OTHER])
            yield from (json.dumps([each for each in found if each != element]) for element in found)
    if whole:
        yield json.dumps(whole)
    pairs = combinations(keys[:5], 2)
    for names in chain(((key,) for key in keys), islice(pairs, 10)):
        yield json.dumps(dict.fromkeys(names, True))


def _merged(one: Mapping[str, object], other: Mapping[str, object]) -> dict[str, object]:
    found = dict(one)
    for name, value in other.items():
        mine = found.get(name)
        found[name] = _merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return found
