"""The jobs of pg_cron that refresh materialized views, and what is wrong with one."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row, tuple_row

from pg_deploy.duration import format_duration
from pg_deploy.monitor.measures import DIRECTORY, bounded
from pg_deploy.secrecy import without_secrets
from pg_deploy.session import Connection, one_line

_NAMED = re.compile(
    r"""refresh\s+materialized\s+view\s+(?:concurrently\s+)?((?:"(?:[^"]|"")+"|[\w$]+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[\w$]+))?)""",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Job:
    """A job of pg_cron with what it runs; how long ago it last ran and last succeeded, in seconds."""

    jobid: int
    name: str
    schedule: str
    command: str
    active: bool
    status: str | None
    message: str | None
    ran_s: float | None
    succeeded_s: float | None


@dataclass(frozen=True)
class KeptJob:
    """A job as the last deployment left it."""

    name: str
    schedule: str
    command: str


@dataclass(frozen=True)
class Cron:
    """What can be seen of pg_cron: its jobs, or why there are none; and those of the last deployment."""

    jobs: tuple[Job, ...]
    missing: str | None = None
    kept: tuple[KeptJob, ...] = ()
    stopped: bool = False
    own_only: bool = False

    def job_of(self, schema: str, relation: str) -> Job | None:
        """The job that refreshes that view, an active one before others."""
        naming = [job for job in self.jobs if refreshes(job.command, schema, relation)]
        return min(naming, key=lambda job: not job.active, default=None)

    def kept_job_of(self, schema: str, relation: str) -> KeptJob | None:
        """The job of the last deployment that refreshed that view."""
        return next((job for job in self.kept if refreshes(job.command, schema, relation)), None)


def refreshes(command: str, schema: str, relation: str) -> bool:
    """Whether a command refreshes that view."""
    for found in _NAMED.finditer(command):
        parts = [_folded(part) for part in re.findall(r'"(?:[^"]|"")+"|[\w$]+', found[1])]
        if parts in ([relation], [schema, relation]):
            return True
    return False


def read_cron(connection: Connection) -> Cron:
    """The jobs of this database. Reads only."""
    try:
        with connection.transaction():
            bounded(connection)
            with connection.cursor(row_factory=class_row(KeptJob)) as cursor:
                kept = tuple(cursor.execute((DIRECTORY / "views" / "kept_jobs.sql").read_bytes()).fetchall())
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        kept = ()
    try:
        with connection.transaction():
            bounded(connection)
            with connection.cursor(row_factory=class_row(Job)) as cursor:
                jobs = tuple(cursor.execute((DIRECTORY / "views" / "jobs.sql").read_bytes()).fetchall())
            with connection.cursor(row_factory=tuple_row) as settings:
                row = settings.execute(
                    "select coalesce(current_setting('cron.launch_active_jobs', true), 'on') in ('off', 'false', 'no', '0'),"
                    " row_security_active('cron.job')"
                ).fetchone()
            return Cron(jobs, None, kept, bool(row and row[0]), bool(row and row[1]))
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return Cron((), "the extension pg_cron is missing in this database", kept)
    except psycopg.errors.InsufficientPrivilege:
        return Cron((), "this role may not read the jobs of pg_cron", kept)


@dataclass(frozen=True)
class Trouble:
    """What is wrong with the job that should refresh a view, and what to do about it."""

    cause: str
    remedy: str


def trouble_of(job: Job | None, cron: Cron, known_job: str | None) -> Trouble | None:
    """What is wrong with the job of a view; `known_job` is the one that refreshed it until now."""
    if job is None:
        return _trouble_of_none(cron, known_job)
    if not job.active:
        return Trouble(
            f"its job {job.name} of pg_cron is disabled", f"select cron.alter_job({job.jobid}, active := true)"
        )
    if job.status == "failed":
        return Trouble(
            f"its job {job.name} of pg_cron fails: {_message(job)}",
            f"correct what the message says, or the command with cron.alter_job({job.jobid}, command := …)",
        )
    if cron.stopped:
        return Trouble(
            f"pg_cron starts no jobs, and so not its job {job.name}: cron.launch_active_jobs is off",
            "switch cron.launch_active_jobs on",
        )
    return None


def _trouble_of_none(cron: Cron, known_job: str | None) -> Trouble:
    again = "schedule its refresh again with cron.schedule, or list it under refreshed_by_monitor in thresholds.yaml"
    if cron.missing:
        gone = f": its job {known_job} is gone with it" if known_job else ""
        return Trouble(cron.missing + gone, f"create extension pg_cron (or ask for the right to see it) and {again}")
    changed = next((one for one in cron.jobs if one.name == known_job), None)
    if changed:
        said = f"; its last run failed: {_message(changed)}" if changed.status == "failed" else ""
        return Trouble(
            f"its job {known_job} of pg_cron does not name it any more: the command was changed{said}",
            f"correct the command with cron.alter_job({changed.jobid}, command := …)",
        )
    if known_job:
        return Trouble(f"its job {known_job} of pg_cron was deleted", again)
    seen = " that this role can see (it sees only its own)" if cron.own_only else ""
    return Trouble(f"no job of pg_cron{seen} refreshes it", again)


def overdue(job: Job | None, age_s: float | None, limit_s: float) -> Trouble | None:
    """A job that should have run by now, and did not; `limit_s` is more than its schedule."""
    if job is None or not job.active:
        return None
    look = f"look at cron.job_run_details of job {job.jobid} and at pg_cron's launcher in pg_stat_activity"
    if job.ran_s is not None:
        said = f"its job {job.name} of pg_cron last ran {format_duration(job.ran_s)} ago"
        return Trouble(said, look) if job.ran_s > limit_s else None
    # A new job has no runs yet either: only the view's age tells that one is missing.
    never = Trouble(f"its job {job.name} of pg_cron never ran", look)
    return never if age_s is not None and age_s > limit_s else None


def _message(job: Job) -> str:
    return without_secrets(one_line(job.message or "it left no message"))


def _folded(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
