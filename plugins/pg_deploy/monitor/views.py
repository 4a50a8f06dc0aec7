"""Materialized views: how old each is, how old it may be, and why it is older."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row

from pg_deploy.duration import format_duration
from pg_deploy.monitor.measures import DIRECTORY, Measured, Row, bounded, told
from pg_deploy.monitor.schedules import interval
from pg_deploy.monitor.thresholds import Views
from pg_deploy.session import Connection, one_line, without_secrets

MEASURE = "view_freshness"
_NAMED = re.compile(
    r"""refresh\s+materialized\s+view\s+(?:concurrently\s+)?((?:"(?:[^"]|"")+"|[\w$]+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[\w$]+))?)""",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class View:
    """A materialized view as the catalog has it; `refreshed_s` is how long ago this monitor refreshed it."""

    name: str
    schema: str
    relation: str
    oid: int
    populated: bool
    bytes: int
    rows: int | None
    tells_its_time: bool
    concurrently: bool
    mine: bool
    readable: bool
    owner: str
    refreshed_s: float | None
    refresh_problem: str | None

    @property
    def identifier(self) -> sql.Identifier:
        """Its name, quoted."""
        return sql.Identifier(self.schema, self.relation)


@dataclass(frozen=True)
class Job:
    """A job of pg_cron that refreshes views; how long ago it last ran and last succeeded, in seconds."""

    jobid: int
    name: str
    schedule: str
    command: str
    active: bool
    status: str | None
    message: str | None
    ran_s: float | None
    succeeded_s: float | None

    def refreshes(self, view: View) -> bool:
        """Whether its command names the view."""
        for found in _NAMED.finditer(self.command):
            parts = [_folded(part) for part in re.findall(r'"(?:[^"]|"")+"|[\w$]+', found[1])]
            if parts in ([view.relation], [view.schema, view.relation]):
                return True
        return False


@dataclass(frozen=True)
class Cron:
    """What can be seen of pg_cron: its jobs, or why there are none."""

    jobs: tuple[Job, ...]
    missing: str | None = None


def read_views(connection: Connection) -> tuple[View, ...]:
    """All materialized views. Reads only."""
    with connection.cursor(row_factory=class_row(View)) as cursor:
        return tuple(cursor.execute((DIRECTORY / "views" / "views.sql").read_bytes()).fetchall())


def read_cron(connection: Connection) -> Cron:
    """The jobs that refresh views. Reads only."""
    try:
        with connection.transaction(), connection.cursor(row_factory=class_row(Job)) as cursor:
            bounded(connection)
            return Cron(tuple(cursor.execute((DIRECTORY / "views" / "jobs.sql").read_bytes()).fetchall()))
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return Cron((), "the extension pg_cron is missing in this database")
    except psycopg.errors.InsufficientPrivilege:
        return Cron((), "this role may not read the jobs of pg_cron")


def measure_views(
    connection: Connection,
    limits: Views,
    before: Sequence[Row] = (),
    *,
    stale_at_first: Mapping[str, str] | None = None,
) -> Measured:
    """One row a view: its age in seconds, its limit, whether that is an alert, and the cause. Reads only.

    `before` are the rows of the run before: a job that was there and is gone is named. `stale_at_first` says that this is
    the second look of the run, and what happened to each view that was refreshed in between.
    """
    try:
        views = read_views(connection)
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return told(MEASURE, error)
    cron = read_cron(connection)
    earlier = {row.object: row.detail for row in before}
    rows = [
        _judge(
            view,
            cron,
            limits,
            earlier.get(view.name, {}),
            _told_time(connection, view),
            (stale_at_first or {}).get(view.name),
        )
        for view in views
    ]
    return Measured(MEASURE, tuple(rows))


@dataclass(frozen=True)
class _Time:
    """What the view itself says of its age, in seconds; `locked_by` where it could not be asked."""

    age_s: float | None = None
    locked_by: str | None = None


def _told_time(connection: Connection, view: View) -> _Time:
    if not (view.populated and view.tells_its_time and view.readable):
        return _Time()
    try:
        with connection.transaction():
            bounded(connection)
            row = connection.execute(
                sql.SQL(
                    "select extract(epoch from clock_timestamp() - v.materialized_at)::float8 from {} v limit 1"
                ).format(view.identifier)
            ).fetchone()
    except psycopg.errors.LockNotAvailable:
        return _Time(locked_by=holders(connection, view, readers=False) or "somebody")
    except psycopg.errors.UndefinedTable:
        return _Time()
    return _Time(row[0]) if row else _Time()


