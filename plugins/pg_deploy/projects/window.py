"""When a project changes its databases: `Mon-Thu 09:00-16:30 Europe/Zurich`, several with commas."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d\d):(\d\d)-(\d\d):(\d\d)", re.IGNORECASE)
_EXAMPLE = "write it as in Mon-Thu 09:00-16:30 Europe/Zurich, several with commas before the time zone"


@dataclass(frozen=True)
class Span:
    """Hours of some days of the week, Monday being 0. A span whose end is not after its begin ends on the next day."""

    days: frozenset[int]
    begin: time
    end: time

    def is_open(self, at: datetime) -> bool:
        """Whether a moment lies in it."""
        now = at.time()
        if self.begin < self.end:
            return at.weekday() in self.days and self.begin <= now < self.end
        return (at.weekday() in self.days and now >= self.begin) or (
            (at.weekday() - 1) % 7 in self.days and now < self.end
        )


@dataclass(frozen=True)
class Window:
    """The spans of time in which a project's databases may be changed."""

    text: str
    spans: tuple[Span, ...]
    zone: ZoneInfo

    def local(self, at: datetime) -> datetime:
        """The moment on the clocks of that time zone."""
        return at.astimezone(self.zone)

    def is_open(self, at: datetime) -> bool:
        """Whether a moment lies in one of its spans."""
        return any(span.is_open(self.local(at)) for span in self.spans)

    def next_opening(self, at: datetime) -> datetime:
        """When it opens next after a moment, to the minute, on the clocks of that time zone."""
        first = self.local(at).replace(second=0, microsecond=0)
        ahead = (first + timedelta(minutes=minutes) for minutes in range(8 * 24 * 60))
        return next(moment for moment in ahead if self.is_open(moment))


def parse_window(text: str) -> Window:
    """The window that a text describes. Raises ValueError with a sentence."""
    parts = text.strip().rsplit(" ", 1)
    if len(parts) != 2:
        raise ValueError(f'"{text}" is no window: {_EXAMPLE}')
    try:
        zone = ZoneInfo(parts[1])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{parts[1]}" is no time zone: {_EXAMPLE}') from None
    return Window(text.strip(), tuple(_span(part.strip(), text) for part in parts[0].split(",")), zone)


def _span(part: str, text: str) -> Span:
    found = _SPAN.fullmatch(part)
    if found is None:
        raise ValueError(f'"{text}" is no window, "{part}" is not understood: {_EXAMPLE}')
    first, last = found[1].lower(), (found[2] or found[1]).lower()
    if first not in _DAYS or last not in _DAYS:
        raise ValueError(f'"{text}" is no window, the days are {", ".join(_DAYS)}: {_EXAMPLE}')
    return Span(_days(first, last), _time(found[3], found[4], text), _time(found[5], found[6], text))


def _days(first: str, last: str) -> frozenset[int]:
    begin, end = _DAYS.index(first), _DAYS.index(last)
    count = (end - begin) % 7 + 1
    days: Sequence[int] = [(begin + step) % 7 for step in range(count)]
    return frozenset(days)


def _time(hour: str, minute: str, text: str) -> time:
    try:
        return time(int(hour), int(minute))
    except ValueError:
        raise ValueError(f'"{text}" is no window, {hour}:{minute} is no time of a day: {_EXAMPLE}') from None
