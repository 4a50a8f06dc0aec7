"""The page of one run: what stands open first, then the database at a glance. No line but an open alert begins with ALERT."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from pg_deploy.duration import format_duration
from pg_deploy.monitor.judge import Alert, Finding
from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.monitor.queries import NEW_VIEWS, TOP
from pg_deploy.monitor.take import DEPLOYED
from pg_deploy.monitor.views import MEASURE as VIEWS
from pg_deploy.session import one_line

_UNITS = ("B", "kB", "MB", "GB", "TB")
# Shown in sections of their own, or only when they are beyond a limit.
_SECTIONS = frozenset(
    {VIEWS, TOP, NEW_VIEWS, DEPLOYED, "table_sizes", "unused_indexes", "duplicate_indexes", "connections"}
)
_NAMES = {
    "cache_hit_ratio": "cache hits",
    "aborted_transactions": "aborted",
    "redis_hit_rate": "Redis hits",
    "cpu": "CPU",
    "api_latency": "latency",
}
NOT_VISIBLE = "server logs and audit logs are not visible from SQL: read them at your provider"


def page_lines(
    target: str,
    taken_at: datetime,
    measured: Sequence[Measured],
    alerts: Sequence[Alert],
    findings: Sequence[Finding],
    *,
    watch: Sequence[str] = (),
    contacts: str = "",
) -> list[str]:
    """The page, line by line."""
    by_name = {one.measure: one for one in measured}
    lines = [f"{target}, {taken_at:%Y-%m-%d %H:%M} UTC"]
    lines += ["", *_alerts(alerts, taken_at, contacts)]
    for title, part in (
        ("At a glance", _glance(by_name)),
        ("Materialized views", _views(by_name)),
        ("Slowest queries since the last look", _queries(by_name, "mean")),
        ("Queries with the most time since the last look", _queries(by_name, "total")),
        ("The last deployment's indexes and views", _deployed(by_name)),
        ("Watching the last deployment", watch),
        ("Largest tables", _tables(by_name)),
        ("Worth a look", [f"{one.object} ({one.measure}): {one.cause}" for one in findings if not one.is_alert][:10]),
        ("Not visible, not configured or not measured", _unseen(measured)),
    ):
        rows = list(part)
        if rows:
            lines += ["", title, *(f"  {row}" for row in rows)]
    return lines


def _alerts(alerts: Sequence[Alert], now: datetime, contacts: str) -> Iterator[str]:
    if not alerts:
        yield "✓ all is well: no alert is open"
        return
    for alert in alerts:
        yield f"ALERT {one_line(alert.line)}"
        yield f"  since {alert.started_at:%Y-%m-%d %H:%M} UTC ({_ago((now - alert.started_at).total_seconds())})"
        yield f"  what to do: {one_line(alert.what_to_do)}"
    if contacts:
        yield f"  contacts: {contacts}"


def _glance(by_name: Mapping[str, Measured]) -> Iterator[str]:
    connections = _rows(by_name, "connections")
    for row in connections:
        states = ", ".join(f"{count} {state}" for state, count in sorted((row.detail.get("by_state") or {}).items()))
        roles = ", ".join(f"{role} {count}" for role, count in sorted((row.detail.get("by_role") or {}).items()))
        yield f"connections    {row.detail['used']} of {row.detail['most']} ({states}; {roles})"
    for name in ("idle_in_transaction", "longest_transaction", "lock_waits"):
        rows = _rows(by_name, name)
        if name in by_name and not by_name[name].problem:
            longest = max((row.value or 0 for row in rows), default=0)
            said = f"{len(rows)}, the longest for {format_duration(longest)}" if rows else "none"
            yield f"{name.replace('_', ' '):<21}{said}"
    short = []
    for measure, one in sorted(by_name.items()):
        if (
            measure in _SECTIONS
            or one.problem
            or measure in ("idle_in_transaction", "longest_transaction", "lock_waits")
        ):
            continue
        for row in one.rows:
            if row.value is not None and "alert" not in row.detail and row.unit in ("%", "ms", "s"):
                where = "" if row.object in ("the database", "the server") else f" {row.object}"
                short.append(f"{_NAMES.get(measure, measure.replace('_', ' '))}{where} {row.value:g} {row.unit}")
    if short:
        yield " · ".join(short)


def _views(by_name: Mapping[str, Measured]) -> Iterator[str]:
    for row in _rows(by_name, VIEWS):
        detail = row.detail
        mark = "✗" if detail.get("alert") else "·" if detail.get("stale") else "✓"
        age = f"{format_duration(row.value)} old" if row.value is not None else "age unknown"
        rows = f"about {detail['rows']} rows" if detail.get("rows") is not None else "rows unknown"
        job = f"job {detail['job']} ({detail['schedule']})" if detail.get("job") else "no job"
        if detail.get("job") and not detail.get("has_job"):
            job += ", which is gone"
        yield f"{mark} {row.object}: {age} of {format_duration(detail['limit_s'])}, {size(detail['bytes'])}, {rows}, {job}"
        if detail.get("refreshed"):
            yield f"    {detail['refreshed']}"


def _queries(by_name: Mapping[str, Measured], which: str) -> Iterator[str]:
    for row in _rows(by_name, TOP):
        if row.detail["list"] == which:
            total = format_duration(row.detail["total_ms"] / 1000)
            yield f"{row.value:>9.1f} ms x {row.detail['calls']:<7.0f} = {total:<9} {row.detail['text']}"


def _deployed(by_name: Mapping[str, Measured]) -> Iterator[str]:
    calls = {row.object: row.value for row in _rows(by_name, NEW_VIEWS)}
    for row in _rows(by_name, DEPLOYED):
        if row.detail["kind"] == "index":
            used = "not used yet" if not row.value else f"{row.value:.0f} scans since"
            yield f"{'✓' if row.detail['valid'] else '✗'} index {row.object}: {'visible' if row.detail['valid'] else 'NOT valid'}, {used}"
        else:
            named = calls.get(row.object)
            said = "calls not visible" if named is None else f"{named:.0f} calls of queries name it"
            yield f"✓ view {row.object}: {said}"


def _tables(by_name: Mapping[str, Measured]) -> Iterator[str]:
    for row in _rows(by_name, "table_sizes")[:5]:
        about = row.detail.get("rows")
        yield f"{size(row.value or 0):>10}  {row.object}" + (f", about {about} rows" if about is not None else "")


def _unseen(measured: Sequence[Measured]) -> Iterator[str]:
    by_problem: dict[str, list[str]] = {}
    for one in measured:
        if one.problem:
            by_problem.setdefault(one.problem, []).append(one.measure)
    for problem, names in by_problem.items():
        yield f"{', '.join(names)}: {problem}"
    yield NOT_VISIBLE


def _rows(by_name: Mapping[str, Measured], measure: str) -> tuple[Row, ...]:
    return by_name[measure].rows if measure in by_name else ()


def size(amount: float) -> str:
    """Bytes for a reader: `12 MB`."""
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return ""


def _ago(seconds: float) -> str:
    return "now" if seconds < 60 else f"{format_duration(seconds)} ago"
