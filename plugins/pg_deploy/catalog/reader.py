"""The one reader of the catalog: what a database and its cluster are, as comparable facts.

Everything that speaks of "as before" rests on it: the snapshot, the proof of a rollback, drift, the access facts.
No definition holds an oid, a password, or anything that data, statistics and maintenance change.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import cached_property, lru_cache
from typing import Any, Literal, cast

import psycopg
from psycopg import pq
from psycopg.rows import tuple_row

from pg_deploy.catalog.definition import as_worded_today
from pg_deploy.catalog.errors import CatalogMovedError, CatalogTransactionError
from pg_deploy.catalog.names import Identity, Key, parsed
from pg_deploy.catalog.objects import Objects, Which, read_objects
from pg_deploy.catalog.rows import DROPPED_MEANWHILE, ObjectDroppedError, Row, read_rows

Scope = Literal["database", "cluster"]

IGNORED_SCHEMAS = ("information_schema", "deploy_ledger", "supabase_migrations")
"""Schemas whose objects are no facts, the server's and ours; those whose name begins with pg_ are ignored besides."""

ATTEMPTS = 4
PAUSE = 0.1
"""Seconds to wait after the first disturbed attempt, twice as long after the second, and so on."""


@dataclass(frozen=True, order=True)
class Fact:
    """One object, or one property of several; equal facts describe equal objects, in whatever database they are."""

    kind: str
    identity: Identity
    definition: str
    scope: Scope

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", parsed(self.kind, self.identity))

    @classmethod
    def kept(cls, kind: str, identity: str, definition: str, scope: Scope) -> Fact:
        """The fact of a ledger, a snapshot or a backup, in today's wording: older versions of ours kept what is no fact."""
        return cls(kind, parsed(kind, identity), as_worded_today(definition), scope)

    @property
    def definition_text(self) -> str:
        """The server's own text of it, if there is one."""
        return str(self.properties.get("definition", ""))

    @cached_property
    def key(self) -> Key:
        """Kind and identity: no other fact of its database has both."""
        return self.kind, self.identity

    @cached_property
    def hash(self) -> str:
        """The sha256 of the four fields, in hexadecimal: the key under which a fact is stored once."""
        return hashlib.sha256("\0".join((self.kind, self.identity, self.definition, self.scope)).encode()).hexdigest()

    @cached_property
    def properties(self) -> Mapping[str, Any]:
        """The definition's properties by name; one that is absent is false, empty, or the server's default."""
        return cast("dict[str, Any]", json.loads(self.definition))

    def with_properties(self, properties: Mapping[str, Any]) -> Fact:
        """The same object, of which these properties are said."""
        return replace(self, definition=json.dumps(properties, sort_keys=True, ensure_ascii=False))


