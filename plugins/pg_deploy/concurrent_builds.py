"""Statements that cannot run in a transaction: what the catalog says they did.

A failed CREATE INDEX CONCURRENTLY leaves an invalid index that IF NOT EXISTS then hides, and a statement whose client was
killed goes on in the server. So nothing here trusts an exit code or is retried blindly.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from psycopg import sql

from pg_deploy.errors import (
    InvalidIndexError,
    InvalidIndexInTheWayError,
    OtherDefinitionError,
    UncertainStatementError,
)
from pg_deploy.folder import PROJECT
from pg_deploy.index_definition import duplicate_keys, present_definition, wanted_definition
from pg_deploy.session import Connection, Target
from pg_deploy.statements import Statement

_STATE = (PROJECT / "sql" / "builds" / "index_state.sql").read_bytes()
_LEFTOVERS = (PROJECT / "sql" / "builds" / "reindex_leftovers.sql").read_bytes()
_DETACHING = (PROJECT / "sql" / "builds" / "detaching.sql").read_bytes()
# Running these again does no harm and finishes what was begun.
_IDEMPOTENT = ("vacuum", "analyze", "reindex", "cluster", "refresh", "alter system")


@dataclass(frozen=True)
class IndexState:
    """An index that exists: whether it can be used, and the pid that is building it, if any."""

    valid: bool
    qualified: str
    builder: int | None


def index_state(connection: Connection, index: str) -> IndexState | None:
    """The index of that name (qualified, or found by search_path), or None. Reads only."""
    row = connection.execute(_STATE, {"index": index}).fetchone()
    return IndexState(bool(row[0]), row[1], row[2]) if row else None


def refuse_what_is_in_the_way(connection: Connection, names: Connection, statement: Statement) -> None:
    """Before the first try: what IF NOT EXISTS would take for done must be valid and the index that is asked for.

    Raises InvalidIndexInTheWayError or OtherDefinitionError. Changes nothing.
    """
    wanted = _wanted(names, statement)
    if wanted is None:
        return
    state = index_state(connection, wanted.index)
    if state is None:
        return
    if not state.valid:
        raise InvalidIndexInTheWayError(state.qualified)
    if statement.concurrent is not None and statement.concurrent.if_not_exists:
        _refuse_other_definition(connection, statement, wanted, state)


def reconcile(
    connection: Connection, names: Connection, target: Target, statement: Statement, log: logging.Logger
) -> bool:
    """Whether an earlier try of `statement` did its work; what it left half done is removed so that it can run again.

    Waits for a build that is still going on. Raises UncertainStatementError for a statement whose effect no catalog shows
    and that must not run twice, OtherDefinitionError where the index is there and is another one.
    """
    action = statement.concurrent.action if statement.concurrent else None
    if action == "create":
        return _reconcile_create(connection, names, target, statement, log)
    if action == "drop":
        return all(index_state(names, name.name) is None for name in statement.drops)
    if action == "reindex":
        _drop_reindex_leftovers(connection, target, statement, log)
        return False
    if statement.kind.startswith(_IDEMPOTENT):
        return False
    if statement.kind == "alter table" and "detach partition" in statement.sql.lower():
        return _reconcile_detach(connection, target, statement, log)
    raise UncertainStatementError(statement.summary, statement.line)


def _drop_reindex_leftovers(connection: Connection, target: Target, statement: Statement, log: logging.Logger) -> None:
    """An interrupted REINDEX CONCURRENTLY leaves invalid indexes named …_ccnew or …_ccold beside the good ones."""
    index = statement.concurrent
    rows = connection.execute(
        _LEFTOVERS, {"index": index.name if index else None, "table": index.table if index else None}
    )
    for schema, name in rows.fetchall():
        _drop_invalid(target, _Wanted(schema, name, ""), log)


def _reconcile_detach(connection: Connection, target: Target, statement: Statement, log: logging.Logger) -> bool:
    """Detaching concurrently is two transactions: none, the first, or both may have happened."""
    row = connection.execute(_DETACHING, {"statement": statement.sql}).fetchone()
    if row is None:
        return True
    parent, child, pending = row
    if pending:
        log.info("    %s is half detached from %s: finishing it", child, parent)
        with target.session("finish detaching") as session:
            session.execute(f"alter table {parent} detach partition {child} finalize".encode())
        return True
    return False


def confirm(connection: Connection, names: Connection, statement: Statement) -> None:
    """Raise InvalidIndexError unless the index that `statement` made can be used. Reads only."""
    wanted = _wanted(names, statement)
    state = index_state(connection, wanted.index) if wanted else None
    if state is not None and not state.valid:
        raise InvalidIndexError(state.qualified)


def clear_failed_build(
    connection: Connection, names: Connection, target: Target, statement: Statement, log: logging.Logger
) -> tuple[str, ...]:
    """Drop the invalid index that a build just failed with left behind; returns the keys that kept it from being unique."""
    wanted = _wanted(names, statement)
    state = index_state(connection, wanted.index) if wanted else None
    if wanted is None or state is None or state.valid:
        return ()
    keys = duplicate_keys(connection, wanted.index)
    _drop_invalid(target, wanted, log)
    return keys


@dataclass(frozen=True)
class _Wanted:
    """The index that a CREATE INDEX CONCURRENTLY names: it lives in its table's schema."""

    schema: str
    name: str
    table: str

    @property
    def index(self) -> str:
        return f"{_quoted(self.schema)}.{_quoted(self.name)}"


def _reconcile_create(
    connection: Connection, names: Connection, target: Target, statement: Statement, log: logging.Logger
) -> bool:
    wanted = _wanted(names, statement)
    if wanted is None:
        raise UncertainStatementError(statement.summary, statement.line)
    said = False
    while (state := index_state(connection, wanted.index)) is not None and state.builder is not None:
        if not said:
            log.info("    pid %d is still building %s: waiting for it", state.builder, state.qualified)
            said = True
        time.sleep(0.5)
    if state is None:
        return False
    if state.valid:
        _refuse_other_definition(connection, statement, wanted, state)
        return True
    _drop_invalid(target, wanted, log)
    return False


def _drop_invalid(target: Target, wanted: _Wanted, log: logging.Logger) -> None:
    log.info("    %s was left invalid: dropping it", wanted.index)
    with target.session("drop invalid index") as session:
        session.execute(
            sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(wanted.schema, wanted.name))
        )


def _refuse_other_definition(connection: Connection, statement: Statement, wanted: _Wanted, state: IndexState) -> None:
    asked = wanted_definition(connection, statement.sql, wanted.table)
    found = present_definition(connection, wanted.index)
    if asked is not None and found is not None and asked != found:
        raise OtherDefinitionError(state.qualified, found, asked)


def _wanted(names: Connection, statement: Statement) -> _Wanted | None:
    """The index that `statement` makes: `names` is its own session, whose search_path says which table is meant."""
    index = statement.concurrent
    if index is None or index.action != "create" or index.name is None:
        return None
    table = f"{_quoted(index.schema)}.{_quoted(index.table)}" if index.schema else _quoted(index.table)
    row = names.execute(
        """select n.nspname, pg_catalog.format('%%I.%%I', n.nspname, c.relname)
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = pg_catalog.to_regclass(%s)""",
        [table],
    ).fetchone()
    return _Wanted(row[0], index.name, row[1]) if row else None


def _quoted(name: str | None) -> str:
    return '"' + (name or "").replace('"', '""') + '"'
