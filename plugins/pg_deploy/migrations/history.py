"""The history: supabase_migrations.schema_migrations, kept as the Supabase CLI keeps it, but without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pg_deploy.migrations.history_text import history_statements
from pg_deploy.parsing.brief_text import brief
from pg_deploy.postgres.session import Connection, compress_quickly
from pg_deploy.presentation.secrecy import may_hold_secrets, without_certain_secrets

_MAKE = (
    "create schema if not exists supabase_migrations",
    "create table if not exists supabase_migrations.schema_migrations (version text not null primary key)",
    "alter table supabase_migrations.schema_migrations add column if not exists statements text[]",
    "alter table supabase_migrations.schema_migrations add column if not exists name text",
)
_LOCK = "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('deploy_ledger revision', 0))"


@dataclass(frozen=True)
class HistoryRow:
    """A version that somebody recorded as applied. The table holds no time, no actor and no hash."""

    version: str
    name: str | None


def ensure(connection: Connection) -> None:
    """Make the table, or its missing columns. Commits. If the table is complete, it does nothing and takes no lock."""
    if _complete(connection):
        return
    with connection.transaction():
        # Two first deployments may come at the same time, and "if not exists" does not protect against that.
        connection.execute(_LOCK)
        if not _complete(connection):
            for statement in _MAKE:
                connection.execute(statement)


def _complete(connection: Connection) -> bool:
    # Not to_regclass(): a session that looked before still remembers that there was no table after it waited for the lock.
    row = connection.execute(
        """select count(*)
        from pg_catalog.pg_attribute a
        join pg_catalog.pg_class c on c.oid = a.attrelid
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'supabase_migrations' and c.relname = 'schema_migrations'
            and a.attname in ('version', 'statements', 'name') and not a.attisdropped"""
    ).fetchone()
    return bool(row and row[0] == 3)


def read(connection: Connection) -> dict[str, HistoryRow]:
    """All recorded versions, in order; empty if there is no table. Reads only."""
    present = connection.execute(
        "select pg_catalog.to_regclass('supabase_migrations.schema_migrations') is not null"
    ).fetchone()
    if not (present and present[0]):
        return {}
    # Older forms of the table have no column "name". to_jsonb() of the row would not mind, but it would read all statements.
    named = connection.execute(
        """select exists (
            select from pg_catalog.pg_attribute
            where attrelid = pg_catalog.to_regclass('supabase_migrations.schema_migrations') and attname = 'name'
                and not attisdropped
        )"""
    ).fetchone()
    rows = connection.execute(
        "select version, name from supabase_migrations.schema_migrations order by version"
        if named and named[0]
        else "select version, null::text from supabase_migrations.schema_migrations order by version"
    ).fetchall()
    return {row[0]: HistoryRow(row[0], row[1]) for row in rows}


def holds(connection: Connection, version: str) -> bool:
    """Whether that version is recorded. The table must exist. Reads only."""
    row = connection.execute(
        "select exists (select from supabase_migrations.schema_migrations where version = %s)", [version]
    ).fetchone()
    return bool(row and row[0])


def recorded_statements(connection: Connection, version: str) -> tuple[str, ...] | None:
    """The statements that were recorded with `version`; None if there are none. Reads only."""
    row = connection.execute(
        """select array(select jsonb_array_elements_text(to_jsonb(m) -> 'statements'))
        from supabase_migrations.schema_migrations m
        where version = %s and jsonb_typeof(to_jsonb(m) -> 'statements') = 'array'""",
        [version],
    ).fetchone()
    return tuple(row[0]) if row else None


def statements_to_keep(sql: str) -> tuple[str, ...]:
    """The statements of a file as the history keeps them. Pure.

    What is certainly a secret is masked, because all who may read the table see it. Bulk rows are not searched for secrets:
    they are contents of a table.
    """
    statements = history_statements(sql)
    if not may_hold_secrets(brief(sql).text):
        return statements
    return tuple(map(without_certain_secrets, statements))


def insert(connection: Connection, version: str, name: str, statements: Sequence[str]) -> bool:
    """Record a version with the statements that `statements_to_keep` gave, as part of the caller's transaction.

    False if somebody else has recorded it; waits for whoever is about to.
    """
    compress_quickly(connection, sum(map(len, statements)))
    inserted = connection.execute(
        """insert into supabase_migrations.schema_migrations (version, name, statements) values (%s, %s, %s)
        on conflict (version) do nothing""",
        [version, name, list(statements)],
    )
    return inserted.rowcount == 1


def delete(connection: Connection, versions: Iterable[str]) -> None:
    """Take versions out of the history, as part of the caller's transaction."""
    connection.execute("delete from supabase_migrations.schema_migrations where version = any (%s)", [list(versions)])
