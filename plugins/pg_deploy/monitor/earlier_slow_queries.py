"""Slow queries that an earlier run found: each is still slow, or is over, or was not called since, which proves neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pg_deploy.configuration.duration import format_duration
from pg_deploy.monitor.measures import Row
from pg_deploy.monitor.slow_queries import SlowQuery, is_still_slow
from pg_deploy.monitor.statements import Window, shown_text
from pg_deploy.monitor.thresholds import StatementLimits

# If one call took more than this share of the time of all calls, the cause names it.
_MOST_OF_IT = 0.5


@dataclass(frozen=True)
class EarlierSlowQuery:
    """A slow query as the last run left it: what it is compared with, since when it is slow, and when it was last called.

    `cause_at_call` is the alert's cause when the query was last called.
    """

    slow: SlowQuery
    slow_since: datetime
    last_called: datetime
    cause_at_call: str
    suspect: str | None = None


def make_slow_row(
    slow: SlowQuery, now: datetime, since: datetime, suspect: str | None, text: str | None, waited: str | None = None
) -> Row:
    """The alert's row for a query that is slow now. `waited` names the lock for which it was seen waiting. Pure."""
    calls = f"{slow.now.calls:.0f} calls since the last look"
    if slow.before_ms is None:
        cause = f"new and slow, {slow.now.mean_ms:.0f} ms a call, {calls}"
    else:
        times = slow.now.mean_ms / max(slow.before_ms, 0.001)
        cause = f"{slow.before_ms:.3g} ms before, {slow.now.mean_ms:.3g} ms now ({times:.0f} times), {calls}"
        if slow.reads_more:
            cause += f", reading {slow.now.mean_blocks:.0f} blocks a call instead of {slow.before_blocks or 0:.0f}"
        else:
            cause += f"; {_no_more_blocks(slow, waited)}"
    cause = "; ".join([cause, *([suspect] if suspect else []), shown_text(text)])
    advice = _advice(slow, suspect)
    if waited and slow.before_ms is not None and not slow.reads_more:
        advice = "ask the owner of the session that held the lock to keep its transactions short; its plan reads what it always read"
    return _row(EarlierSlowQuery(slow, since, now, cause, suspect), cause, advice)


def _no_more_blocks(slow: SlowQuery, waited: str | None) -> str:
    wait = "its blocks do not explain it: it reads no more than before, so it waited (for a lock, for the disk) or the processors were busy"
    slowest = slow.now.slowest_ms
    if slowest is not None and slow.now.total_ms > 0 and slowest > _MOST_OF_IT * slow.now.total_ms:
        wait += f"; one call of {slow.now.calls:.0f} took {format_duration(slowest / 1000)}"
    return f"{wait}; seen: {waited}" if waited else wait


def _advice(slow: SlowQuery, suspect: str | None) -> str:
    if slow.before_ms is not None and not slow.reads_more:
        return "look at lock_waits and at what else ran then; its plan reads what it always read"
    look = "look at its plan with explain"
    if suspect and suspect.startswith("deployment"):
        return f"{look}; add what is missing, or undo that deployment by the DAG that rolls back"
    return f"{look}, and add what is missing"


def judge_earlier_slow_queries(
    before: Sequence[Row], called: Mapping[str, Window], now: datetime, limits: StatementLimits
) -> tuple[dict[str, EarlierSlowQuery], list[Row]]:
    """Judge again the slow queries that the last run found. Pure.

    Returns those that were called and are still slow, by key and with their new window, and the rows of those that were hardly
    called, about which there is nothing new to say. The others are over.
    """
    still_slow: dict[str, EarlierSlowQuery] = {}
    not_called: list[Row] = []
    for row in before:
        if not row.detail.get("since"):
            continue
        kept = _from_row(row)
        if now - kept.slow_since > timedelta(seconds=limits.accepted_after):
            continue
        window = called.get(kept.slow.key)
        if window is None or (kept.slow.before_ms is not None and window.calls < limits.calls):
            # A new query that nobody calls any more is over. One that the application has always had will be called again.
            if kept.slow.before_ms is not None and now - kept.last_called <= timedelta(seconds=limits.not_called):
                not_called.append(
                    _row(kept, f"{kept.cause_at_call}; hardly called since {kept.last_called:%Y-%m-%d %H:%M} UTC")
                )
        elif is_still_slow(kept.slow, window, limits):
            slow = replace(kept.slow, now=window)
            still_slow[slow.key] = EarlierSlowQuery(slow, kept.slow_since, now, kept.cause_at_call, kept.suspect)
    return still_slow, not_called


def _from_row(row: Row) -> EarlierSlowQuery:
    detail: Mapping[str, Any] = row.detail
    window = Window(0, row.value or 0.0, 0)
    slow = SlowQuery(
        detail["key"],
        window,
        detail["before_ms"],
        detail["before_blocks"],
        detail["reads_more"],
        detail.get("role", ""),
    )
    return EarlierSlowQuery(
        slow,
        datetime.fromisoformat(detail["since"]),
        datetime.fromisoformat(detail["called"]),
        detail["said"],
        detail.get("suspect"),
    )


def _row(query: EarlierSlowQuery, cause: str, advice: str | None = None) -> Row:
    slow = query.slow
    return Row(
        slow.object,
        round(slow.now.mean_ms, 3),
        "ms",
        {
            "alert": True,
            "cause": cause,
            "do": advice or _advice(slow, query.suspect),
            "suspect": query.suspect,
            "role": slow.role,
            "key": slow.key,
            "said": query.cause_at_call,
            "since": query.slow_since.isoformat(),
            "called": query.last_called.isoformat(),
            "before_ms": slow.before_ms,
            "before_blocks": slow.before_blocks,
            "reads_more": slow.reads_more,
        },
    )
