"""A server with a shop that was in use, and one planted migration after the other applied to a copy of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import psycopg
from psycopg import RawCursor

from pg_deploy.ledger.kinds.workload import RecordedStatement, Workload
from pg_deploy.postgres.session import Target
from pg_deploy.workload.record import record_workload
from tests.core.workload.breaking_migrations import Break, breaking_migrations
from tests.core.workload.named_objects import Named
from tests.core.workload.oracle import Oracle, Verdict
from tests.core.workload.sent_statements import PATHS, QUIET, SHOP_SQL, STATEMENTS, Sent
from tests.installed import installed
from tests.throwaway import throwaway

_SETTINGS = {
    "shared_preload_libraries": "pg_cron,pg_stat_statements",
    "cron.database_name": "shop",
    "cron.launch_active_jobs": "off",
    "pg_stat_statements.max": "10000",
}


@dataclass(frozen=True)
class Harm:
    """What a planted migration does to the application, as the database says: by statement, and by job."""

    statements: dict[Sent, Verdict]
    jobs: dict[str, Verdict]

    @property
    def is_some(self) -> bool:
        """Whether anything fails in every way that a driver may send it, or comes back in another shape."""
        verdicts = (*self.statements.values(), *self.jobs.values())
        return any((each.fails and each.certain) or each.reshaped for each in verdicts)


@dataclass
class Shop:
    """The database "shop", made anew for each migration from one that holds what was recorded."""

    conninfo: str
    harms: dict[Break, Harm] = field(default_factory=dict)
    keys: dict[str, Sent] = field(default_factory=dict)
    """What was sent, by `queryid/role's oid`."""
    _has_before: bool = False

    @property
    def target(self) -> Target:
        """As the engine connects to it."""
        return Target("shop", f"{self.conninfo} dbname=shop")

    @property
    def target_before(self) -> Target:
        """The same database as it was before any migration."""
        if not self._has_before:
            with self.connect("postgres") as admin:
                admin.execute("drop database if exists shop_before with (force)")
                admin.execute("create database shop_before template shop_recorded")
            self._has_before = True
        return Target("shop before", f"{self.conninfo} dbname=shop_before")

    def connect(self, database: str = "shop") -> psycopg.Connection:
        """A new autocommit connection of the superuser."""
        return psycopg.connect(f"{self.conninfo} dbname={database}", autocommit=True)

    def renew(self) -> None:
        """Drop what the last migration left, the settings of roles too."""
        with self.connect("postgres") as admin:
            admin.execute("drop database if exists shop with (force)")
            admin.execute("create database shop template shop_recorded")
            admin.execute("alter role shop_app set search_path = shop, public")

    def plant(self, migration: Break) -> None:
        """Make it anew, and apply a migration as the engine does: in one transaction."""
        self.renew()
        with self.connect() as admin, admin.transaction():
            admin.execute(migration.sql.encode())

    def harm(self, migration: Break) -> Harm:
        """What a migration does, which is applied now."""
        if migration not in self.harms:
            place = f"{self.conninfo} dbname=shop"
            self.harms[migration] = Harm(self._oracle.statements_after(place), self._oracle.jobs_after(place))
        return self.harms[migration]

    @cached_property
    def _oracle(self) -> Oracle:
        return Oracle(self.target_before.conninfo, STATEMENTS)

    @cached_property
    def breaks(self) -> tuple[Break, ...]:
        """The migrations, made from what the statements and the jobs name."""
        self.renew()
        with self.connect() as admin:
            jobs = admin.execute("select username, command from cron.job where username = 'shop_jobs'").fetchall()
            return tuple(breaking_migrations(Named(admin, STATEMENTS, PATHS), [Sent(*job) for job in jobs]))

    @cached_property
    def workload(self) -> Workload:
        """What the server recorded of the statements, each sent once."""
        with self.connect() as admin:
            return record_workload(admin, ledger="deploy_ledger")

    def sent_as(self, recorded: RecordedStatement) -> Sent | None:
        """The statement as it was sent."""
        return self.keys.get(recorded.key)


@contextmanager
def shop() -> Iterator[Shop]:
    """A server whose shop was in use: every statement was sent once, and the server counted it. Gone afterwards."""
    with throwaway(installed().bindir, "admin", _SETTINGS) as port:
        made = Shop(f"host=127.0.0.1 port={port} user=admin")
        with made.connect("postgres") as admin:
            admin.execute("create database shop")
        with made.connect() as admin:
            admin.execute(SHOP_SQL.read_bytes())
            admin.execute("create extension pg_stat_statements with schema public")
            admin.execute("select pg_stat_statements_reset()")
            made.keys = dict(_send_each(made, admin, (*STATEMENTS, *QUIET)))
            assert {each.key for each in made.workload.statements} == set(made.keys), made.workload.notes
        _keep(made)
        yield made


def _keep(made: Shop) -> None:
    """Put the database aside. The launcher of pg_cron is connected to it, and comes back each second."""
    with made.connect("postgres") as admin:
        for attempt in range(50):
            admin.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = 'shop'")
            try:
                admin.execute("alter database shop rename to shop_recorded")
                return
            except psycopg.errors.ObjectInUse:
                if attempt == 49:
                    raise


def _send_each(made: Shop, admin: psycopg.Connection, sent: tuple[Sent, ...]) -> Iterator[tuple[str, Sent]]:
    """Send each statement once, in a transaction that is aborted; its key, as the server counts it."""
    seen: set[str] = set()
    for role in dict.fromkeys(each.role for each in sent):
        with psycopg.connect(f"{made.conninfo} dbname=shop", user=role, autocommit=True) as session:
            cursor = RawCursor(session)
            for each in (one for one in sent if one.role == role):
                with session.transaction(force_rollback=True):
                    cursor.execute(each.text.encode(), each.values or None)
                found = {
                    row[0]
                    for row in admin.execute(
                        "select s.queryid || '/' || s.userid from pg_stat_statements s join pg_roles r on r.oid = s.userid"
                        " where r.rolname = %s and s.toplevel and s.query !~* '^(begin|rollback|savepoint)'",
                        [role],
                    )
                }
                (new,) = found - seen
                seen |= found
                yield new, each


FUNCTION = re.compile(r'(?:PL/pgSQL|SQL) function "?(?:\w+\.)?(\w+)')
"""The function in whose body an error arose, as the context of the error names it."""


def function_of(verdict: Verdict) -> str:
    """The bare name of that function; "" if the statement itself is at fault."""
    found = FUNCTION.search(verdict.after.context)
    return found.group(1) if found else ""
