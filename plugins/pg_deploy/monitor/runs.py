"""The runs of pg_cron's jobs, read once each by run id, and remembered: cron.job_run_details may be huge, purged or empty."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from pg_deploy.monitor.cron import Cron, Job
from pg_deploy.monitor.measures import bounded
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

_STRETCH = 250_000
# Of a table that was never purged the newest rows say all that is still true.
_MOST = 6_000_000
_WITHIN_S = 6.5
# A run that has neither a session nor a start yet is about to begin.
_BEGINS_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True)
class OpenRun:
    """A run without an end. `alive`: its session is at work; else the run hangs, and nobody will end it.

    It was there at `seen`; one that never began has only a time (`since`) after which it was to begin.
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
    """What is known of one job's runs; times are None where none was seen.

    `started` is the start of the newest run, `good` that of the newest that succeeded, `failed` how many have failed since.
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
        """The newest run that is at work."""
        return max((run for run in self.open if run.alive), key=lambda run: run.runid, default=None)

    @property
    def hanging(self) -> OpenRun | None:
        """The newest run, where it hangs: one that was followed by another is only left over."""
        newest = max(self.open, key=lambda run: run.runid, default=None)
        over = newest is None or newest.alive or (self.started is not None and newest.since < self.started)
        return (
            None
            if over or (self.finished is not None and newest is not None and newest.since < self.finished)
            else newest
        )


@dataclass(frozen=True)
class Runs:
    """All jobs' runs by job id, up to which run id they were read, and why more could not be. `own` is the role whose runs
    alone are visible.
    """

    jobs: Mapping[int, JobRuns] = field(default_factory=dict)
    read_to: int = 0
    problem: str | None = None
    own: str | None = None

    def of(self, jobid: int) -> JobRuns:
        """What is known of a job's runs."""
        return self.jobs.get(jobid, JobRuns())

    def unseen_of(self, job: Job, cron: Cron) -> str | None:
        """Why the runs of a job cannot be seen as of this look; None where they can, or there are none."""
        if self.problem:
            return self.problem
        if cron.keeps_no_runs:
            return "cron.log_run is off, so its runs are not written down"
        if self.own is not None and job.role != self.own and self.of(job.jobid).started is None:
            return "this role sees only its own runs"
        if cron.may_keep_no_runs and not self.read_to:
            return "this role cannot see whether pg_cron writes its runs down"
        return None


def read_runs(connection: Connection, before: Runs, jobids: Collection[int], now: datetime) -> Runs:
    """What was known before, with what came since: one pass from there, then only single rows. Reads only.

    Gives up after some seconds and goes on from there at the next look.
    """
    try:
        with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
            bounded(connection)
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
    # Ids that begin again belong to a table that was made anew.
    after = before.read_to if before.read_to <= last else 0
    after = max(after, first - 1, last - _MOST if after == 0 else 0)
    began = time.monotonic()
    problem = None
    while after < last and problem is None:
        upto = min(after + _STRETCH, last)
        try:
            _read_stretch(connection, jobs, after, upto, now)
            after = upto
        except psycopg.errors.QueryCanceled:
            problem = f"cron.job_run_details was read up to run {after} of {last} in this look"
        if time.monotonic() - began > _WITHIN_S and after < last:
            problem = f"cron.job_run_details was read up to run {after} of {last} in this look"
    _look_at_open(connection, jobs, now)
    return Runs(jobs, after, problem, row["own"])


def _read_stretch(connection: Connection, jobs: dict[int, JobRuns], after: int, upto: int, now: datetime) -> None:
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        bounded(connection)
        found = cursor.execute(
            engine_sql("monitor/views/runs"), {"after": after, "upto": upto, "jobs": list(jobs)}
        ).fetchall()
        ids = {each[name] for each in found for name in ("started", "finished", "good") if each[name] is not None}
        ids |= {runid for each in found for runid in each["open"]}
        rows = _rows(cursor, ids)
    for each in found:
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
            # One that could not even connect has no times: it was tried before this look.
            new = replace(
                new,
                status=row["status"],
                message=row["message"] or "",
                finished=row["started"] or row["ended"] or new.started or now,
                ended=row["ended"] or new.ended,
            )
        opened = tuple(_open(rows[runid], now) for runid in each["open"] if runid in rows)
        jobs[each["jobid"]] = replace(new, failed=new.failed + each["failed"], open=(*opened, *old.open)[:5])


def _look_at_open(connection: Connection, jobs: dict[int, JobRuns], now: datetime) -> None:
    """Runs that had no end at the last look may have one now."""
    ids = {run.runid for each in jobs.values() for run in each.open}
    if not ids:
        return
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        bounded(connection)
        rows = _rows(cursor, ids)
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
            elif row["status"] == "failed":
                new = replace(new, failed=new.failed + 1)
        still = [
            _open(rows[runid], known[runid].seen or known[runid].since)
            for runid in known
            if runid in rows and rows[runid]["status"] not in ("succeeded", "failed")
        ]
        jobs[jobid] = replace(new, open=tuple(_settled(run, now) for run in still))


def _rows(cursor: psycopg.Cursor[dict[str, Any]], ids: Collection[int]) -> dict[int, dict[str, Any]]:
    found = cursor.execute(engine_sql("monitor/views/run"), {"runs": sorted(ids)}).fetchall()
    return {row["runid"]: row for row in found}


def _open(row: Mapping[str, Any], seen: datetime) -> OpenRun:
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


def _settled(run: OpenRun, now: datetime) -> OpenRun:
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
    opened = tuple(
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
    return JobRuns(**{**value, "started": None, "finished": None, "ended": None, "good": None, **times, "open": opened})
