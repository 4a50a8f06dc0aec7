"""The runs of pg_cron's jobs. Each is read once, by its run id, and remembered: cron.job_run_details may be huge, purged or empty."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from pg_deploy.monitor.cron import Cron, Job
from pg_deploy.monitor.measures import set_deadlines
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

# So many run ids are read at once, so many of the newest at the first look (older runs tell nothing that is still true), and for
# so many seconds in one look.
_STRETCH, _MOST, _WITHIN_S = 250_000, 6_000_000, 6.5
# The first stretch of a look: it is read in time on the slowest server, so that each look gets on.
_FIRST_STRETCH = 10_000
# For this long a run that has neither a session nor a start is about to begin; then it hangs.
_BEGINS_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True)
class OpenRun:
    """A run without an end. If it is `alive`, its session is at work; else the run hangs, and nothing will end it.

    `since` is its start; for a run that never began, the start of the run before it. It was first seen at `seen`.
    """

    runid: int
    pid: int | None
    status: str
    since: datetime
    alive: bool
    waits_for: tuple[int, ...] = ()
    seen: datetime | None = None


@dataclass(frozen=True)
class JobRuns:
    """What is known about one job's runs. A time is None if no such run was seen.

    `started` is the start of the newest run, and `started_age` the age of its row in transactions. `good` is the start of the newest
    run that succeeded, and `took_s` how long that took. `finished` is the start of the newest run that has an end, and `ended`, `status`
    and `message` are its end and result. `failed` counts the runs that failed since the last success.
    """

    started: datetime | None = None
    started_age: int | None = None
    status: str | None = None
    message: str = ""
    finished: datetime | None = None
    ended: datetime | None = None
    good: datetime | None = None
    took_s: float | None = None
    failed: int = 0
    open: tuple[OpenRun, ...] = ()

    @property
    def at_work(self) -> OpenRun | None:
        """The newest run that is at work, or None."""
        return max((run for run in self.open if run.alive), key=lambda run: run.runid, default=None)

    @property
    def hanging(self) -> OpenRun | None:
        """The newest run if it hangs, else None: a hanging run that another one followed is only left over."""
        newest = max(self.open, key=lambda run: run.runid, default=None)
        if newest is None or newest.alive:
            return None
        was_followed = any(later is not None and newest.since < later for later in (self.started, self.finished))
        return None if was_followed else newest


@dataclass(frozen=True)
class Runs:
    """What is known about all jobs' runs, by job id.

    They were read up to the run id `read_to`, and `problem` says why not further. `only_role` is this role if it sees only its own runs.
    """

    jobs: Mapping[int, JobRuns] = field(default_factory=dict)
    read_to: int = 0
    problem: str | None = None
    only_role: str | None = None

    def of(self, jobid: int) -> JobRuns:
        """What is known about a job's runs."""
        return self.jobs.get(jobid, JobRuns())

    def why_unseen(self, job: Job, cron: Cron) -> str | None:
        """Why this look cannot see the runs of a job; None if it can, or if there are none."""
        if self.problem:
            return self.problem
        if cron.keeps_no_runs:
            return "cron.log_run is off, so its runs are not written down"
        if self.only_role is not None and job.role != self.only_role and self.of(job.jobid).started is None:
            return "this role sees only its own runs"
        if cron.may_keep_no_runs and not self.read_to:
            return "this role cannot see whether pg_cron writes its runs down"
        return None


def read_runs(connection: Connection, before: Runs, jobids: Collection[int], now: datetime) -> Runs:
    """Add to what was known the runs that came since. Reads only.

    The table is read in one pass from the last run id on; of the runs in it only single rows are read whole. Gives up after some
    seconds, and the next look goes on from there.
    """
    try:
        with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
            set_deadlines(connection)
            row = cursor.execute(
                "select min(d.runid), max(d.runid),"
                " case when row_security_active('cron.job_run_details') then current_user::text end as own"
                " from cron.job_run_details d"
            ).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return replace(before, problem="this role may not read cron.job_run_details")
    jobs = {jobid: before.of(jobid) for jobid in jobids}
    if row is None or row["max"] is None:
        gone = {jobid: replace(each, open=()) for jobid, each in jobs.items()}
        return Runs(gone, before.read_to, None, row["own"] if row else None)
    first, last = int(row["min"]), int(row["max"])
    # Run ids that begin again belong to a table that was made anew.
    after = before.read_to if before.read_to <= last else 0
    after = max(after, first - 1, last - _MOST if after == 0 else 0)
    began = time.monotonic()
    is_too_long = False
    stretch = _FIRST_STRETCH
    while after < last and not is_too_long:
        upto = min(after + stretch, last)
        stretch = min(2 * stretch, _STRETCH)
        try:
            _read_stretch(connection, jobs, after, upto, now)
            after = upto
            is_too_long = time.monotonic() - began > _WITHIN_S
        except psycopg.errors.QueryCanceled:
            is_too_long = True
    problem = f"cron.job_run_details was read up to run {after} of {last} in this look" if after < last else None
    _look_at_open(connection, jobs, now)
    return Runs(jobs, after, problem, row["own"])


