"""What can be seen of pg_cron: its jobs, its settings, and the jobs that the last deployment left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from psycopg.rows import class_row, dict_row

from pg_deploy.monitor.measures import DIRECTORY, bounded
from pg_deploy.session import Connection

_OFF = ("off", "false", "no", "0")
# Before this version schedules were always in GMT.
_HAS_TIMEZONE = (1, 5)


@dataclass(frozen=True)
class Job:
    """A job of pg_cron. `here`: it works in this database; `changed_age` is its row's age in transactions."""

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
    schedule: str
    command: str


@dataclass(frozen=True)
class Cron:
    """What can be seen of pg_cron. `missing` says why there is nothing to see; `zone` is None where that may not be seen."""

    jobs: tuple[Job, ...] = ()
    missing: str | None = None
    kept: tuple[KeptJob, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo | None = timezone.utc
    own_only: bool = False
    launched: bool | None = None
    server_start: datetime | None = None

    @property
    def stopped(self) -> bool:
        """Whether it was told to start nothing."""
        return self.settings.get("cron.launch_active_jobs", "on") in _OFF

    @property
    def keeps_no_runs(self) -> bool:
        """Whether it was told to write no runs down."""
        return self.settings.get("cron.log_run", "on") in _OFF

    @property
    def both_days(self) -> bool:
        """Whether a schedule's two days both have to match."""
        return self.settings.get("cron.match_dom_and_dow", "off") not in _OFF

    @property
    def may_be_created_here(self) -> bool:
        """Whether this is the one database of the server in which the extension can live, as far as can be seen."""
        return self.settings.get("cron.database_name") in (None, self.settings.get("here"))

    @property
    def names_of_rules(self) -> str:
        """What, besides its schedule, decides when a job is due."""
        return f"{self.zone} {self.both_days}"


def read_cron(connection: Connection) -> tuple[Cron, datetime]:
    """pg_cron as this role sees it, and the server's time. Reads only."""
    kept = _kept(connection)
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        bounded(connection)
        row = cursor.execute((DIRECTORY / "views" / "cron.sql").read_bytes()).fetchone() or {}
    settings = {**row["settings"], "here": connection.info.dbname}
    known = Cron((), None, kept, settings, _zone(row), False, row["launched"], row["server_start"])
    try:
        with connection.transaction():
            bounded(connection)
            with connection.cursor(row_factory=class_row(Job)) as cursor:
                jobs = tuple(cursor.execute((DIRECTORY / "views" / "jobs.sql").read_bytes()).fetchall())
            own = connection.execute("select row_security_active('cron.job')").fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return Cron((), "the extension pg_cron is missing in this database", kept, settings), row["now"]
    except psycopg.errors.InsufficientPrivilege:
        return Cron((), "this role may not read the jobs of pg_cron", kept, settings), row["now"]
    return (
        Cron(jobs, None, kept, settings, known.zone, bool(own and own[0]), known.launched, known.server_start),
        row["now"],
    )


def _kept(connection: Connection) -> tuple[KeptJob, ...]:
    try:
        with connection.transaction():
            bounded(connection)
            with connection.cursor(row_factory=class_row(KeptJob)) as cursor:
                return tuple(cursor.execute((DIRECTORY / "views" / "kept_jobs.sql").read_bytes()).fetchall())
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return ()


def _zone(row: Mapping[str, Any]) -> tzinfo | None:
    named = row["settings"].get("cron.timezone")
    if named is None:
        version = tuple(int(part) for part in (row["version"] or "0").split("-")[0].split(".")[:2])
        # A stand-in of pg_cron has no settings at all.
        return timezone.utc if version < _HAS_TIMEZONE or row["sees_settings"] else None
    try:
        return timezone.utc if named in ("GMT", "UTC") else ZoneInfo(named)
    except (ZoneInfoNotFoundError, ValueError):
        return None
