"""When pg_cron would start a job, found by looking at each minute: a second reading of its rules, against which ours is tested.

`ShouldRunTask` of pg_cron asks every minute of absolute time what it is called in cron.timezone, and looks that up in the
fields of the schedule.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

_NAMES = {
    3: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    4: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@dataclass(frozen=True)
class Minute:
    """A minute of absolute time, its local names as the fields of a schedule (Sunday is 0), and whether its day is the last of a month."""

    at: datetime
    fields: tuple[int, int, int, int, int]
    is_last_day: bool


def clock(zone: tzinfo, begin: datetime, end: datetime) -> list[Minute]:
    """Every minute from `begin` on, before `end`."""
    found = []
    at = begin
    while at < end:
        local, later = at.astimezone(zone), (at + timedelta(days=1)).astimezone(zone)
        names = (local.minute, local.hour, local.day, local.month, (local.weekday() + 1) % 7)
        found.append(Minute(at, names, later.day == 1))
        at += timedelta(minutes=1)
    return found


def dues(schedule: str, minutes: Iterable[Minute]) -> list[datetime]:
    """The moments of the minutes at which a job of that schedule is due."""
    texts = schedule.lower().split()
    minute, hour, day, month, weekday = (_bits(text, number) for number, text in enumerate(texts))
    both_must_match = texts[2].startswith("*") or texts[4].startswith("*")
    last = texts[2] == "$"
    weekday |= {0} if 7 in weekday else set()
    found = []
    for one in minutes:
        names = one.fields
        if names[0] in minute and names[1] in hour and names[3] in month:
            of_month = names[2] in day or (last and one.is_last_day)
            of_week = names[4] in weekday
            if (of_month and of_week) if both_must_match else (of_month or of_week):
                found.append(one.at)
    return found


def _bits(text: str, field: int) -> set[int]:
    if text == "$":
        return set()
    low, high = _BOUNDS[field]
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        bounds = (low, high) if span == "*" else (_value(first, field), _value(last or first, field))
        found |= set(range(bounds[0], bounds[1] + 1, int(step or 1)))
    return found


def _value(text: str, field: int) -> int:
    names = _NAMES.get(field, [])
    return names.index(text) + _BOUNDS[field][0] if text in names else int(text)
