"""Statements that cannot run in a transaction: what the catalog says they did.

A failed CREATE INDEX CONCURRENTLY leaves an invalid index behind, and IF NOT EXISTS would take it for done. A statement whose
client was killed goes on in the server. So nothing here trusts an exit code, and nothing is retried blindly.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pg_deploy.execution.errors import (
    InvalidIndexError,
    InvalidIndexInTheWayError,
    OldBackendError,
    OtherDefinitionError,
    UncertainStatementError,
)
from pg_deploy.execution.index_definition import duplicate_keys, present_definition, wanted_definition
from pg_deploy.execution.statement_watch import build_progress
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.parsing.statements import Statement
from pg_deploy.postgres.polling import looks
from pg_deploy.postgres.quoting import in_full
from pg_deploy.postgres.session import LOCK_TIMEOUT_S, Connection, Target
from pg_deploy.postgres.sql_files import engine_sql

_STATE = engine_sql("execution/index_state")
_LEFTOVERS = engine_sql("execution/reindex_leftovers")
_DETACHING = engine_sql("execution/detaching")
_EXISTS_ALREADY, _NOT_UNIQUE = "42P07", "23505"
_SAY_EVERY_S = 5.0
# To run these again does no harm, and finishes what was begun.
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


@dataclass(frozen=True)
class Look:
    """The sessions by which we look at what a statement did.

    `catalog` is ours and reads the states. `names` is the statement's own session: its search_path says which table is
    meant. `patience_s` is how long we wait for a build that is still going on.
    """

    catalog: Connection
    names: Connection
    target: Target
    log: logging.Logger
    patience_s: float = 7200.0


def refuse_what_is_in_the_way(look: Look, statement: Statement) -> None:
    """Before the first try: refuse an index that IF NOT EXISTS would take for done though it is invalid or another one.

    Raises InvalidIndexInTheWayError or OtherDefinitionError. Changes nothing.
    """
    wanted = _wanted(look, statement)
    if wanted is None:
        return
    state = index_state(look.catalog, wanted.index)
    if state is None:
        return
    if not state.valid:
        raise InvalidIndexInTheWayError(state.qualified, state.builder)
    if statement.concurrent is not None and statement.concurrent.if_not_exists:
        _refuse_other_definition(look, statement, wanted, state)


def reconcile(look: Look, statement: Statement) -> bool:
    """Whether an earlier try of `statement` did its work. If it left something half done, that is removed or finished.

    Waits for a build that is still going on. Raises UncertainStatementError for a statement that must not run twice if no
    catalog shows its effect, and OtherDefinitionError if an index of that name is there but is another one.
    """
    action = statement.concurrent.action if statement.concurrent else None
    if action == "create":
        return _reconcile_create(look, statement)
    if action == "drop":
        return all(index_state(look.names, name.name) is None for name in statement.drops)
    if action == "reindex":
        _drop_reindex_leftovers(look, statement)
        return False
    if statement.kind.startswith(_IDEMPOTENT):
        return False
    if statement.kind == "alter table detach partition concurrently":
        return _reconcile_detach(look, statement)
    raise UncertainStatementError(statement.summary, statement.line)


def _drop_reindex_leftovers(look: Look, statement: Statement) -> None:
    """An interrupted REINDEX CONCURRENTLY leaves invalid indexes named …_ccnew or …_ccold beside the good ones."""
    index, relation = statement.concurrent, None
    name = index.name or index.table if index else None
    if index and name:
        relation = _oid(look, index.schema, name)
        if relation is None:
            return
    rows = look.catalog.execute(_LEFTOVERS, {"relation": relation})
    for schema, name in rows.fetchall():
        _drop_invalid(look, _Wanted(schema, name, ""))


def _reconcile_detach(look: Look, statement: Statement) -> bool:
    """To detach concurrently takes two transactions: none, the first, or both may have happened."""
    (raw,) = parse_sql(statement.sql)
    node: Any = raw.stmt
    parent, child = (
        _oid(look, each.schemaname, each.relname) for each in (node.relation, getattr(node.cmds[0], "def").name)
    )
    if parent is None or child is None:
        raise UncertainStatementError(statement.summary, statement.line)
    row = look.catalog.execute(_DETACHING, {"parent": parent, "child": child}).fetchone()
    if row is None:
        return True
    if row[2]:
        _finish_detaching(look, row[0], row[1])
        return True
    return False


def _oid(look: Look, schema: str | None, name: str) -> int | None:
    """The oid of the relation that this means under the migration's search_path."""
    named = in_full(*filter(None, (schema, name)))
    row = look.names.execute("select pg_catalog.to_regclass(%s)::pg_catalog.oid", [named]).fetchone()
    return row[0] if row else None


