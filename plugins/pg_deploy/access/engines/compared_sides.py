"""The two databases that a proof compares: made from one template, `new` migrated, each with a superuser's connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property

import psycopg

from pg_deploy.access.facts.api import Api
from pg_deploy.access.predicates.predicates import Effective, Phase, Policy, effective, read_policies
from pg_deploy.access.predicates.reach import Column, Relation, read_columns, read_relations
from pg_deploy.access.predicates.subjects import Subject, load_subjects
from pg_deploy.access.predicates.surroundings import Definitions
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

_SETTINGS = b"set jit = off; set work_mem = '256MB'; set search_path = ''; set client_min_messages = warning"


@dataclass(frozen=True)
class Side:
    """One of the two: `name` is old or new; everything of the catalog that the engines need, read once."""

    name: str
    connection: Connection
    relations: dict[str, Relation]
    policies: tuple[Policy, ...]
    columns: dict[str, dict[str, Column]]
    shared: dict[str, frozenset[str]] = field(default_factory=dict)
    """The columns of each table that the other side has too, once both are known."""
    sessions: dict[tuple[str, ...], Connection] = field(default_factory=dict)
    """Further sessions, by the settings that were never set in each."""

    def session(self, never: tuple[str, ...]) -> Connection:
        """The connection for subjects that never set these settings: the side's own where there are none, else one of theirs.

        A setting that was set once, if only in a transaction, is never null again.
        """
        if not never:
            return self.connection
        if never not in self.sessions:
            info = self.connection.info
            made = psycopg.connect(info.dsn, password=info.password or None, autocommit=True, prepare_threshold=None)
            made.execute(_SETTINGS)
            self.sessions[never] = made
        return self.sessions[never]

    def close_sessions(self) -> None:
        """Close the sessions beside the side's own."""
        while self.sessions:
            self.sessions.popitem()[1].close()

    @cached_property
    def definitions(self) -> Definitions:
        """What this side's views and functions rest on besides rows, claims and settings."""
        return Definitions(self.connection)

    def effective(self, table: str, phase: Phase, role: str) -> Effective:
        """The effective predicate of a role on a table of this side."""
        return effective(self.relations[table], self.policies, phase, role)

    def row_text(self, table: str) -> str:
        """A row `t` of a table as text, for one that has no key: of the columns that both sides have."""
        shared = self.shared.get(table)
        listed = [name for name in self.columns[table] if shared is None or name in shared]
        return f"row({', '.join('t.' + quote(name) for name in listed)})::text"

    def referenced(self, table: str) -> set[str]:
        """The columns of a table that its policies read; a policy that takes the whole row reads all of them."""
        return read_by_policies(self.policies, self.relations[table], self.columns[table])


def read_by_policies(policies: Iterable[Policy], relation: Relation, columns: Collection[str]) -> set[str]:
    """The columns of a relation that its policies read; a policy that takes the whole row reads all of its `columns`."""
    found: set[str] = set()
    for policy in policies:
        if policy.relation == relation.id:
            found.update(policy.columns)
            texts = (policy.using or "") + (policy.with_check or "")
            if f"{relation.name}.*" in texts or f'"{relation.name}".*' in texts:
                found.update(columns)
    return found


def open_side(name: str, connection: Connection, api: Api) -> Side:
    """Read the catalog of a side and make the scratch schema access_proof in it, in place of one left from before.

    The connection must be a superuser's in autocommit, and stays with session settings of the proof's own.
    """
    connection.execute(_SETTINGS)
    relations = {relation.full_name: relation for relation in read_relations(connection, api)}
    policies = read_policies(connection, api)
    found = {name: read_columns(connection, relation) for name, relation in relations.items()}
    return Side(name, connection, relations, policies, found)


def prepare_scratch(side: Side, subjects: tuple[Subject, ...]) -> None:
    """Make the schema access_proof with the subjects and the loop of the real engine; every role may read it."""
    side.connection.execute("drop schema if exists access_proof cascade; create schema access_proof")
    side.connection.execute("grant usage on schema access_proof to public")
    load_subjects(side.connection, subjects)
    side.connection.execute(engine_sql("access/castable"))
    side.connection.execute(engine_sql("access/answers"))
    side.connection.execute(engine_sql("access/allowed_by_rows"))


def drop_scratch(side: Side) -> None:
    """Remove the schema access_proof, and those of the stand-ins."""
    side.connection.execute("rollback; reset role; deallocate all")
    made = side.connection.execute(
        "select nspname::text from pg_catalog.pg_namespace where nspname ~ '^access_proof(_[0-9]+)?$'"
    ).fetchall()
    for (name,) in made:
        side.connection.execute(f"drop schema {name} cascade".encode())