def holders(connection: Connection, view: View, *, readers: bool) -> str | None:
    """Who holds a lock on the view, in words; with `readers`, also those who only read it. Reads only."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            (DIRECTORY / "views" / "holders.sql").read_bytes(), {"oid": view.oid, "readers": readers}
        ).fetchall()
    return ", ".join(_holder(row) for row in found) or None


def _holder(row: Mapping[str, Any]) -> str:
    application = f", {row['application']}" if row["application"] else ""
    return f"pid {row['pid']} ({row['role']}{application}; {row['mode']} for {format_duration(row['age_s'])})"


def _judge(
    view: View, cron: Cron, limits: Views, earlier: Mapping[str, Any], told_time: _Time, refreshed: str | None
) -> Row:
    job = next((job for job in sorted(cron.jobs, key=lambda one: not one.active) if job.refreshes(view)), None)
    age, source = _age(view, job, told_time)
    pause = interval(job.schedule) if job else None
    limit = limits.limits.get(view.name) or (
        pause * limits.times_schedule if pause is not None else limits.without_schedule
    )
    known_job = earlier.get("job")
    alone = view.name in limits.refreshed_by_monitor
    stale = told_time.locked_by is not None or not view.populated or age is None or age > limit
    # Fresh, but only thanks to this monitor: whoever should refresh it does not.
    ours = view.refreshed_s is not None and age is not None and abs(view.refreshed_s - age) < 5 + 0.1 * age
    overdue = _overdue(job, age, limit) or (earlier.get("overdue") if ours and job and job.status != "failed" else None)
    trouble = None if alone else _trouble(job, cron, known_job) or overdue
    broken = trouble is not None and (job is not None or known_job is not None or ours or stale)
    may_be_refreshed = view.mine and told_time.locked_by is None
    alert = broken or (stale and (refreshed is not None or not may_be_refreshed))
    return Row(
        view.name,
        age,
        "s",
        {
            "populated": view.populated,
            "bytes": view.bytes,
            "rows": view.rows,
            "limit_s": limit,
            "source": source,
            "stale": stale,
            "alert": alert,
            "job": job.name if job else (known_job if trouble and not alone else None),
            "schedule": job.schedule if job else None,
            "overdue": overdue,
            "refreshed": refreshed,
            "cause": _cause(view, age, limit, trouble, told_time, refreshed),
        },
    )


def _age(view: View, job: Job | None, told_time: _Time) -> tuple[float | None, str]:
    if not view.populated:
        return None, "not populated"
    if told_time.age_s is not None:
        return told_time.age_s, "materialized_at"
    candidates = [
        (age, source)
        for age, source in ((job.succeeded_s if job else None, "pg_cron"), (view.refreshed_s, "this monitor"))
        if age is not None
    ]
    return min(candidates) if candidates else (None, "nothing tells")


def _trouble(job: Job | None, cron: Cron, known_job: str | None) -> str | None:
    """What is wrong with the job that should refresh the view."""
    if job is None:
        if cron.missing:
            return cron.missing + (f": its job {known_job} is gone with it" if known_job else "")
        if known_job:
            return f"its job {known_job} of pg_cron was deleted"
        return "no job of pg_cron refreshes it"
    if not job.active:
        return f"its job {job.name} of pg_cron is disabled"
    if job.status == "failed":
        said = without_secrets(one_line(job.message or "it left no message"))
        return f"its job {job.name} of pg_cron fails: {said}"
    return None


def _overdue(job: Job | None, age: float | None, limit: float) -> str | None:
    """A job that should have run by now, and did not."""
    if job is None or not job.active or age is None or age <= limit:
        return None
    if job.ran_s is None:
        return f"its job {job.name} of pg_cron never ran"
    return f"its job {job.name} of pg_cron last ran {format_duration(job.ran_s)} ago" if job.ran_s > limit else None


def _cause(
    view: View, age: float | None, limit: float, trouble: str | None, told_time: _Time, refreshed: str | None
) -> str:
    if not view.populated:
        state = "it was never populated"
    elif told_time.locked_by:
        state = f"it is locked by {told_time.locked_by}"
    elif age is None:
        state = "it was never refreshed as far as can be seen"
    elif age > limit:
        state = f"it is {format_duration(age)} old, {format_duration(limit)} are allowed"
    else:
        state = f"it is {format_duration(age)} old"
    parts = [state, *([trouble] if trouble else []), *([refreshed] if refreshed else [])]
    if not view.mine and refreshed is None:
        parts.append(f"this role may not refresh it (its owner is {view.owner})")
    return "; ".join(parts)


def _folded(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
