"""Materialized views: reading them and pg_cron's jobs, and how fresh each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row, tuple_row

from pg_deploy.configuration.duration import format_duration
from pg_deploy.monitor.commands import read_command
from pg_deploy.monitor.cron import Cron, read_cron
from pg_deploy.monitor.cron_measures import FAILURES, HISTORY, cron_measures
from pg_deploy.monitor.freshness import judge_view
from pg_deploy.monitor.jobs import Known, next_due
from pg_deploy.monitor.materialized_at import ask_each, zones_of
from pg_deploy.monitor.measures import Measured, Row, bounded, told
from pg_deploy.monitor.refreshers import Names, Refreshes, Routines, path_of_role, refreshed_by
from pg_deploy.monitor.remembered import KnownView, Memory, rules_of
from pg_deploy.monitor.runs import Runs, read_runs
from pg_deploy.monitor.thresholds import Views
from pg_deploy.monitor.verdicts import Holder, Look, Seen
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

MEASURE = "view_freshness"
MORE = "and others"
_TOGETHER = 100
# The rows of a sample are kept for days: of thousands of views those that say something, and the largest.
_KEPT = 300


@dataclass(frozen=True)
class View:
    """A materialized view as the catalog has it; `refreshed_s` is how long ago this monitor refreshed it."""

    name: str
    schema: str
    relation: str
    oid: int
    populated: bool
    bytes: int | None
    rows: int | None
    time_type: str | None
    concurrently: bool
    mine: bool
    readable: bool
    owner: str
    refreshed_s: float | None
    refresh_problem: str | None
    mark: str
    written: int

    @property
    def identifier(self) -> sql.Identifier:
        """Its name, quoted."""
        return sql.Identifier(self.schema, self.relation)


@dataclass(frozen=True)
class Looked:
    """What a look at views and jobs found, and what the next one has to know."""

    measured: tuple[Measured, ...]
    memory: Memory

    @property
    def views(self) -> Measured:
        """The measure of the views."""
        return self.measured[0]


def read_views(connection: Connection) -> tuple[View, ...]:
    """All materialized views. Reads only."""
    with connection.cursor(row_factory=class_row(View)) as cursor:
        return tuple(cursor.execute(engine_sql("monitor/views/views")).fetchall())


def look_at_views(
    connection: Connection,
    limits: Views,
    memory: Memory,
    *,
    refreshed: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> Looked:
    """One row a view: its age in seconds, its limit, whether that is an alert, and the cause; then pg_cron's own. Reads only.

    `refreshed` says what happened to the views that this run refreshed. `now` is the server's clock unless given.
    """
    try:
        with connection.transaction():
            bounded(connection)
            views = read_views(connection)
        cron, clock = read_cron(connection)
        now = now or clock
        jobids = [job.jobid for job in cron.jobs]
        runs = memory.runs if cron.missing else _runs(connection, memory, jobids, now)
        if memory.anew:
            # What was at work when the copy was made has no session here.
            runs = replace(runs, jobs={jobid: replace(each, open=()) for jobid, each in runs.jobs.items()})
        refreshes, names = _refreshes(connection, cron, views)
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return Looked(tuple(told(name, error) for name in (MEASURE, FAILURES, HISTORY)), memory)
    known = memory.known(cron, runs, now)
    look = Look(now, cron, known, refreshes, limits, {view.oid: view.name for view in views}, runs.problem)
    of_views = {view.oid: _known_view(view, memory, now) for view in views}
    seen = _seen(connection, views, of_views, look, names)
    tried = {view.name: view.refresh_problem for view in views if view.refresh_problem}
    rows = [judge_view(each, look, (refreshed or {}).get(each.name), tried.get(each.name)) for each in seen]
    after = Memory(
        now,
        False,
        runs,
        {job.jobid: (rules_of(job, cron), known[job.jobid].since) for job in cron.jobs},
        {view.oid: _with_jobs(of_views[view.oid], view, refreshes, known) for view in views},
        {jobid: _due(each, cron, limits) for jobid, each in known.items() if each.job.active},
    )
    told_jobs = {row.detail["jobid"] for row in rows if row.detail["alert"]}
    more = cron_measures(connection, look, told_jobs) if not cron.missing else ()
    if cron.hidden:
        more = tuple(Measured(name, problem=f"not visible: {cron.missing}") for name in (FAILURES, HISTORY))
    return Looked((Measured(MEASURE, _shortened(rows)), *more), after)


def _runs(connection: Connection, memory: Memory, jobids: Sequence[int], now: datetime) -> Runs:
    try:
        return read_runs(connection, memory.runs, jobids, now)
    except psycopg.errors.UndefinedTable:
        return replace(memory.runs, problem="pg_cron keeps no runs here")


def _refreshes(
    connection: Connection, cron: Cron, views: Sequence[View]
) -> tuple[dict[int, Refreshes], Mapping[tuple[str, str], str | None]]:
    """What each job of this database refreshes, and the settings by which its role reads names and times."""
    roles = sorted({job.role for job in cron.jobs if job.here})
    with connection.transaction():
        bounded(connection)
        with connection.cursor(row_factory=tuple_row) as cursor:
            rows = cursor.execute(engine_sql("monitor/views/paths"), {"roles": roles}).fetchall()
        settings = {(role, setting): value for role, setting, value in rows}
        paths = {
            role: path_of_role(value, role)
            for (role, name), value in settings.items()
            if name == "search_path" and value
        }
        names = Names({(view.schema, view.relation): view.oid for view in views}, paths)
        routines = Routines(connection)
        found = {job.jobid: refreshed_by(job.command, job.role, names, routines) for job in cron.jobs if job.here}
    return found, settings


def _known_view(view: View, memory: Memory, now: datetime) -> KnownView:
    before = memory.views.get(view.oid, KnownView(view.name))
    return before.seen(view.mark, view.written, memory.looked_at, now)


def _due(known: Known, cron: Cron, limits: Views) -> tuple[str, datetime | None]:
    # Of runs that cannot be seen nobody knows whether they began.
    due = None if known.unseen else next_due(known, cron, limits)
    return known.job.name, due.at if due else None


def _with_jobs(
    before: KnownView, view: View, refreshes: Mapping[int, Refreshes], known: Mapping[int, Known]
) -> KnownView:
    """The view with the jobs that surely refresh it now; where there are none any more, those of before with its old name."""
    jobs = {jobid: known[jobid].job.name for jobid, each in refreshes.items() if view.oid in each.surely}
    return replace(before, jobs=jobs or before.jobs, name=view.name if jobs or not before.jobs else before.name)


def _seen(
    connection: Connection,
    views: Sequence[View],
    of_views: Mapping[int, KnownView],
    look: Look,
    settings: Mapping[tuple[str, str], str | None],
) -> list[Seen]:
    zones = _zones(connection, views, look, settings)
    asked = [
        (view.oid, view.identifier, zones[view.oid])
        for view in views
        if view.populated and view.bytes is not None and view.oid in zones and zones[view.oid] != ""
    ]
    told_s: dict[int, float | None] = {}
    for start in range(0, len(asked), _TOGETHER):
        told_s |= ask_each(connection, asked[start : start + _TOGETHER])
    kept = _kept_jobs(views, look.cron)
    # Of a run that nobody wrote down its lock tells.
    unseen = {oid for jobid, each in look.refreshes.items() if look.known[jobid].unseen for oid in each.surely}
    found = []
    for view in views:
        badly = (
            "its materialized_at has no time zone, and its definition does not tell one"
            if zones.get(view.oid) == ""
            else None
        )
        if view.oid in told_s and told_s[view.oid] is None:
            badly = "its materialized_at lies in the future, or is empty"
        found.append(
            Seen(
                view.oid,
                view.name,
                view.populated,
                view.concurrently,
                view.mine,
                view.owner,
                view.bytes,
                view.rows,
                view.refreshed_s,
                told_s.get(view.oid),
                badly,
                # Its size was not asked, because somebody keeps everybody out.
                _holders(connection, view, readers=False) if view.bytes is None or view.oid in unseen else (),
                # The name of the last look tells a view that was renamed.
                of_views[view.oid],
                kept.get(view.oid),
            )
        )
    return found


def _zones(
    connection: Connection,
    views: Sequence[View],
    look: Look,
    settings: Mapping[tuple[str, str], str | None],
) -> dict[int, str | None]:
    """The zone of each view's time: None for a type that has its own, "" where it cannot be placed."""
    told = [view for view in views if view.time_type and view.readable]
    plain = [view.oid for view in told if view.time_type != "timestamp with time zone" and view.bytes is not None]
    named = zones_of(connection, plain) if plain else {}
    found: dict[int, str | None] = {}
    for view in told:
        if view.time_type == "timestamp with time zone":
            found[view.oid] = None
        elif named.get(view.oid) == "":
            roles = {look.known[jobid].job.role for jobid, each in look.refreshes.items() if view.oid in each.surely}
            of_roles = {settings.get((role, "TimeZone")) for role in roles}
            found[view.oid] = (of_roles.pop() or "") if len(of_roles) == 1 else ""
        else:
            found[view.oid] = named.get(view.oid) or ""
    return found


