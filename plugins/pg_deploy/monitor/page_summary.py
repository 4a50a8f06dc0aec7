"""The first part of the page: one line for each thing that is watched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from pg_deploy.configuration.duration import format_duration
from pg_deploy.monitor.access_drift import MADE_BY_HAND, SERVER_UPGRADED
from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.presentation.sizes import format_size

_WIDTH = 23


def summary_lines(
    by_name: Mapping[str, Measured], alerting: Collection[str], elsewhere: Collection[str]
) -> Iterator[str]:
    """One line for each thing that could be measured: ✓ it is well, ✗ an alert is open, · there is nothing to say yet. Pure.

    `alerting` are the measures with an open alert. The measures of `elsewhere` are shown in other parts of the page.
    """
    for label, measures, worded in _LINES:
        known = [name for name in measures if name in by_name and not by_name[name].problem]
        if known:
            rows = [row for name in known for row in by_name[name].rows]
            said = worded(rows)
            mark = "✗" if any(name in alerting for name in known) else "·" if said is None else "✓"
            yield f"{mark} {label:<{_WIDTH}}{said or 'too little to judge yet'}"
    named = {name for _, measures, _ in _LINES for name in measures} | set(elsewhere)
    for name, one in sorted(by_name.items()):
        if name not in named and not one.problem and any(row.value is not None for row in one.rows):
            yield f"{'✗' if name in alerting else '✓'} {name.replace('_', ' '):<{_WIDTH}}{_values(one.rows)}"


def _values(rows: Collection[Row]) -> str:
    said = [f"{row.object} {row.value:g} {row.unit}" for row in rows if row.value is not None]
    return ", ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "")


def _connections(rows: Collection[Row]) -> str | None:
    for row in rows:
        roles = sorted((row.detail.get("by_role") or {}).items(), key=lambda item: -item[1])
        states = sorted((row.detail.get("by_state") or {}).items(), key=lambda item: -item[1])
        listed = ", ".join(f"{role} {count}" for role, count in roles[:4])
        return f"{row.detail['used']} of {row.detail['most']}: {listed} ({', '.join(f'{n} {state}' for state, n in states)})"
    return None


def _longest(rows: Collection[Row]) -> str:
    longest = max((row.value or 0 for row in rows), default=0)
    return f"{len(rows)}, the longest for {format_duration(longest)}" if rows else "none"


def _share(rows: Collection[Row]) -> str | None:
    return next((f"{row.value:g} {row.unit}" for row in rows if row.value is not None), None)


def _count(rows: Collection[Row]) -> str | None:
    known = [row.value for row in rows if row.value is not None]
    return (f"{sum(known):.0f} since the last look" if sum(known) else "none") if known else None


def _jobs(rows: Collection[Row]) -> str:
    said = [
        f"{row.object} is gone" if row.unit == "gone" else f"{row.object} ({row.value:.0f} {row.unit})"
        for row in rows
        if row.value
    ]
    return ", ".join(said) or "no job fails, apart from those that the views' lines name"


def _replication(rows: Collection[Row]) -> str:
    said = [
        f"slot {row.object} keeps {format_size(row.value)}"
        if row.unit == "bytes"
        else f"{row.object} {row.value:g} s behind"
        for row in rows
        if row.value is not None
    ]
    return ", ".join(said) or "no standby"


def _access(rows: Collection[Row]) -> str:
    made = [str(row.detail.get("cause")) for row in rows if row.object == MADE_BY_HAND]
    upgraded = [str(row.detail.get("cause")) for row in rows if row.object == SERVER_UPGRADED]
    changed = len(rows) - len(made) - len(upgraded)
    said = f"{changed} changed by hand" if changed else "as the last deployment left them"
    said += f"; {upgraded[0]}" if upgraded else ""
    return said + (f"; made by hand since: {made[0][:120]}" if made else "")


def _lints(rows: Collection[Row]) -> str:
    fresh = sum(bool(row.detail.get("alert")) for row in rows)
    return (
        f"{len(rows)} finding{'s' if len(rows) != 1 else ''}, {fresh or 'none'} of them new"
        if rows
        else "nothing found"
    )


def _found(rows: Collection[Row]) -> str:
    return f"{len(rows)} found" if rows else "none"


def _predictions(rows: Collection[Row]) -> str | None:
    for row in rows:
        if "wrong" in row.detail and row.value:
            return f"{row.detail['wrong'] or 'none'} of {row.value:.0f} wrong since {row.object}"
    return None


def _counters(rows: Collection[Row]) -> str:
    return ", ".join(f"{row.object}: {row.unit}" for row in rows) or "counted without a gap"


def _latency(rows: Collection[Row]) -> str | None:
    return ", ".join(f"{row.object} {row.value:.0f} ms" for row in rows if row.value is not None) or None


def _status(rows: Collection[Row]) -> str:
    failing = [row.object for row in rows if row.value]
    return f"{', '.join(failing)} failing" if failing else "each request answered"


def _up(rows: Collection[Row]) -> str:
    return "down" if rows else "answers"


_LINES: tuple[tuple[str, tuple[str, ...], Callable[[Collection[Row]], str | None]], ...] = (
    ("connections", ("connections",), _connections),
    ("idle in transaction", ("idle_in_transaction",), _longest),
    ("transactions at work", ("longest_transaction",), _longest),
    ("waiting for a lock", ("lock_waits",), _longest),
    ("cache hits", ("cache_hit_ratio",), _share),
    ("aborted transactions", ("aborted_transactions",), _share),
    ("deadlocks", ("deadlocks",), _count),
    ("slow queries", ("slow_queries",), _found),
    ("predictions", ("predictions",), _predictions),
    ("statistics of queries", ("pg_stat_statements",), _counters),
    ("jobs of pg_cron", ("cron_failures", "deleted_jobs"), _jobs),
    ("replication", ("replication_lag", "retained_wal"), _replication),
    ("policies and grants", ("access_drift",), _access),
    ("security lints", ("security_lints",), _lints),
    ("invalid indexes", ("invalid_indexes",), _found),
    ("dropped by hand", ("dropped_by_hand",), _found),
    ("API latency", ("api_latency",), _latency),
    ("API status", ("api_status",), _status),
    ("Redis", ("redis",), _up),
    ("Redis hits", ("redis_hit_rate",), _share),
    ("CPU", ("prometheus", "cpu"), _share),
)
