"""Materialized views: how old each is, how old it may be, and why it is older."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row

from pg_deploy.duration import format_duration
from pg_deploy.monitor.jobs import Cron, Job, Trouble, overdue, read_cron, trouble_of
from pg_deploy.monitor.measures import DIRECTORY, Measured, Row, bounded, told
from pg_deploy.monitor.schedules import interval
from pg_deploy.monitor.thresholds import Views
from pg_deploy.session import Connection

MEASURE = "view_freshness"
LOCKED = "its lock is held by"


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


def read_views(connection: Connection) -> tuple[View, ...]:
    """All materialized views. Reads only."""
    with connection.cursor(row_factory=class_row(View)) as cursor:
        return tuple(cursor.execute((DIRECTORY / "views" / "views.sql").read_bytes()).fetchall())


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
    being_refreshed: str | None = None


def _told_time(connection: Connection, view: View) -> _Time:
    if not (view.populated and view.tells_its_time and view.readable):
        # Its size was not asked, because somebody keeps everybody out.
        return _locked(connection, view) if view.bytes is None else _Time()
    try:
        with connection.transaction():
            bounded(connection)
            row = connection.execute(
                sql.SQL(
                    "select extract(epoch from clock_timestamp() - v.materialized_at)::float8 from {} v limit 1"
                ).format(view.identifier)
            ).fetchone()
    except psycopg.errors.LockNotAvailable:
        return _locked(connection, view)
    except psycopg.errors.UndefinedTable:
        return _Time()
    return _Time(row[0]) if row else _Time()


def _locked(connection: Connection, view: View) -> _Time:
    found = _holders(connection, view, readers=False)
    who = ", ".join(_holder(row) for row in found) or "somebody"
    return _Time(being_refreshed=who) if any(row["refreshing"] for row in found) else _Time(locked_by=who)


def holders(connection: Connection, view: View, *, readers: bool) -> str | None:
    """Who holds a lock on the view, in words; with `readers`, also those who only read it. Reads only."""
    return ", ".join(_holder(row) for row in _holders(connection, view, readers=readers)) or None


def _holders(connection: Connection, view: View, *, readers: bool) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            (DIRECTORY / "views" / "holders.sql").read_bytes(), {"oid": view.oid, "readers": readers}
        ).fetchall()


def _holder(row: Mapping[str, Any]) -> str:
    application = f", {row['application']}" if row["application"] else ""
    return f"pid {row['pid']} ({row['role']}{application}; {row['mode']} for {format_duration(row['age_s'])})"


def _judge(
    view: View, cron: Cron, limits: Views, earlier: Mapping[str, Any], told_time: _Time, refreshed: str | None
) -> Row:
    job = cron.job_of(view.schema, view.relation)
    kept = cron.kept_job_of(view.schema, view.relation)
    age, source = _age(view, job, told_time)
    # A job that was deleted still says how fresh its view has to be.
    schedule = job.schedule if job else earlier.get("schedule") or (kept.schedule if kept else None)
    pause = interval(schedule) if schedule else None
    limit = limits.limits.get(view.name) or (
        pause * limits.times_schedule if pause is not None else limits.without_schedule
    )
    known_job = earlier.get("job") or (kept.name if kept else None)
    alone = view.name in limits.refreshed_by_monitor
    stale = told_time.being_refreshed is None and (
        told_time.locked_by is not None or not view.populated or age is None or age > limit
    )
    # Fresh, but only thanks to this monitor: whoever should refresh it does not.
    ours = view.refreshed_s is not None and age is not None and abs(view.refreshed_s - age) < 5 + 0.1 * age
    late = overdue(job, age, max(limit, (pause or 0) * limits.times_schedule))
    if late is None and earlier.get("overdue") and ours and job and job.ran_s is None:
        late = Trouble(str(earlier["overdue"]), str(earlier["do"]))
    trouble = None if alone else trouble_of(job, cron, known_job) or late
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
            "schedule": schedule if job or trouble else None,
            "has_job": job is not None,
            "overdue": late.cause if late else None,
            "jobid": job.jobid if job else None,
            "refreshed": refreshed,
            "cause": _cause(view, age, limit, trouble.cause if trouble else None, told_time, refreshed),
            "do": _remedy(view, trouble, told_time, refreshed),
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


def _remedy(view: View, trouble: Trouble | None, told_time: _Time, refreshed: str | None) -> str:
    if told_time.locked_by or (refreshed and LOCKED in refreshed):
        said = "ask whoever holds the lock to end the transaction, or end it with pg_terminate_backend(pid)"
        return f"{said}; then {trouble.remedy}" if trouble else said
    if trouble:
        return trouble.remedy
    if not view.mine:
        return f"let its owner, {view.owner}, refresh it, or make it a job of pg_cron"
    return "look at why its refresh does not help: its definition, or what the message says; make refresh tries again"


def _cause(
    view: View, age: float | None, limit: float, trouble: str | None, told_time: _Time, refreshed: str | None
) -> str:
    if not view.populated:
        state = "it was never populated"
    elif told_time.locked_by:
        # A refresh that was tried says by whom.
        state = "it is locked" if refreshed and LOCKED in refreshed else f"it is locked by {told_time.locked_by}"
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
