"""The look at materialized views: reads them and pg_cron's jobs, and judges how fresh each view is."""

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
from pg_deploy.monitor.commands import read_command, split_path
from pg_deploy.monitor.cron import Cron, read_cron
from pg_deploy.monitor.cron_measures import FAILURES, HISTORY, measure_cron
from pg_deploy.monitor.freshness import judge_view
from pg_deploy.monitor.jobs import KnownJob, find_next_due
from pg_deploy.monitor.known_jobs_and_views import KnownView, Memory, rules_of
from pg_deploy.monitor.materialized_at import read_ages, read_zones
from pg_deploy.monitor.measures import Measured, Row, explain_error, set_deadlines
from pg_deploy.monitor.refreshers import Refreshes, Routines, ViewNames, find_refreshes
from pg_deploy.monitor.runs import Runs, read_runs
from pg_deploy.monitor.thresholds import ViewLimits
from pg_deploy.monitor.verdicts import Holder, Look, SeenView
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

MEASURE = "view_freshness"
MORE = "and others"
# So many views are asked for their age in one query.
_TOGETHER = 100
# A sample is kept for days, so of thousands of views it keeps only so many, and first those about which there is something to say.
_KEPT = 300


@dataclass(frozen=True)
class View:
    """A materialized view as the catalog has it.

    `refreshed_s` is how long ago this monitor refreshed it, `refresh_problem` why its last try failed. `time_type` is the type of its
    column materialized_at, if it has one. `bytes` is None while somebody locks everybody out. `mark` and `rows_written` change with each
    refresh.
    """

    name: str
    schema: str
    relation: str
    oid: int
    populated: bool
    bytes: int | None
    rows: int | None
    time_type: str | None
    concurrently: bool
    may_refresh: bool
    readable: bool
    owner: str
    refreshed_s: float | None
    refresh_problem: str | None
    mark: str
    rows_written: int

    @property
    def identifier(self) -> sql.Identifier:
        """Its name, quoted."""
        return sql.Identifier(self.schema, self.relation)


@dataclass(frozen=True)
class LookResult:
    """What a look at views and jobs measured, and what the next look has to know."""

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
    limits: ViewLimits,
    memory: Memory,
    *,
    refreshed: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> LookResult:
    """Measure the views, one row for each with its age in seconds, its limit and its cause, and then pg_cron itself. Reads only.

    `refreshed` says, by view, what happened when this run refreshed it. `now` is by default the server's time.
    """
    try:
        with connection.transaction():
            set_deadlines(connection)
            views = read_views(connection)
        cron, clock = read_cron(connection)
        now = now or clock
        jobids = [job.jobid for job in cron.jobs]
        runs = memory.runs if cron.missing else _read_runs(connection, memory, jobids, now)
        if memory.is_new_database:
            # A run that was at work when the backup was taken has no session here.
            runs = replace(runs, jobs={jobid: replace(each, open=()) for jobid, each in runs.jobs.items()})
        refreshes, settings = _read_refreshes(connection, cron, views)
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return LookResult(tuple(explain_error(name, error) for name in (MEASURE, FAILURES, HISTORY)), memory)
    known = memory.known_jobs(cron, runs, now)
    look = Look(now, cron, known, refreshes, limits, {view.oid: view.name for view in views}, runs.problem)
    known_views = {view.oid: _known_view(view, memory, now) for view in views}
    seen = _make_seen_views(connection, views, known_views, look, settings)
    tried = {view.name: view.refresh_problem for view in views if view.refresh_problem}
    rows = [judge_view(each, look, (refreshed or {}).get(each.name), tried.get(each.name)) for each in seen]
    after = Memory(
        now,
        False,
        runs,
        {job.jobid: (rules_of(job, cron), known[job.jobid].since) for job in cron.jobs},
        {view.oid: _with_jobs(known_views[view.oid], view, refreshes, known) for view in views},
        {jobid: _due(each, cron, limits) for jobid, each in known.items() if each.job.active},
    )
    told_jobs = {row.detail["jobid"] for row in rows if row.detail["alert"]}
    more = measure_cron(connection, look, told_jobs) if not cron.missing else ()
    if cron.hidden:
        more = tuple(Measured(name, problem=f"not visible: {cron.missing}") for name in (FAILURES, HISTORY))
    return LookResult((Measured(MEASURE, _shortened(rows)), *more), after)


