"""When pg_cron starts a job. A schedule is read as pg_cron reads it: minute by minute of absolute time, in `cron.timezone`.

A clock change leaves out some local minutes, which have no run, and repeats others, which have two. If a day of the month and a
day of the week are given, either is enough, unless one of the two begins with `*` or `cron.match_dom_and_dow` is on.
A range that runs backwards (`22-6`) is empty for pg_cron 1.4. Version 1.6 sets its bits byte by byte: the range wraps if its two
ends lie in different bytes, and is empty if they lie in one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import product

_SECONDS = re.compile(r"^\s*(\d+)\s*seconds?\s*$", re.IGNORECASE)
_FIELDS = ((0, 59, ""), (0, 23, ""), (1, 31, ""), (1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"))
_WEEKDAYS = (0, 7, "sun mon tue wed thu fri sat sun")
_SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}
# The clock starts none of these: pg_cron's own start does for the last two, and for @yearly pg_cron sets no month.
_NEVER = ("@yearly", "@annually", "@reboot", "@restart")
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
# How many days a search goes: far enough to find a 29 February that has to be a Monday.
_FURTHEST = 366 * 29
# The last day of a month is this one or a later one.
_LAST_DAYS = 28


@dataclass(frozen=True)
class Schedule:
    """A schedule as pg_cron reads it. If `every` is given, it is an interval in seconds, and nothing else counts."""

    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    last_day: bool = False
    both_days: bool = False
    every: int | None = None

    @property
    def is_ever_due(self) -> bool:
        """Whether each of its fields allows something, as none does for @reboot. It may still name a day that never comes."""
        if self.every is not None:
            return True
        of_month = bool(self.days) or self.last_day
        some_day = (of_month and self.weekdays) if self.both_days else (of_month or self.weekdays)
        return bool(self.minutes and self.hours and self.months and some_day)

    def after(self, moment: datetime, zone: tzinfo, both: bool = False) -> datetime | None:
        """The first minute after `moment` at which it is due, in UTC; None if there is none."""
        return next(self._dues(moment, zone, 1, both), None) if self.is_ever_due else None

    def until(self, moment: datetime, zone: tzinfo, both: bool = False) -> datetime | None:
        """The last minute up to `moment` at which it was due, in UTC; None if there was none."""
        return next(self._dues(moment, zone, -1, both), None) if self.is_ever_due else None

    def _dues(self, moment: datetime, zone: tzinfo, step: int, both: bool) -> Iterator[datetime]:
        moment = moment.astimezone(timezone.utc)
        if self.every is not None:
            yield moment + timedelta(seconds=self.every) * (step > 0)
            return
        start = moment.astimezone(zone).date()
        for number in range(-1, _FURTHEST):
            day = start + _DAY * number * step
            if day.month in self.months and self._is_day(day, day.day >= _LAST_DAYS, both):
                dues = _of_day(self, day, zone, both)
                place = bisect_right(dues, moment)
                yield from dues[place:] if step > 0 else reversed(dues[:place])

    def _is_day(self, day: date, is_last: bool, both: bool) -> bool:
        of_month = day.day in self.days or (self.last_day and is_last)
        of_week = day.isoweekday() % 7 in self.weekdays
        return (of_month and of_week) if both or self.both_days else (of_month or of_week)

    def of_day(self, day: date, zone: tzinfo, both: bool) -> Iterator[datetime]:
        """The minutes of a local day at which it is due, in UTC, the earliest first."""
        midnights = [
            datetime(each.year, each.month, each.day, tzinfo=zone) for each in (day, day + _DAY, day + 2 * _DAY)
        ]
        begin, end, later = (each.astimezone(timezone.utc) for each in midnights)
        if end - begin == _DAY and later - end == _DAY:
            if self._is_day(day, (day + _DAY).day == 1, both):
                for hour, minute in product(self.hours, self.minutes):
                    yield begin + timedelta(hours=hour, minutes=minute)
            return
        # A clock change is near: the local name of each minute is looked up, as pg_cron does.
        for number in range(int((end - begin) / _MINUTE)):
            at = begin + _MINUTE * number
            local, tomorrow = at.astimezone(zone), (at + _DAY).astimezone(zone)
            is_minute = local.date() == day and local.hour in self.hours and local.minute in self.minutes
            if is_minute and self._is_day(day, tomorrow.day == 1, both):
                yield at


@lru_cache(maxsize=512)
def _of_day(schedule: Schedule, day: date, zone: tzinfo, both: bool) -> tuple[datetime, ...]:
    return tuple(schedule.of_day(day, zone, both))


@lru_cache(maxsize=4096)
def read_schedule(text: str, wraps: bool | None = False) -> Schedule | None:
    """The schedule that a text says; None if pg_cron could not read it either. Pure.

    `wraps` says whether a range that runs backwards wraps (pg_cron 1.6) or is empty (1.4). If that is not known (None), a text with
    such a range is not read.
    """
    seconds = _SECONDS.match(text)
    if seconds:
        return Schedule(every=int(seconds[1]))
    word = text.strip().lower()
    if word in _NEVER:
        return Schedule()
    fields = _SHORT.get(word, word).split()
    if len(fields) < 5:
        return None
    last_day = fields[2] == "$"
    sets = [
        _numbers(field, wraps, *known)
        for field, known in zip(fields, (*_FIELDS, _WEEKDAYS), strict=False)
        if field != "$"
    ]
    if None in sets or len(sets) != 5 - last_day:
        return None
    minutes, hours, *days, months, weekdays = (numbers or frozenset() for numbers in sets)
    return Schedule(
        tuple(sorted(minutes)),
        tuple(sorted(hours)),
        days[0] if days else frozenset(),
        months,
        frozenset(number % 7 for number in weekdays),
        last_day,
        # pg_cron's own @daily has no star, but names all days in both fields, which comes to the same.
        "*" in (fields[2][0], fields[4][0]),
    )


def _numbers(field: str, wraps: bool | None, low: int, high: int, names: str) -> frozenset[int] | None:
    numbers: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?", part)
        if match is None or (match[3] and match[1] and not match[2]):
            return None
        first = low if match[1] is None else _number(match[1], low, names)
        last = high if match[1] is None else first if match[2] is None else _number(match[2], low, names)
        step = int(match[3] or 1)
        if first is None or last is None or not (low <= first <= high and low <= last <= high and step > 0):
            return None
        if first <= last:
            numbers.update(range(first, last + 1, step))
        elif wraps is None:
            return None
        elif wraps and step == 1:
            numbers.update(number for number in range(low, high + 1) if _wrapped(number - low, first - low, last - low))
    return frozenset(numbers)


def _wrapped(bit: int, first: int, last: int) -> bool:
    """Whether pg_cron 1.6 sets a bit for a range whose last bit lies before its first.

    It sets those from the first bit to the end of its byte, and from the beginning of the last bit's byte up to that bit. If both
    ends lie in one byte, it sets none.
    """
    start, stop = first // 8, last // 8
    return start != stop and ((bit // 8 == start and bit >= first) or (bit // 8 == stop and bit <= last))


def _number(word: str, low: int, names: str) -> int | None:
    if word.isdigit():
        return int(word)
    known = names.split()
    return known.index(word) + low if word in known else None
