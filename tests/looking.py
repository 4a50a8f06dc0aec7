"""What a target looks like after a run: catalog, history, ledger."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from pg_deploy.catalog.reader import Fact, read_facts

OUR_SCHEMAS = ("deploy_ledger", "supabase_migrations")
"""What a deployment adds to a database beside what its migrations make."""


def schema_dump(bindir: Path, url: str, *left_out: str) -> str:
    """The schema as pg_dump writes it, without these schemas and without its random tokens."""
    command = [str(bindir / "pg_dump"), "--schema-only", *(f"--exclude-schema={name}" for name in left_out), url]
    dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.MULTILINE)


@dataclass(frozen=True)
class Database:
    """The target as the tests see it, on connections of their own."""

    url: str

    def run(self, sql: str) -> None:
        """Run statements, each committed by itself."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql)

    def give_nothing_new_to_the_api(self) -> None:
        """Give new objects in public to neither anon nor authenticated, unlike Supabase: a test that is not about access declares none."""
        self.run(
            "alter default privileges in schema public revoke all on tables from anon, authenticated;"
            " alter default privileges in schema public revoke all on sequences from anon, authenticated;"
            " alter default privileges in schema public revoke all on functions from anon, authenticated"
        )

    def rows(self, sql: str, arguments: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(sql, arguments).fetchall()

    def value(self, sql: str, arguments: Sequence[object] = ()) -> Any:
        """The only value of a query."""
        ((value,),) = self.rows(sql, arguments)
        return value

    def has(self, relation: str) -> bool:
        """Whether a table, a view or an index of that name is there."""
        return bool(self.value("select to_regclass(%s) is not null", [relation]))

    @property
    def facts(self) -> frozenset[Fact]:
        """The catalog facts of the database itself."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return frozenset(fact for fact in read_facts(connection).facts if fact.scope == "database")

    @property
    def history(self) -> list[str]:
        """The versions that the Supabase CLI would list as applied."""
        if not self.has("supabase_migrations.schema_migrations"):
            return []
        return [row[0] for row in self.rows("select version from supabase_migrations.schema_migrations order by 1")]

    @property
    def attempts(self) -> list[tuple[str, str]]:
        """Version and state of every attempt, oldest first."""
        return [(row[0], row[1]) for row in self.rows("select version, state from deploy_ledger.attempt order by id")]

    @property
    def deployments(self) -> list[str]:
        """The state of every deployment, oldest first; an open one shows as open."""
        return [
            row[0]
            for row in self.rows(
                "select case when ended_at is null then 'open' else state end from deploy_ledger.deployment order by id"
            )
        ]

    def evidence(self, kind: str) -> list[tuple[str, str]]:
        """Name and outcome of each piece of evidence of that kind, oldest first."""
        return [
            (row[0], row[1])
            for row in self.rows("select name, outcome from deploy_ledger.evidence where kind = %s order by id", [kind])
        ]

    def statements(self, version: str, direction: str = "apply") -> list[tuple[int, int, int, bool]]:
        """Try, segment, ordinal and whether it ended, of each statement that was begun for a version."""
        return [
            (row[0], row[1], row[2], row[3])
            for row in self.rows(
                """select s.try, s.segment, s.ordinal, s.ended_at is not null
                from deploy_ledger.statement_run s join deploy_ledger.attempt a on a.id = s.attempt_id
                where a.version = %s and s.direction = %s order by s.id""",
                [version, direction],
            )
        ]

    @property
    def invalid_indexes(self) -> list[str]:
        """Indexes of public that no query can use."""
        return [
            row[0]
            for row in self.rows(
                """select indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indexrelid
                where not indisvalid and relnamespace = 'public'::regnamespace"""
            )
        ]