def _read_stretch(connection: Connection, jobs: dict[int, JobRuns], after: int, upto: int, now: datetime) -> None:
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        set_deadlines(connection)
        newest = cursor.execute(
            engine_sql("monitor/views/stretch_of_runs"), {"after": after, "upto": upto, "jobs": list(jobs)}
        ).fetchall()
        ids = {each[name] for each in newest for name in ("started", "finished", "good") if each[name] is not None}
        ids |= {runid for each in newest for runid in each["open"]}
        rows = _read_runs_by_id(cursor, ids)
    for each in newest:
        old = jobs[each["jobid"]]
        new = old
        if each["started"] in rows:
            row = rows[each["started"]]
            new = replace(new, started=row["started"], started_age=row["changed_age"])
        if each["good"] in rows:
            row = rows[each["good"]]
            took = (row["ended"] - row["started"]).total_seconds() if row["ended"] and row["started"] else None
            new = replace(new, good=row["started"] or row["ended"], took_s=took, failed=0)
        if each["finished"] in rows:
            row = rows[each["finished"]]
            # A run that could not even connect has no times, but it was tried before this look.
            new = replace(
                new,
                status=row["status"],
                message=row["message"] or "",
                finished=row["started"] or row["ended"] or new.started or now,
                ended=row["ended"] or new.ended,
            )
        open_runs = tuple(_open_run(rows[runid], now) for runid in each["open"] if runid in rows)
        jobs[each["jobid"]] = replace(new, failed=new.failed + each["failed"], open=(*open_runs, *old.open)[:5])


def _look_at_open(connection: Connection, jobs: dict[int, JobRuns], now: datetime) -> None:
    """Look again at the runs that had no end: they may have one now."""
    ids = {run.runid for each in jobs.values() for run in each.open}
    if not ids:
        return
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        set_deadlines(connection)
        rows = _read_runs_by_id(cursor, ids)
    for jobid, each in jobs.items():
        known = {run.runid: run for run in each.open}
        new = each
        for runid in sorted(known):
            row = rows.get(runid)
            if row is None or row["status"] not in ("succeeded", "failed"):
                continue
            at = row["started"] or row["ended"] or known[runid].since
            if new.finished is None or at >= new.finished:
                new = replace(
                    new,
                    status=row["status"],
                    message=row["message"] or "",
                    finished=at,
                    ended=row["ended"] or new.ended,
                )
            if row["status"] == "succeeded" and (new.good is None or at >= new.good):
                took = (row["ended"] - at).total_seconds() if row["ended"] else None
                new = replace(new, good=at, took_s=took, failed=0)
            elif row["status"] == "failed" and (new.good is None or at >= new.good):
                new = replace(new, failed=new.failed + 1)
        still = [
            _open_run(rows[runid], known[runid].seen or known[runid].since)
            for runid in known
            if runid in rows and rows[runid]["status"] not in ("succeeded", "failed")
        ]
        jobs[jobid] = replace(new, open=tuple(_alive_if_about_to_begin(run, now) for run in still))


def _read_runs_by_id(cursor: psycopg.Cursor[dict[str, Any]], ids: Collection[int]) -> dict[int, dict[str, Any]]:
    rows = cursor.execute(engine_sql("monitor/views/runs_by_id"), {"runs": sorted(ids)}).fetchall()
    return {row["runid"]: row for row in rows}


def _open_run(row: Mapping[str, Any], seen: datetime) -> OpenRun:
    first = row["started"] or min(row["followed"] or seen, seen)
    return OpenRun(
        row["runid"],
        row["pid"],
        row["status"],
        row["since"] or seen,
        bool(row["alive"]),
        tuple(row["waits_for"]),
        first,
    )


def _alive_if_about_to_begin(run: OpenRun, now: datetime) -> OpenRun:
    """The run, which counts as alive while it may still begin."""
    begins = run.pid is None and run.seen is not None and now - run.seen < _BEGINS_WITHIN
    return replace(run, alive=True) if begins else run


def as_json(runs: Runs) -> dict[str, Any]:
    """For the ledger."""
    return {"read_to": runs.read_to, "jobs": {str(jobid): _plain(asdict(each)) for jobid, each in runs.jobs.items()}}


def from_json(value: Mapping[str, Any]) -> Runs:
    """Back from the ledger."""
    return Runs({int(jobid): _job(each) for jobid, each in value.get("jobs", {}).items()}, value.get("read_to", 0))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _job(value: Mapping[str, Any]) -> JobRuns:
    times = {
        name: datetime.fromisoformat(value[name]) for name in ("started", "finished", "ended", "good") if value[name]
    }
    open_runs = tuple(
        OpenRun(
            **{
                **run,
                "since": datetime.fromisoformat(run["since"]),
                "waits_for": tuple(run["waits_for"]),
                "seen": datetime.fromisoformat(run["seen"]) if run.get("seen") else None,
            }
        )
        for run in value["open"]
    )
    return JobRuns(
        **{**value, "started": None, "finished": None, "ended": None, "good": None, **times, "open": open_runs}
    )
