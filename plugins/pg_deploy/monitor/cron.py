"""pg_cron as this role sees it: its jobs, its settings, and the jobs that the last deployment left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from psycopg.rows import class_row, dict_row

from pg_deploy.monitor.measures import set_deadlines
from pg_deploy.monitor.schedules import Schedule, read_schedule
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

_OFF = ("off", "false", "no", "0")
# Versions of pg_cron. Before the first, schedules are always in GMT, and a range that runs backwards is empty. From the second
# on, such a range wraps.
_HAS_TIMEZONE, _WRAPS = (1, 5), (1, 6)


@dataclass(frozen=True)
class Job:
    """A job of pg_cron. `here` is true if it works in this database; `changed_age` is the age of its row in transactions."""

    jobid: int
    name: str
    schedule: str
    command: str
    active: bool
    database: str
    role: str
    here: bool
    changed_age: int


@dataclass(frozen=True)
class KeptJob:
    """A job as the last deployment left it."""

    name: str
    command: str


@dataclass(frozen=True)
class Cron:
    """What this role sees of pg_cron.

    `missing` says why no jobs can be seen; `hidden` is true if they are there and this role may not see them. `own_only` is true
    if it sees only its own jobs. `kept` are the jobs that the last deployment left. `database` is the one that is looked at. `settings`
    are those of pg_cron that this role sees, by their whole names. `zone` is the zone in which schedules are read, None if this role
    cannot know it. `launched` says whether the launcher runs, None if this role cannot know that.
    """

    jobs: tuple[Job, ...] = ()
    missing: str | None = None
    hidden: bool = False
    kept: tuple[KeptJob, ...] = ()
    database: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo | None = timezone.utc
    own_only: bool = False
    sees_settings: bool = True
    launched: bool | None = None
    server_start: datetime | None = None
    version: tuple[int, ...] = ()

    def schedule_of(self, job: Job) -> Schedule | None:
        """A job's schedule as this version of pg_cron reads it; None if it cannot be read, or if nobody knows how this version does."""
        if self.version >= _WRAPS:
            return read_schedule(job.schedule, True)
        is_old = self.version < _HAS_TIMEZONE and "cron.timezone" not in self.settings
        return read_schedule(job.schedule, False if is_old else None)

    @property
    def stopped(self) -> bool:
        """Whether pg_cron is set to start no jobs."""
        return self.settings.get("cron.launch_active_jobs", "on") in _OFF

    @property
    def keeps_no_runs(self) -> bool:
        """Whether pg_cron is set to write no runs down."""
        return self.settings.get("cron.log_run", "on") in _OFF

    @property
    def may_keep_no_runs(self) -> bool:
        """Whether this role cannot see if pg_cron writes runs down."""
        return not self.sees_settings and "cron.log_run" not in self.settings

    @property
    def why_unseen(self) -> str | None:
        """Why a view may have a job that cannot be seen from here; None if all jobs can be seen."""
        if self.hidden:
            return self.missing
        if self.own_only:
            return "this role sees only its own jobs of pg_cron"
        if self.missing and (self.launched or any(name.startswith("cron.") for name in self.settings)):
            where = self.settings.get("cron.database_name")
            return f"the jobs of pg_cron are in {f'the database {where}' if where else 'another database'}, and cannot be seen here"
        return None

    @property
    def both_days(self) -> bool:
        """Whether a schedule's day of the month and its day of the week both have to match."""
        return self.settings.get("cron.match_dom_and_dow", "off") not in _OFF

    @property
    def may_be_created_here(self) -> bool:
        """Whether this is the one database of the server in which the extension can be created, as far as can be seen."""
        return self.settings.get("cron.database_name") in (None, self.database)

    @property
    def timing_rules(self) -> str:
        """The settings that, besides its schedule, decide when a job is due, as one text to compare."""
        return f"{self.zone} {self.both_days}"


def read_cron(connection: Connection) -> tuple[Cron, datetime]:
    """Read what this role sees of pg_cron, and the server's time. Reads only."""
    kept = _read_kept_jobs(connection)
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        set_deadlines(connection)
        row = cursor.execute(engine_sql("monitor/views/cron")).fetchone() or {}
    known = Cron(
        kept=kept,
        database=connection.info.dbname,
        settings=row["settings"],
        sees_settings=row["sees_settings"],
        launched=row["launched"],
        server_start=row["server_start"],
        version=_version(row["version"]),
    )
    known = replace(known, zone=_zone(known))
    try:
        with connection.transaction():
            set_deadlines(connection)
            with connection.cursor(row_factory=class_row(Job)) as cursor:
                jobs = tuple(cursor.execute(engine_sql("monitor/views/jobs")).fetchall())
            own = connection.execute("select row_security_active('cron.job')").fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return replace(known, missing="the extension pg_cron is missing in this database"), row["now"]
    except psycopg.errors.InsufficientPrivilege:
        return replace(known, missing="this role may not read the jobs of pg_cron", hidden=True), row["now"]
    return replace(known, jobs=jobs, own_only=bool(own and own[0])), row["now"]


def _read_kept_jobs(connection: Connection) -> tuple[KeptJob, ...]:
    try:
        with connection.transaction():
            set_deadlines(connection)
            with connection.cursor(row_factory=class_row(KeptJob)) as cursor:
                return tuple(cursor.execute(engine_sql("monitor/views/kept_jobs")).fetchall())
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return ()


def _version(text: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in (text or "0").split("-")[0].split(".")[:2])


def _zone(cron: Cron) -> tzinfo | None:
    named = cron.settings.get("cron.timezone")
    if named is None:
        # A stand-in for pg_cron has no settings at all.
        return timezone.utc if cron.version < _HAS_TIMEZONE or cron.sees_settings else None
    try:
        return timezone.utc if named in ("GMT", "UTC") else ZoneInfo(named)
    except (ZoneInfoNotFoundError, ValueError):
        return None
