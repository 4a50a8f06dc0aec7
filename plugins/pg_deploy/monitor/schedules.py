"""pg_cron's schedules as intervals."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from itertools import pairwise

from croniter import croniter  # type: ignore[import-untyped]
from croniter.croniter import CroniterError  # type: ignore[import-untyped]

_SECONDS = re.compile(r"^\s*(\d+)\s+seconds?\s*$", re.IGNORECASE)
# Long enough to see a whole week's pattern, short enough to be computed in a blink for a job of every minute.
_FIRINGS = 200
_SPAN = timedelta(days=40)


def interval(schedule: str) -> float | None:
    """The longest pause between two runs, in seconds; None for a schedule that cannot be read."""
    seconds = _SECONDS.match(schedule)
    if seconds:
        return float(seconds[1])
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    try:
        # pg_cron writes $ for the last day of a month.
        times = croniter(schedule.replace("$", "L"), start)
        firings = [times.get_next(datetime)]
        while len(firings) < _FIRINGS and firings[-1] - start < _SPAN:
            firings.append(times.get_next(datetime))
    except (CroniterError, ValueError, KeyError):
        return None
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(firings)]
    return max(pauses) if pauses else None
