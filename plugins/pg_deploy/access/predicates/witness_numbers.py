"""Numbers, moments and ranges that could tell predicates apart: on, beside and between their constants."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import chain, pairwise

MOST_COMBINED = 5
"""Constants of which every two are added, subtracted, multiplied and divided."""
_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?")
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(.*)")
_TIME = re.compile(r"(\d\d):(\d\d)(.*)")
_LENGTHS = {
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 604_800,
    "mon": 2_592_000,
    "year": 31_557_600,
}
_LENGTH = re.compile(r"(-?\d+) (second|minute|hour|day|week|mon|year)s?")
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d)")
_FIXED = datetime(2000, 1, 1)


def numbers_near(strings: Iterable[str], numbers: Iterable[str]) -> Iterator[str]:
    """Each constant and its neighbours, what lies between two, what an operation makes of two, and no number."""
    texts = dict.fromkeys(chain(numbers, (text for text in strings if _NUMBER.fullmatch(text))))
    found = [number for text in texts if (number := _decimal(text)) is not None]
    yield from map(_shown, found)
    for number in found:
        yield _shown(number + 1)
        yield _shown(number - 1)
    ordered = sorted(set(found))
    yield from (_shown((low + high) / 2) for low, high in pairwise(ordered))
    yield from (_shown((low + high) // 2) for low, high in pairwise(ordered))
    for number in found:
        yield _shown(number + _unit(number))
        yield _shown(number - _unit(number))
    yield from ("0", "1", "-1")
    for one in found[:MOST_COMBINED]:
        for other in found[:MOST_COMBINED]:
            made = [one + other, one - other, one * other, *((one // other, one / other) if other else ())]
            yield from map(_shown, made)
            if other:
                yield _shown(one // other + 1)
    if found:
        yield from ("NaN", "Infinity")


def moments_near(strings: Sequence[str], numbers: Iterable[str]) -> Iterator[str]:
    """Each constant, moments before and behind it by little and by much; years, months and days; two as far apart as an interval."""
    days = [found for text in strings if (found := _DAY.match(text))]
    for found in days:
        yield found[0]
        yield from (f"{day}{found[2]}" for day in _days_near(found[1]))
    for found in days:
        yield f"{found[1]} 12:34:56"
    for found in (found for text in strings if (found := _TIME.match(text))):
        yield from (
            found[0],
            f"{found[1]}:{int(found[2]) + 1:02}{found[3]}",
            f"{int(found[1]) + 1:02}:{found[2]}{found[3]}",
        )
    for number in numbers:
        if number.isdigit():
            yield from _parts_of_days(int(number))
    yield str(_FIXED)
    for length in filter(None, map(_length, strings)):
        yield from (str(_FIXED + length + timedelta(seconds=more)) for more in (-1, 0, 1))
    yield from ("infinity", "-infinity")


def ranges_near(strings: Sequence[str], numbers: Sequence[str]) -> Iterator[str]:
    """Ranges of one value, from or up to it, of two; all and none; constants that are ranges."""
    yield from (text for text in strings if text[:1] in ("[", "(", "{") or text == "empty")
    moments = [text for text in strings if _DAY.match(text)]
    ends = list(dict.fromkeys([*moments, *numbers_near(strings, numbers)] if moments or numbers else []))[:12]
    ordered = sorted(ends, key=lambda text: (_decimal(text) or Decimal(0), text))
    made = [
        *(f"[{end},{end}]" for end in ends[:4]),
        *(f"[{low},{high})" for low, high in pairwise(ordered)),
        *(f"[{end},)" for end in ends[:4]),
        *(f"(,{end})" for end in ends[:4]),
        *(f"[{end},{end}]" for end in ends[4:]),
        "(,)",
    ]
    yield "empty"
    yield from made
    yield "{}"
    yield from (f"{{{each}}}" for each in made)


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _shown(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _unit(number: Decimal) -> Decimal:
    """One of the last decimal place, but of the second at least: prices have cents."""
    return Decimal(1).scaleb(min(-2, int(number.as_tuple().exponent)))


def _days_near(day: str) -> Iterator[str]:
    year, rest = int(day[:4]), day[4:]
    yield from (f"{year + 1:04}{rest}", f"{year - 1:04}{rest}", f"{year + 10:04}{rest}")
    try:
        at = datetime.fromisoformat(day)
        yield from (f"{at + timedelta(days=more):%Y-%m-%d}" for more in (1, -1))
    except (ValueError, OverflowError):
        return


def _parts_of_days(number: int) -> Iterator[str]:
    if 1_000 <= number <= 9_999:
        yield f"{number:04}-06-15"
    if 1 <= number <= 12:
        yield f"2000-{number:02}-01"
    if 1 <= number <= 31:
        yield f"2000-01-{number:02}"
    if 0 <= number <= 23:
        yield f"2000-01-01 {number:02}:00"
        yield f"{number:02}:00"


def _length(text: str) -> timedelta | None:
    parts = [int(count) * _LENGTHS[unit] for count, unit in _LENGTH.findall(text)]
    parts += [int(hours) * 3_600 + int(minutes) * 60 + int(seconds) for hours, minutes, seconds in _CLOCK.findall(text)]
    return timedelta(seconds=sum(parts)) if parts and not _DAY.match(text) and abs(sum(parts)) < 10**11 else None
