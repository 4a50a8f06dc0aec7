"""The page of one run: the open alerts first, then the database at a glance. Only the line of an open alert begins with ALERT."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from textwrap import shorten, wrap

from pg_deploy.configuration.duration import format_duration
from pg_deploy.monitor.judge import Alert, Breach
from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.monitor.page_summary import summary_lines
from pg_deploy.monitor.query_measures import NEW_VIEWS, TOP
from pg_deploy.monitor.take_sample import DEPLOYED
from pg_deploy.monitor.views import MEASURE as VIEWS
from pg_deploy.postgres.session import one_line
from pg_deploy.presentation.lines import Line, marked, plain_lines
from pg_deploy.presentation.sizes import format_size

# These measures have a part of the page for themselves, or are worth a line only if they are beyond a limit.
_ELSEWHERE = frozenset(
    {
        VIEWS,
        "cron_history",
        "same_database",
        TOP,
        NEW_VIEWS,
        DEPLOYED,
        "table_sizes",
        "unused_indexes",
        "duplicate_indexes",
        "watch",
    }
)
# So many views are shown, and so many characters of what is said of one.
_SHOWN_VIEWS, _LONGEST = 25, 300
# The page is read by people and goes into a log. Of hundreds of alerts, the first are told in full (so many bytes), the next in
# short, and the rest are counted. The whole page takes so many bytes at most.
_IN_FULL, _IN_SHORT, _WHOLE = 24_000, 32_000, 44_000
NOT_VISIBLE = "server logs and audit logs are not visible from SQL: read them at your provider"


def page_lines(
    target: str,
    taken_at: datetime,
    measured: Sequence[Measured],
    alerts: Sequence[Alert],
    breaches: Sequence[Breach],
    *,
    before: datetime | None = None,
    watch: Sequence[str] = (),
    contacts: str = "",
) -> list[Line]:
    """The page, line by line. `before` is when the look before this one was. Pure."""
    by_name = {one.measure: one for one in measured}
    since = f", {format_duration((taken_at - before).total_seconds())} after the last look" if before else ""
    lines = [Line(f"{target}, {taken_at:%Y-%m-%d %H:%M} UTC{since}"), Line("")]
    lines += _alerts(alerts, taken_at, contacts)
    for title, part in (
        ("At a glance", summary_lines(by_name, {alert.measure for alert in alerts}, _ELSEWHERE)),
        ("Materialized views", _views(by_name)),
        ("Slowest queries since the last look", _queries(by_name, "mean")),
        ("Queries with the most time since the last look", _queries(by_name, "total")),
        ("The last deployment's indexes and views", _deployed(by_name)),
        ("Watching the last deployment", watch),
        ("Largest tables", _tables(by_name)),
        (
            "Worth a look",
            [
                f"{one.object} ({one.measure}): {one.cause_with_others(one.object, '')}"
                for one in breaches
                if not one.is_alert
            ][:10],
        ),
        ("Not visible, not configured or not measured", _unseen(measured)),
    ):
        rows = list(part)
        if rows:
            lines += plain_lines(["", title, *(f"  {row}" for row in rows)])
    return cut_lines(lines, _WHOLE, "  the rest stands on the page of the database")


def cut_lines(lines: Sequence[Line], most: int, rest: str) -> list[Line]:
    """The first lines that take no more than `most` bytes, and `rest` if that leaves some out. Pure."""
    kept: list[Line] = []
    for line in lines:
        most -= len(line.text.encode()) + 1
        if most < 0:
            return [*kept, Line(rest)]
        kept.append(line)
    return kept


def _alerts(alerts: Sequence[Alert], now: datetime, contacts: str) -> Iterator[Line]:
    if not alerts:
        yield marked("good", "all is well: no alert is open")
        return
    # Each alert below is an error of its own.
    yield Line(f"✗ {len(alerts)} alert{'s are' if len(alerts) > 1 else ' is'} open")
    told_bytes = 0
    for number, alert in enumerate(alerts):
        age = (now - alert.started_at).total_seconds()
        since = f"since {alert.started_at:%Y-%m-%d %H:%M} UTC ({format_duration(age)})" if age > 0 else "new"
        lines = [f"ALERT {one_line(alert.line)}", f"  {since}; what to do: {one_line(alert.what_to_do)}"]
        if told_bytes > _IN_SHORT:
            yield Line(f"  and {len(alerts) - number} more alerts, which stand on the page of the database")
            break
        if told_bytes > _IN_FULL:
            lines = [shorten(lines[0], 120)]
        told_bytes += sum(len(line.encode()) for line in lines)
        yield Line(lines[0], is_bad=True)
        yield from plain_lines(lines[1:])
    if contacts:
        yield Line(f"  contacts: {contacts}")


def _views(by_name: Mapping[str, Measured]) -> Iterator[str]:
    rows = _rows(by_name, VIEWS)
    shown = sorted(rows, key=lambda row: (not row.detail.get("alert"), not row.detail.get("cause")))[:_SHOWN_VIEWS]
    for row in [row for row in rows if row in shown]:
        yield from _view(row)
    left = [row for row in rows if row not in shown]
    more = sum(int(row.detail.get("more", 1)) for row in left)
    if more:
        unknown = sum(int(row.detail.get("unknown_of_them", bool(row.detail.get("unknown")))) for row in left)
        yield f"and {more} more" + (f", {unknown} of them of unknown age" if unknown else "")


def _view(row: Row) -> Iterator[str]:
    detail = row.detail
    if "more" in detail:
        return
    mark = "✗" if detail.get("alert") else "·" if detail.get("stale") or detail.get("unknown") else "✓"
    age = f"{format_duration(row.value)} old" if row.value is not None else "age unknown"
    limit = f" ({format_duration(detail['limit_s'])} allowed)" if detail.get("limit_s") is not None else ""
    size = format_size(detail["bytes"]) if detail["bytes"] is not None else "size unknown"
    rows = f"about {detail['rows']} rows" if detail.get("rows") is not None else "rows unknown"
    job = f"job {detail['job']}" if detail.get("job") else "no job"
    job += f" ({detail['schedule']})" if detail.get("schedule") else ", which is gone" if detail.get("job") else ""
    yield f"{mark} {row.object}: {age}{limit}, {size}, {rows}, {job}"
    if detail.get("cause") and not detail.get("alert"):
        yield f"    {shorten(one_line(detail['cause']), _LONGEST)}"
    elif detail.get("refreshed"):
        yield f"    the monitor: {detail['refreshed']}"


def _queries(by_name: Mapping[str, Measured], which: str) -> Iterator[str]:
    for row in _rows(by_name, TOP):
        if row.detail["list"] == which:
            total = format_duration(row.detail["total_ms"] / 1000)
            yield f"{row.value:>9.1f} ms x {row.detail['calls']:<7.0f} = {total:<9} {row.detail['text']}"


def _deployed(by_name: Mapping[str, Measured]) -> Iterator[str]:
    calls = {row.object: row.value for row in _rows(by_name, NEW_VIEWS)}
    indexes = [row for row in _rows(by_name, DEPLOYED) if row.detail["kind"] == "index"]
    for row in indexes:
        if row.detail["valid"] is None:
            yield f"✗ index {row.object}: it is gone"
        elif not row.detail["valid"]:
            yield f"✗ index {row.object}: NOT valid"
        elif row.value:
            yield f"✓ index {row.object}: valid, {row.value:.0f} scans since"
    idle = [row.object.removeprefix("public.") for row in indexes if row.detail["valid"] and not row.value]
    if idle:
        yield from wrap(f"· valid, not used since: {', '.join(idle)}", 110, subsequent_indent="    ")
    for row in _rows(by_name, DEPLOYED):
        if row.detail["kind"] != "index":
            named = calls.get(row.object)
            said = (
                "calls not visible"
                if named is None
                else f"queried {named:.0f} times since"
                if named
                else "not queried since"
            )
            yield f"{'✓' if named else '·'} view {row.object}: {said}"


def _tables(by_name: Mapping[str, Measured]) -> Iterator[str]:
    for row in _rows(by_name, "table_sizes")[:5]:
        about = row.detail.get("rows")
        yield f"{format_size(row.value or 0):>10}  {row.object}" + (
            f", about {about} rows" if about is not None else ""
        )


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
