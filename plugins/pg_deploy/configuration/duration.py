"""Durations as people write them: `500 ms`, `2 s`, `10 min`, `1 h`, `<1 minute`, `5-10 minutes`."""

from __future__ import annotations

import re

from pg_deploy.configuration.errors import InvalidDurationError

_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONG = {"second": "s", "seconds": "s", "sec": "s", "minute": "min", "minutes": "min", "hour": "h", "hours": "h"}
_LONG |= {"milliseconds": "ms", "day": "d", "days": "d"}
_MOST_HOURS, _MOST_DAYS = 48, 60
_PATTERN = re.compile(r"^<?\s*(?:\d+(?:\.\d+)?\s*-\s*)?(\d+(?:\.\d+)?)\s*([a-z]+)$")


def parse_duration(text: str) -> float:
    """`text` in seconds; for a range, its upper end. Raises InvalidDurationError, also for a number without a unit."""
    match = _PATTERN.match(text.strip().lower())
    unit = _LONG.get(match[2], match[2]) if match else ""
    if match is None or unit not in _UNITS:
        raise InvalidDurationError(text)
    return float(match[1]) * _UNITS[unit]


def format_duration(seconds: float) -> str:
    """`seconds` for a reader: `12 ms`, `3.4 s`, `2 min 5 s`, `1 h 2 min`, `3 days 4 h`, `11 months`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours <= _MOST_HOURS:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    if days < _MOST_DAYS:
        return f"{days} days {hours} h" if hours and days < 14 else f"{days} days"
    return f"{days / 30.44:.0f} months" if days < 730 else f"{days / 365.25:.1f} years"
