"""Making what the demo target holds: roles and databases like Supabase's, tables, rows. All of it is SQL under sql/."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from demo.traffic import send_traffic

SQL = Path(__file__).parent / "sql"
DATABASE = "demo"
TEMPLATE = "demo_template"
EMPTY = "supabase_empty"

Connect = Callable[[str, str], "psycopg.Connection[tuple[object, ...]]"]
"""Opens an autocommit connection as (role, database)."""
Fill = Callable[[Connect], None]
"""Work on a running server."""


def made_from() -> str:
    """A digest of all SQL under sql/ and of the traffic, which names what a new cluster would hold. Reads files only."""
    digest = hashlib.sha256()
    for path in sorted([*SQL.rglob("*.sql"), *SQL.parent.glob("traffic*.py")]):
        digest.update(f"{path.relative_to(SQL.parent).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def bootstrap(connect: Connect, passwords: dict[str, str]) -> None:
    """Make the roles and the databases demo and supabase_empty, both without tables of ours in public."""
    with connect("supabase_admin", "postgres") as admin:
        _run(admin, "bootstrap/10_roles.sql")
        admin.execute(sql.SQL("alter role postgres password {}").format(sql.Literal(passwords["postgres"])))
        for database in (DATABASE, EMPTY):
            admin.execute(sql.SQL("create database {} owner postgres").format(sql.Identifier(database)))
    for database, more in (
        (DATABASE, ("bootstrap/40_cron.sql",)),
        (EMPTY, ("bootstrap/50_storage.sql", "bootstrap/60_realtime.sql")),
    ):
        with connect("supabase_admin", database) as admin:
            _run(admin, "bootstrap/20_database.sql", "bootstrap/30_auth.sql", *more)


def fill(connect: Connect, scale: float, base: datetime, *, counted_anew: bool = False) -> None:
    """Make the ten tables in demo, fill them and use them: the same rows on every machine for one scale and one base time.

    With `counted_anew` the server's record of statements begins with those of the application.
    """
    with connect("postgres", DATABASE) as owner:
        _run(owner, "schema/10_tables.sql")
    # Two sessions that take about equally long: each keeps one core busy.
    parts = (
        (
            ("supabase_admin", "fill/users.sql"),
            ("postgres", "fill/tenants.sql"),
            ("postgres", "fill/conversations.sql"),
        ),
        (("postgres", "fill/telemetry.sql"), ("postgres", "fill/scraping.sql")),
    )
    with ThreadPoolExecutor(max_workers=len(parts)) as sessions:
        list(sessions.map(lambda part: _fill_in_order(connect, scale, base, part), parts))
    with connect("postgres", DATABASE) as owner:
        owner.execute("set maintenance_work_mem = '512MB'")
        _run(owner, "schema/20_keys.sql", "schema/30_policies.sql")
    with connect("supabase_admin", DATABASE) as admin:
        admin.execute("analyze")
        if counted_anew:
            admin.execute("select extensions.pg_stat_statements_reset()")
    send_traffic(connect, DATABASE)
    with connect("supabase_admin", DATABASE) as admin:
        # This also sets the visibility map, so that index-only scans are as fast as in a database that has been in use.
        admin.execute("vacuum (analyze)")


def seal(connect: Connect) -> None:
    """Copy demo to its template and close both templates. pg_cron must not run: its launcher is connected to demo."""
    with connect("supabase_admin", "postgres") as admin:
        for statement in (
            sql.SQL("create database {} owner postgres template {} strategy file_copy").format(
                sql.Identifier(TEMPLATE), sql.Identifier(DATABASE)
            ),
            *(
                sql.SQL("alter database {} with is_template true allow_connections false").format(
                    sql.Identifier(database)
                )
                for database in (TEMPLATE, EMPTY)
            ),
        ):
            admin.execute(statement)


def _fill_in_order(connect: Connect, scale: float, base: datetime, part: tuple[tuple[str, str], ...]) -> None:
    for role, file in part:
        with connect(role, DATABASE) as session:
            session.execute(
                "select set_config('demo.scale', %s, false), set_config('demo.base', %s, false)",
                (str(scale), base.isoformat()),
            )
            _run(session, "fill/00_plan.sql", file)


def _run(session: psycopg.Connection[tuple[object, ...]], *files: str) -> None:
    for file in files:
        session.execute((SQL / file).read_bytes())
