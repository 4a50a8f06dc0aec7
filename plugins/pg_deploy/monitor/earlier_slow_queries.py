"""Slow queries that an earlier run found: still slow, over, or not called since, which proves neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pg_deploy.configuration.duration import format_duration
from pg_deploy.monitor.measures import Row
from pg_deploy.monitor.slow_queries import Slow, is_still_slow
from pg_deploy.monitor.statements import Window, shown
from pg_deploy.monitor.thresholds import Statements

# From this share of all time on it was that one call.
_MOST_OF_IT = 0.5


@dataclass(frozen=True)
class Standing:
    """A slow query as the run before left it: what it is compared with, since when, and when it was last called."""

    slow: Slow
    since: datetime
    called: datetime
    said: str
    suspect: str | None = None


def slow_row(
    slow: Slow, now: datetime, since: datetime, suspect: str | None, text: str | None, waited: str | None = None
) -> Row:
    """The alert's row for a query that is slow now; `waited` is the lock that it was seen to wait for."""
    calls = f"{slow.now.calls:.0f} calls since the last look"
    if slow.before_ms is None:
        said = f"new and slow, {slow.now.mean_ms:.0f} ms a call, {calls}"
    else:
        times = slow.now.mean_ms / max(slow.before_ms, 0.001)
        said = f"{slow.before_ms:.3g} ms before, {slow.now.mean_ms:.3g} ms now ({times:.0f} times), {calls}"
        if slow.reads_more:
            said += f", reading {slow.now.mean_blocks:.0f} blocks a call instead of {slow.before_blocks or 0:.0f}"
        else:
            said += f"; {_no_more_blocks(slow, waited)}"
    said = "; ".join([said, *([suspect] if suspect else []), shown(text)])
    advice = _advice(slow, suspect)
    if waited and slow.before_ms is not None and not slow.reads_more:
        advice = "ask the owner of the session that held the lock to keep its transactions short; its plan reads what it always read"
    return _row(Standing(slow, since, now, said, suspect), said, advice)


def _no_more_blocks(slow: Slow, waited: str | None) -> str:
    said = "its blocks do not explain it: it reads no more than before, so it waited (for a lock, for the disk) or the processors were busy"
    slowest = slow.now.slowest_ms
    if slowest is not None and slow.now.total_ms > 0 and slowest > _MOST_OF_IT * slow.now.total_ms:
        said += f"; one call of {slow.now.calls:.0f} took {format_duration(slowest / 1000)}"
    return f"{said}; seen: {waited}" if waited else said


def _advice(slow: Slow, suspect: str | None) -> str:
    if slow.before_ms is not None and not slow.reads_more:
        return "look at lock_waits and at what else ran then; its plan reads what it always read"
    look = "look at its plan with explain"
    if suspect and suspect.startswith("deployment"):
        return f"{look}; add what is missing, or trigger rollback_migrations for that deployment"
    return f"{look}, and add what is missing"


def carried_on(
    before: Sequence[Row], found: Mapping[str, Window], now: datetime, limits: Statements
) -> tuple[dict[str, Standing], list[Row]]:
    """Of the slow queries of the run before: those that were called and are slow still, by key with today's window, and
    the rows of those of which there is nothing new to say yet. The rest is over.
    """
    still: dict[str, Standing] = {}
    waiting: list[Row] = []
    for row in before:
        if not row.detail.get("since"):
            continue
        kept = _standing(row)
        if now - kept.since > timedelta(seconds=limits.accepted_after):
            continue
        window = found.get(kept.slow.key)
        if window is None or (kept.slow.before_ms is not None and window.calls < limits.calls):
            # A new query that nobody calls any more is gone; one that the application has always had comes back.
            if kept.slow.before_ms is not None and now - kept.called <= timedelta(seconds=limits.not_called):
                waiting.append(_row(kept, f"{kept.said}; hardly called since {kept.called:%Y-%m-%d %H:%M} UTC"))
        elif is_still_slow(kept.slow, window, limits):
            slow = replace(kept.slow, now=window)
            still[slow.key] = Standing(slow, kept.since, now, kept.said, kept.suspect)
    return still, waiting


def _standing(row: Row) -> Standing:
    detail: Mapping[str, Any] = row.detail
    window = Window(0, row.value or 0.0, 0)
    slow = Slow(
        detail["key"],
        window,
        detail["before_ms"],
        detail["before_blocks"],
        detail["reads_more"],
        detail.get("role", ""),
    )
    return Standing(
        slow,
        datetime.fromisoformat(detail["since"]),
        datetime.fromisoformat(detail["called"]),
        detail["said"],
        detail.get("suspect"),
    )


def _row(standing: Standing, cause: str, advice: str | None = None) -> Row:
    slow = standing.slow
    return Row(
        slow.object,
        round(slow.now.mean_ms, 3),
        "ms",
        {
            "alert": True,
            "cause": cause,
            "do": advice or _advice(slow, standing.suspect),
            "suspect": standing.suspect,
            "role": slow.role,
            "key": slow.key,
            "said": standing.said,
            "since": standing.since.isoformat(),
            "called": standing.called.isoformat(),
            "before_ms": slow.before_ms,
            "before_blocks": slow.before_blocks,
            "reads_more": slow.reads_more,
        },
    )