def _kept_jobs(views: Sequence[View], cron: Cron) -> dict[int, str]:
    """The job that the last deployment left for each view, by the view's oid."""
    named = {(view.schema, view.relation): view.oid for view in views}
    found: dict[int, str] = {}
    for job in cron.kept:
        for schema, name in ((each.schema, each.name) for each in read_command(job.command).refreshes):
            # Without a schema it may be any view of that name.
            oids = [oid for (_, each), oid in named.items() if each == name] if not schema else []
            found.update(dict.fromkeys([*oids, *([named[schema, name]] if (schema, name) in named else [])], job.name))
    return found


def holders(connection: Connection, view: View, *, readers: bool) -> str | None:
    """Who holds a lock on the view, in words; with `readers`, also those who only read it. Reads only."""
    return ", ".join(each.words for each in _holders(connection, view, readers=readers)) or None


def workers(connection: Connection, view: View) -> str | None:
    """Who works on the view now: holds a lock on it that keeps others from it, and does not sit idle. Reads only."""
    found = [each.words for each in _holders(connection, view, readers=False) if not each.idle]
    return ", ".join(found) or None


def _holders(connection: Connection, view: View, *, readers: bool) -> tuple[Holder, ...]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(engine_sql("monitor/views/holders"), {"oid": view.oid, "readers": readers}).fetchall()
    return tuple(Holder(row["pid"], _holder(row), row["idle"]) for row in rows)