def _read_runs(connection: Connection, memory: Memory, jobids: Sequence[int], now: datetime) -> Runs:
    try:
        return read_runs(connection, memory.runs, jobids, now)
    except psycopg.errors.UndefinedTable:
        return replace(memory.runs, problem="pg_cron keeps no runs here")


def _read_refreshes(
    connection: Connection, cron: Cron, views: Sequence[View]
) -> tuple[dict[int, Refreshes], Mapping[tuple[str, str], str | None]]:
    """What each job of this database refreshes, and the settings by which the jobs' roles read names and times."""
    roles = sorted({job.role for job in cron.jobs if job.here})
    with connection.transaction():
        set_deadlines(connection)
        with connection.cursor(row_factory=tuple_row) as cursor:
            rows = cursor.execute(engine_sql("monitor/views/role_settings"), {"roles": roles}).fetchall()
        settings = {(role, setting): value for role, setting, value in rows}
        paths = {role: split_path(value) for (role, name), value in settings.items() if name == "search_path" and value}
        names = ViewNames({(view.schema, view.relation): view.oid for view in views}, paths)
        routines = Routines(connection)
        refreshes = {job.jobid: find_refreshes(job.command, job.role, names, routines) for job in cron.jobs if job.here}
    return refreshes, settings


def _known_view(view: View, memory: Memory, now: datetime) -> KnownView:
    before = memory.views.get(view.oid, KnownView(view.name))
    return before.after_look(view.mark, view.rows_written, memory.looked_at, now)


def _due(known: KnownJob, cron: Cron, limits: ViewLimits) -> tuple[str, datetime | None]:
    # If its runs cannot be seen, nobody knows which of them began.
    due = None if known.why_unseen else find_next_due(known, cron, limits)
    return known.job.name, due.at if due else None


def _with_jobs(
    before: KnownView, view: View, refreshes: Mapping[int, Refreshes], known: Mapping[int, KnownJob]
) -> KnownView:
    """The view with the jobs that surely refresh it now. If there are none any more, it keeps its earlier jobs and its name then."""
    jobs = {jobid: known[jobid].job.name for jobid, each in refreshes.items() if view.oid in each.surely}
    return replace(before, jobs=jobs or before.jobs, name=view.name if jobs or not before.jobs else before.name)


def _make_seen_views(
    connection: Connection,
    views: Sequence[View],
    known_views: Mapping[int, KnownView],
    look: Look,
    settings: Mapping[tuple[str, str], str | None],
) -> list[SeenView]:
    zones = _zones(connection, views, look, settings)
    asked = [
        (view.oid, view.identifier, zones[view.oid])
        for view in views
        if view.populated and view.bytes is not None and view.oid in zones and zones[view.oid] != ""
    ]
    stated_age_s: dict[int, float | None] = {}
    for start in range(0, len(asked), _TOGETHER):
        stated_age_s |= read_ages(connection, asked[start : start + _TOGETHER])
    kept = _kept_jobs(views, look.cron)
    # Only its lock tells about a run that nobody writes down.
    unseen = {oid for jobid, each in look.refreshes.items() if look.known[jobid].why_unseen for oid in each.surely}
    seen_views = []
    for view in views:
        age_problem = (
            "its materialized_at has no time zone, and its definition does not tell one"
            if zones.get(view.oid) == ""
            else None
        )
        if view.oid in stated_age_s and stated_age_s[view.oid] is None:
            age_problem = "its materialized_at lies in the future, or is empty"
        seen_views.append(
            SeenView(
                view.oid,
                view.name,
                view.populated,
                view.concurrently,
                view.may_refresh,
                view.owner,
                view.bytes,
                view.rows,
                view.refreshed_s,
                stated_age_s.get(view.oid),
                age_problem,
                # Holders are read if somebody locks everybody out, which is why the size is missing, or if runs cannot be seen.
                _read_holders(connection, view, readers=False) if view.bytes is None or view.oid in unseen else (),
                # This holds the view's name at the last look, so that a view that was renamed is recognised.
                known_views[view.oid],
                kept.get(view.oid),
            )
        )
    return seen_views