@dataclass(frozen=True)
class Facts:
    """All facts of a database and its cluster at one moment (`read_at`, in UTC)."""

    facts: frozenset[Fact]
    server_version: int
    read_at: datetime
    objects: Objects | None = field(default=None, compare=False)
    """Who stands behind the names, if that was asked for."""

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 over all facts, in hexadecimal: equal fingerprints mean that no fact differs."""
        return _digest(self.facts)

    @cached_property
    def database_fingerprint(self) -> str:
        """The fingerprint of what lives in this database alone."""
        return _digest(fact for fact in self.facts if fact.scope == "database")

    @cached_property
    def cluster_fingerprint(self) -> str:
        """The fingerprint of roles, memberships, settings and the like, which all databases of the server share."""
        return _digest(fact for fact in self.facts if fact.scope == "cluster")

    @cached_property
    def by_key(self) -> Mapping[Key, Fact]:
        """The facts by kind and identity, which together occur once."""
        return {fact.key: fact for fact in self.facts}


def read_facts(
    connection: psycopg.Connection[Any],
    *,
    ignored_schemas: Iterable[str] = IGNORED_SCHEMAS,
    keep_plan: bool = False,
    objects: Which = "none",
) -> Facts:
    """All facts, from one repeatable-read transaction that is aborted. Reads only.

    The connection comes back as it was: autocommit, settings, no transaction; with `keep_plan` the statement is prepared in it
    for the next time. May wait, up to the session's
    lock_timeout, for a relation that another session has locked. Raises CatalogTransactionError inside a
    transaction, CatalogMovedError when the DDL of others disturbed every attempt.
    """
    _require(connection, pq.TransactionStatus.IDLE)
    autocommit = connection.autocommit
    connection.autocommit = True
    try:
        return _retrying(connection, ignored_schemas, _own_transaction, keep_plan=keep_plan, objects=objects)
    finally:
        if not connection.closed:
            connection.autocommit = autocommit


def read_facts_in_transaction(
    connection: psycopg.Connection[Any],
    *,
    ignored_schemas: Iterable[str] = IGNORED_SCHEMAS,
    keep_plan: bool = False,
    objects: Which = "none",
) -> Facts:
    """All facts as the caller's open transaction sees them, its own uncommitted changes included. Reads only; `keep_plan` as there.

    Works under a savepoint that is rolled back, so settings and locks are afterwards what they were. Raises
    CatalogTransactionError without a transaction or in a failed one, CatalogMovedError as read_facts does.
    """
    _require(connection, pq.TransactionStatus.INTRANS)
    return _retrying(connection, ignored_schemas, _savepoint, keep_plan=keep_plan, objects=objects)


def _require(connection: psycopg.Connection[Any], expected: pq.TransactionStatus) -> None:
    found = connection.info.transaction_status
    if found != expected:
        raise CatalogTransactionError(expected=expected.name.lower(), found=found.name.lower())


def _retrying(
    connection: psycopg.Connection[Any],
    ignored_schemas: Iterable[str],
    frame: Callable[[psycopg.Connection[Any]], AbstractContextManager[None]],
    *,
    keep_plan: bool,
    objects: Which,
) -> Facts:
    ignored = tuple(ignored_schemas)
    reason = ""
    for attempt in range(ATTEMPTS):
        time.sleep(attempt * PAUSE)
        try:
            with frame(connection), connection.cursor(row_factory=tuple_row) as cursor:
                read_at = datetime.now(timezone.utc)
                rows = read_rows(cursor, ignored, keep_plan=keep_plan)
                behind = read_objects(cursor, objects, keep_plan=keep_plan)
        except DROPPED_MEANWHILE as error:
            reason = str(error.diag.message_primary or error)
        except ObjectDroppedError as error:
            reason = str(error)
        else:
            return Facts(_assemble(rows), connection.info.server_version, read_at, behind)
    raise CatalogMovedError(ATTEMPTS, reason)


@contextmanager
def _own_transaction(connection: psycopg.Connection[Any]) -> Iterator[None]:
    connection.execute("begin transaction isolation level repeatable read, read only")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("rollback")


@contextmanager
def _savepoint(connection: psycopg.Connection[Any]) -> Iterator[None]:
    connection.execute("savepoint catalog_facts")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("rollback to savepoint catalog_facts; release savepoint catalog_facts")


def _assemble(rows: Iterable[Row]) -> frozenset[Fact]:
    called: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        called.setdefault(row[:2], []).append(row)
    return frozenset(
        # two cron jobs without a name may share their command
        _fact(kind, identity if count == 1 else f"{identity} #{count}", parts, definition, cast("Scope", scope))
        for alike in called.values()
        for count, (kind, identity, definition, scope, parts) in enumerate(
            sorted(alike) if len(alike) > 1 else alike, 1
        )
    )


# What did not change since the last look has its hash and its properties already.
@lru_cache(maxsize=50_000)
def _fact(kind: str, identity: str, parts: str | None, definition: str, scope: Scope) -> Fact:
    return Fact(kind, Identity(kind, identity, parts), definition, scope)


def _digest(facts: Iterable[Fact]) -> str:
    return hashlib.sha256("\n".join(sorted(fact.hash for fact in facts)).encode()).hexdigest()
