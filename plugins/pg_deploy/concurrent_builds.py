"""Statements that cannot run in a transaction: what the catalog says they did.

A failed CREATE INDEX CONCURRENTLY leaves an invalid index that IF NOT EXISTS then hides, and a statement whose client was
killed goes on in the server. So nothing here trusts an exit code or is retried blindly.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from psycopg import sql

from pg_deploy.errors import InvalidIndexError, InvalidIndexInTheWayError, UncertainStatementError
from pg_deploy.folder import PROJECT
from pg_deploy.session import Connection, Target
from pg_deploy.statements import Statement

_STATE = (PROJECT / "sql" / "builds" / "index_state.sql").read_bytes()
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


def refuse_invalid_in_the_way(connection: Connection, statement: Statement) -> None:
    """Raise InvalidIndexInTheWayError where IF NOT EXISTS would take an invalid index of that name for done."""
    name = _created_index(connection, statement)
    if name is None:
        return
    state = index_state(connection, name)
    if state is not None and not state.valid:
        raise InvalidIndexInTheWayError(state.qualified)


def reconcile(connection: Connection, target: Target, statement: Statement, log: logging.Logger) -> bool:
    """Whether an earlier try of `statement` did its work; what it left half done is removed so that it can run again.

    Waits for a build that is still going on. Raises UncertainStatementError for a statement whose effect no catalog shows
    and that must not run twice.
    """
    action = statement.concurrent.action if statement.concurrent else None
    if action == "create":
        return _reconcile_create(connection, target, statement, log)
    if action == "drop":
        return all(index_state(connection, name) is None for name in _dropped_indexes(statement))
    if statement.kind.startswith(_IDEMPOTENT) or action == "reindex":
        return False
    raise UncertainStatementError(statement.summary, statement.line)


def confirm(connection: Connection, statement: Statement) -> None:
    """Raise InvalidIndexError unless the index that `statement` made can be used. Reads only."""
    name = _created_index(connection, statement)
    state = index_state(connection, name) if name else None
    if state is not None and not state.valid:
        raise InvalidIndexError(state.qualified)


def _reconcile_create(connection: Connection, target: Target, statement: Statement, log: logging.Logger) -> bool:
    name = _created_index(connection, statement)
    if name is None:
        raise UncertainStatementError(statement.summary, statement.line)
    said = False
    while (state := index_state(connection, name)) is not None and state.builder is not None:
        if not said:
            log.info(
                "    pid %d of an earlier try is still building %s: waiting for it", state.builder, state.qualified
            )
            said = True
        time.sleep(0.5)
    if state is None:
        return False
    if state.valid:
        return True
    log.info("    an earlier try left %s invalid: dropping it and building it again", state.qualified)
    schema, relation = _parts(connection, name)
    with target.session("drop invalid index") as session:
        session.execute(sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(schema, relation)))
    return False


def _created_index(connection: Connection, statement: Statement) -> str | None:
    """The name under which to look for the index that `statement` creates: it lives in its table's schema."""
    index = statement.concurrent
    if index is None or index.action != "create" or index.name is None:
        return None
    table = f"{_quoted(index.schema)}.{_quoted(index.table)}" if index.schema else _quoted(index.table)
    row = connection.execute(
        """select pg_catalog.format('%%I.%%I', n.nspname, %s::text)
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = pg_catalog.to_regclass(%s)""",
        [index.name, table],
    ).fetchone()
    return row[0] if row else None


def _dropped_indexes(statement: Statement) -> list[str]:
    return [name.name for name in statement.drops]


def _parts(connection: Connection, qualified: str) -> tuple[str, str]:
    row = connection.execute(
        """select n.nspname, c.relname from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = pg_catalog.to_regclass(%s)""",
        [qualified],
    ).fetchone()
    if row is None:
        raise InvalidIndexError(qualified)
    return row[0], row[1]


def _quoted(name: str | None) -> str:
    return '"' + (name or "").replace('"', '""') + '"'