def _finish_detaching(look: Look, parent: str, child: str) -> None:
    look.log.info("    %s is half detached from %s: finishing it", child, parent)
    with look.target.session("finish detaching") as session:
        # It locks the partition: while it waits for that, the application's statements wait behind it.
        session.execute(f"set lock_timeout = '{LOCK_TIMEOUT_S:g}s'".encode())
        for waited, is_due in looks(0.5, say_every_s=_SAY_EVERY_S):
            try:
                session.execute(f"alter table {parent} detach partition {child} finalize".encode())
                return
            except psycopg.errors.LockNotAvailable:
                if waited > look.patience_s:
                    raise
                if is_due:
                    look.log.info("    somebody has locked %s: again in 0.5 s", child)


def confirm(look: Look, statement: Statement) -> None:
    """Raise InvalidIndexError unless the index that `statement` made can be used. Reads only."""
    wanted = _wanted(look, statement)
    state = index_state(look.catalog, wanted.index) if wanted else None
    if state is not None and not state.valid:
        raise InvalidIndexError(state.qualified)


def clear_failed_build(look: Look, statement: Statement, sqlstate: str | None) -> tuple[str, ...]:
    """Drop the invalid index that a failed build left behind; returns the keys that kept it from being unique.

    Two kinds of index are not ours to drop: one that existed before, if the build failed because of it, and one that
    somebody is building.
    """
    if sqlstate == _EXISTS_ALREADY:
        return ()
    wanted = _wanted(look, statement)
    state = index_state(look.catalog, wanted.index) if wanted else None
    if wanted is None or state is None or state.valid or state.builder is not None:
        return ()
    keys: tuple[str, ...] = ()
    if sqlstate == _NOT_UNIQUE:
        with look.target.session("find duplicate keys") as connection:
            keys = duplicate_keys(connection, wanted.index)
    _drop_invalid(look, wanted)
    return keys


@dataclass(frozen=True)
class _Wanted:
    """The index that a CREATE INDEX CONCURRENTLY names: it lives in its table's schema."""

    schema: str
    name: str
    table: str

    @property
    def index(self) -> str:
        return in_full(self.schema, self.name)


def _reconcile_create(look: Look, statement: Statement) -> bool:
    wanted = _wanted(look, statement)
    if wanted is None:
        raise UncertainStatementError(statement.summary, statement.line)
    for waited, is_due in looks(0.5, say_every_s=_SAY_EVERY_S):
        state = index_state(look.catalog, wanted.index)
        if state is None or state.builder is None:
            break
        if waited > look.patience_s:
            raise OldBackendError([state.builder])
        if is_due:
            progress = build_progress(look.catalog, state.builder) or "starting"
            look.log.info("    pid %d is still building %s: %s", state.builder, state.qualified, progress)
    if state is None:
        return False
    if state.valid:
        _refuse_other_definition(look, statement, wanted, state)
        return True
    _drop_invalid(look, wanted)
    return False


def _drop_invalid(look: Look, wanted: _Wanted) -> None:
    look.log.info("    %s was left invalid: dropping it", wanted.index)
    with look.target.session("drop invalid index") as session:
        session.execute(
            sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(wanted.schema, wanted.name))
        )


def _refuse_other_definition(look: Look, statement: Statement, wanted: _Wanted, state: IndexState) -> None:
    # On a connection of its own: on the guard's, the heartbeat would write into the transaction that is aborted here.
    path = look.names.execute("select pg_catalog.current_setting('search_path')").fetchone()
    with look.target.session("compare index", role_search_path=True) as connection:
        connection.execute("select pg_catalog.set_config('search_path', %s, false)", [path[0] if path else ""])
        asked = wanted_definition(connection, statement.sql, wanted.table)
        present = present_definition(connection, wanted.index)
    if asked is not None and present is not None and asked != present:
        raise OtherDefinitionError(state.qualified, present, asked)


def _wanted(look: Look, statement: Statement) -> _Wanted | None:
    """The index that `statement` makes; None for any other statement, or if its table does not exist."""
    index = statement.concurrent
    if index is None or index.action != "create" or index.name is None:
        return None
    table = in_full(*filter(None, (index.schema, index.table)))
    # Under the migration's search_path we ask only what the name means.
    oid = look.names.execute("select pg_catalog.to_regclass(%s)::pg_catalog.oid", [table]).fetchone()
    row = look.catalog.execute(
        """select n.nspname, format('%%I.%%I', n.nspname, c.relname)
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = %s::oid""",
        [oid[0] if oid else None],
    ).fetchone()
    return _Wanted(row[0], index.name, row[1]) if row else None