def _zones(
    connection: Connection,
    views: Sequence[View],
    look: Look,
    settings: Mapping[tuple[str, str], str | None],
) -> dict[int, str | None]:
    """The time zone of each view's materialized_at: None if its type has one, "" if the time cannot be placed."""
    dated = [view for view in views if view.time_type and view.readable]
    plain = [view.oid for view in dated if view.time_type != "timestamp with time zone" and view.bytes is not None]
    named = read_zones(connection, plain) if plain else {}
    zones: dict[int, str | None] = {}
    for view in dated:
        if view.time_type == "timestamp with time zone":
            zones[view.oid] = None
        elif named.get(view.oid) == "":
            roles = {look.known[jobid].job.role for jobid, each in look.refreshes.items() if view.oid in each.surely}
            of_roles = {settings.get((role, "TimeZone")) for role in roles}
            zones[view.oid] = (of_roles.pop() or "") if len(of_roles) == 1 else ""
        else:
            zones[view.oid] = named.get(view.oid) or ""
    return zones


def _kept_jobs(views: Sequence[View], cron: Cron) -> dict[int, str]:
    """The job that the last deployment left for each view, by the view's oid."""
    named = {(view.schema, view.relation): view.oid for view in views}
    kept_jobs: dict[int, str] = {}
    for job in cron.kept:
        for schema, name in ((each.schema, each.name) for each in read_command(job.command).refreshes):
            # A name without a schema may be any view of that name.
            oids = [oid for (_, each), oid in named.items() if each == name] if not schema else []
            kept_jobs.update(
                dict.fromkeys([*oids, *([named[schema, name]] if (schema, name) in named else [])], job.name)
            )
    return kept_jobs


def describe_holders(connection: Connection, view: View, *, readers: bool) -> str | None:
    """The three oldest sessions that hold a lock on the view, in words; with `readers` also those that only read it. Reads only."""
    return ", ".join(each.words for each in _read_holders(connection, view, readers=readers)) or None


def describe_workers(connection: Connection, view: View) -> str | None:
    """The sessions, of the three oldest, that work on the view now, in words: they are not idle, and others wait for them. Reads only."""
    at_work = [each.words for each in _read_holders(connection, view, readers=False) if not each.idle]
    return ", ".join(at_work) or None


def _read_holders(connection: Connection, view: View, *, readers: bool) -> tuple[Holder, ...]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(engine_sql("monitor/views/holders"), {"oid": view.oid, "readers": readers}).fetchall()
    return tuple(Holder(row["pid"], _describe_holder(row), row["idle"]) for row in rows)


def _describe_holder(row: Mapping[str, Any]) -> str:
    application = f", {row['application']}" if row["application"] else ""
    idle = " and sits idle" if row["idle"] else ""
    began = f"its transaction began {format_duration(row['age_s'])} ago"
    return f"pid {row['pid']} ({row['role']}{application}; {row['mode']}, {began}{idle})"


def _shortened(rows: Sequence[Row]) -> tuple[Row, ...]:
    if len(rows) <= _KEPT:
        return tuple(rows)
    ranked = sorted(
        rows, key=lambda row: (not row.detail["alert"], not row.detail.get("worth_a_look"), not row.detail["stale"])
    )
    alerts = [row for row in rows if row.detail["alert"]]
    kept = {row.object for row in ranked[:_KEPT]}
    # Each alert needs a row of its own, but one row is enough for the alerts of a group.
    kept |= {row.object for row in alerts if not row.detail.get("group")}
    left = [row for row in rows if row.object not in kept]
    unknown = sum(bool(row.detail["unknown"]) for row in left)
    more = {"alert": False, "stale": False, "more": len(left), "unknown_of_them": unknown}
    groups = Counter(row.detail["group"] for row in left if row.detail.get("group"))
    kept_rows = []
    for row in rows:
        if row.object in kept:
            # The first kept row of a group carries the number of those that are not kept.
            left_out = groups.pop(row.detail.get("group"), 0)
            kept_rows.append(replace(row, detail={**row.detail, "left_out": left_out}) if left_out else row)
    return (*kept_rows, Row(MORE, None, "s", more))