def _holder(row: Mapping[str, Any]) -> str:
    application = f", {row['application']}" if row["application"] else ""
    idle = ", idle in its transaction" if row["idle"] else ""
    return f"pid {row['pid']} ({row['role']}{application}; {row['mode']} for {format_duration(row['age_s'])}{idle})"


def _shortened(rows: Sequence[Row]) -> tuple[Row, ...]:
    if len(rows) <= _KEPT:
        return tuple(rows)
    ranked = sorted(
        rows, key=lambda row: (not row.detail["alert"], not row.detail.get("worth_a_look"), not row.detail["stale"])
    )
    alerts = [row for row in rows if row.detail["alert"]]
    kept = {row.object for row in ranked[:_KEPT]}
    # What is one alert is kept whole as far as it has to be told apart.
    kept |= {row.object for row in alerts if not row.detail.get("group")}
    left = [row for row in rows if row.object not in kept]
    unknown = sum(bool(row.detail["unknown"]) for row in left)
    more = {"alert": False, "stale": False, "more": len(left), "unknown_of_them": unknown}
    groups = Counter(row.detail["group"] for row in left if row.detail.get("group"))
    found = []
    for row in rows:
        if row.object in kept:
            # The first of an alert's objects carries the number of those that are not kept.
            left_out = groups.pop(row.detail.get("group"), 0)
            found.append(replace(row, detail={**row.detail, "left_out": left_out}) if left_out else row)
    return (*found, Row(MORE, None, "s", more))
