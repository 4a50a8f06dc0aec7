"""Arrays that could show how a predicate looks into one: which element, where, how many, none, null or another beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, permutations

from pg_deploy.postgres.quoting import array_of

MOST_ELEMENTS = 10
MOST_PAIRED = 5
"""Elements of which every two stand in one array, in both orders."""
LONGEST = 1_000


def elements_of(strings: Sequence[str], numbers: Sequence[str]) -> Iterator[str]:
    """What constants suggest as an element: each; of one that is an array itself, its elements."""
    for value in strings:
        if value.startswith("{") and value.endswith("}"):
            yield from (each.strip('"') for each in value[1:-1].split(",") if each and each.upper() != "NULL")
    yield from strings
    yield from numbers


def arrays_made_of(elements: Sequence[str], lengths: Sequence[int] = ()) -> Iterator[str]:
    """Arrays as text, the most telling first; `lengths` are those that a predicate may ask for."""
    kept = list(elements[:MOST_ELEMENTS])
    yield "{}"
    yield from (array_of([element]) for element in kept[:2])
    if len(kept) > 2:
        yield array_of(kept)
    pairs = permutations(kept[:MOST_PAIRED], 2)
    yield from (array_of(pair) for pair in islice(pairs, 2))
    yield from (array_of([element, None]) for element in kept[:1])
    yield from (array_of([element]) for element in kept[2:])
    yield from (array_of(pair) for pair in pairs)
    yield from (array_of([element, None]) for element in kept[1:MOST_PAIRED])
    yield array_of([None])
    yield from (array_of([each for each in kept if each != element]) for element in kept if len(kept) > 2)
    for length in lengths:
        yield from (array_of(kept[:1] * more) for more in (length, length + 1) if kept and 1 < more <= LONGEST)
