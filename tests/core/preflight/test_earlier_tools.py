"""The first run against a database says which tools changed it before, on a real server."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import psycopg
import pytest

from pg_deploy.configuration.conf import DeployConf, checked_conf
from pg_deploy.ledger import schema
from pg_deploy.postgres.session import Target
from pg_deploy.preflight.claiming import Identity
from pg_deploy.preflight.earlier_tools import EarlierTool, Origin, log_origin, read_origin
from pg_deploy.preflight.preflight import preflight
from tests.core.preflight.conftest import Server

pytestmark = pytest.mark.server

# As each tool makes its table, as far as it can be told from others by that.
TOOLS = {
    "the Supabase CLI": "create schema supabase_migrations; "
    "create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text)",
    "Flyway": "create table flyway_schema_history (installed_rank int, version text, script text, checksum int, success bool)",
    "Liquibase": "create table databasechangelog (id text, author text, filename text, dateexecuted timestamp, orderexecuted int)",
    "Alembic": "create table alembic_version (version_num varchar(32) primary key)",
    "Django": "create table django_migrations (id bigint, app text, name text, applied timestamptz)",
    "golang-migrate": "create table schema_migrations (version bigint primary key, dirty bool)",
    "Ecto": "create table schema_migrations (version bigint primary key, inserted_at timestamp)",
    "Rails or dbmate": "create table schema_migrations (version varchar primary key)",
    "Sqitch": "create schema sqitch; "
    "create table sqitch.changes (change_id text, script_hash text, change text, project text, committed_at timestamptz)",
    "Prisma": "create table _prisma_migrations (id text, checksum text, finished_at timestamptz, migration_name text)",
    "Atlas": "create schema atlas_schema_revisions; "
    "create table atlas_schema_revisions.atlas_schema_revisions (version text, description text, applied bigint)",
    "goose": "create table goose_db_version (id int, version_id bigint, is_applied bool, tstamp timestamp)",
    "Knex": "create table knex_migrations (id int, name text, batch int, migration_time timestamptz)",
    "Drizzle": "create schema drizzle; create table drizzle.__drizzle_migrations (id int, hash text, created_at bigint)",
    "pgroll": "create schema pgroll; create table pgroll.migrations (schema text, name text, migration jsonb, parent text, done bool)",
    "Sequelize": 'create table "SequelizeMeta" (name text primary key)',
    "Laravel": "create table migrations (id int, migration text, batch int)",
    "TypeORM": "create table migrations (id int, timestamp bigint, name text)",
    "node-pg-migrate": "create table pgmigrations (id int, name text, run_on timestamp)",
    "Diesel": "create table __diesel_schema_migrations (version text, run_on timestamp)",
    "SQLx": "create table _sqlx_migrations (version bigint, description text, checksum bytea)",
    "Entity Framework": 'create table "__EFMigrationsHistory" ("MigrationId" text, "ProductVersion" text)',
}


@pytest.fixture
def database(server: Server) -> Iterator[Target]:
    """A new database, with what `template1` has."""
    name = f"d{token_hex(4)}"
    with server.connect(database="postgres") as connection:
        connection.execute(f"create database {name}".encode())
    yield Target("target_db", server.url(database=name))
    with server.connect(database="postgres") as connection:
        connection.execute(f"drop database {name} with (force)".encode())


def _do(target: Target, statements: str) -> None:
    with psycopg.connect(target.conninfo, autocommit=True) as connection:
        connection.execute(statements.encode())


def _origin(target: Target) -> Origin | None:
    with target.session("a test") as connection:
        return read_origin(connection)


def test_each_tool_is_known_by_its_table_and_taken_for_no_other(database: Target) -> None:
    """Whoever is told of the wrong tool looks in the wrong place for what is applied."""
    found = {}
    with database.session("a test") as connection:
        for tool, statements in TOOLS.items():
            connection.execute(f"set search_path to public; {statements}; create table app_table (id int)".encode())
            connection.execute("set search_path to ''")
            found[tool] = read_origin(connection)
            made = "select nspname from pg_catalog.pg_namespace where nspname !~ '^(pg_|information_schema)'"
            for (name,) in connection.execute(made).fetchall():
                connection.execute(f"drop schema {name} cascade".encode())
            connection.execute("create schema public")
    assert {tool: [each.tool for each in origin.tools] for tool, origin in found.items() if origin} == {
        tool: [tool] for tool in TOOLS
    }
    assert {tool: origin.tables for tool, origin in found.items() if origin} == dict.fromkeys(TOOLS, 1)


def test_what_a_service_of_supabase_migrates_by_itself_is_no_history_of_the_application(database: Target) -> None:
    """Every Supabase project has these, and nobody could adopt them."""
    _do(database, "create schema auth; create table auth.schema_migrations (version text)")
    _do(
        database,
        "create schema realtime; create table realtime.schema_migrations (version bigint, inserted_at timestamp)",
    )
    _do(database, "create schema storage; create table storage.migrations (id int, name text, hash text)")
    assert _origin(database) == Origin((), 0)


def test_a_table_that_only_has_such_a_name_is_the_applications(database: Target) -> None:
    """An application may have a table of migrations, of birds."""
    _do(database, "create table public.migrations (bird text, leaves date); create table public.changes (id int)")
    assert _origin(database) == Origin((), 2)


def test_a_history_that_cannot_be_counted_is_named_all_the_same(database: Target, server: Server) -> None:
    """The other tool may be at work at this moment, or keep its table to itself: preflight neither waits nor fails."""
    _do(database, f"{TOOLS['Flyway']}; insert into public.flyway_schema_history values (1, '1', 'V1.sql', 1, true)")
    assert _origin(database) == Origin((EarlierTool("Flyway", "public.flyway_schema_history", 1),), 0)
    with psycopg.connect(database.conninfo) as held:
        held.execute("lock table public.flyway_schema_history in access exclusive mode")
        assert _origin(database) == Origin((EarlierTool("Flyway", "public.flyway_schema_history", None),), 0)
    stranger = Target("target_db", database.conninfo.replace("postgres@", "stranger@"))
    assert _origin(stranger) == Origin((EarlierTool("Flyway", "public.flyway_schema_history", None),), 0)


def test_preflight_says_it_on_the_first_run_alone_and_names_the_projects_own_dag(
    database: Target, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Said at every run, nobody would read it; and the DAG to trigger must be one that exists."""
    caplog.set_level(logging.INFO)
    (tmp_path / "20250101000000_first.sql").write_text("create table public.first (id int);\n")
    _do(database, f"create table public.orders (id int); {TOOLS['Alembic']}")
    conf = checked_conf(DeployConf, {"dry_run": True, "backup": "none", "rehearse": "none"})
    who = Identity("deploy_shop", "run", "tester")
    preflight(database, conf, tmp_path, who, good_for=60, log=logging.getLogger("first"))
    messages = [record.message for record in caplog.records if record.name == "first"]
    assert (
        "Alembic keeps a history in public.alembic_version (0 rows). It is not read here: what it applied counts as pending"
        in messages
    )
    assert any("trigger baseline_shop with up_to" in line for line in messages)
    with database.session("a test") as connection:
        schema.ensure(connection)
    preflight(database, conf, tmp_path, who, good_for=60, log=logging.getLogger("second"))
    assert not [record for record in caplog.records if record.name == "second" and "Alembic" in record.message]


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        (Origin((), 0), "no tool's history was found, and no table: everything in the folder is run"),
        (Origin((), 7), "no tool's history was found, and 7 tables: if migrations of this folder are in place already"),
        (
            Origin((EarlierTool("the Supabase CLI", "s.m", 3),), 7),
            "the Supabase CLI keeps a history in s.m (3 rows). It counts here",
        ),
        (
            Origin((EarlierTool("the Supabase CLI", "s.m", 0),), 7),
            "adopt them first: trigger baseline_migrations with up_to",
        ),
        (
            Origin((EarlierTool("Flyway", "s.m", None),), 7),
            "Flyway keeps a history in s.m (not readable). It is not read here",
        ),
    ],
)
def test_what_was_found_comes_with_what_to_do(origin: Origin, message: str, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody with psql and a checklist does not know that adopting comes first."""
    caplog.set_level(logging.INFO)
    log_origin(origin, "baseline_migrations", logging.getLogger("origin"))
    assert message in caplog.text
