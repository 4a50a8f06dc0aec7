"""Which locks each statement takes, and for how long others would wait behind them: read from the server while it happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from pg_deploy.execution.segments import Observer
from pg_deploy.ledger.kinds.rehearsal import Held, StatementLocks
from pg_deploy.parsing.lock_modes import Lock, lock_of
from pg_deploy.parsing.statements import Segment, Statement
from pg_deploy.postgres.session import EMPTY_SEARCH_PATH, RESTORE_SEARCH_PATH, Backend, Connection, Target
from pg_deploy.postgres.sql_files import engine_sql

_HELD = engine_sql("rehearsal/locks_held")
_LOOK_EVERY_S = 0.05


@dataclass
class _Open:
    statement: Statement
    seconds: float
    since: float
    taken: list[tuple[str, Lock]]


@dataclass
class LockObserver(Observer):
    """Keeps what it saw in `seen`, in order. `known` are the oids of the relations that were there before."""

    known: frozenset[int]
    seen: list[StatementLocks] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _held: set[tuple[str, Lock]] = field(default_factory=set)
    _backend: int = 0

    def after_statement(self, connection: Connection, statement: Statement, seconds: float) -> None:
        """Note which locks are new since the statement before."""
        if self._open and statement.ordinal <= self._open[-1].statement.ordinal:
            # The transaction was aborted and began again.
            self._open, self._held = [], set()
        connection.execute(EMPTY_SEARCH_PATH.encode())
        now = self._locks_of(connection, connection.info.backend_pid)
        connection.execute(RESTORE_SEARCH_PATH)
        new = [each for each in now if each not in self._held]
        self._held.update(new)
        self._open.append(_Open(statement, seconds, time.monotonic() - seconds, new))

    def before_commit(self, connection: Connection, segment: Segment) -> None:
        """Note how long each lock was held: the commit releases all of them."""
        now = time.monotonic()
        for each in self._open:
            locks = tuple(Held(relation, mode, now - each.since) for relation, mode in each.taken)
            self.seen.append(StatementLocks(each.statement.line, each.statement.summary, each.seconds, locks))
        self._open, self._held = [], set()

    @contextmanager
    def around_statement_alone(self, target: Target, backend: Backend, statement: Statement) -> Iterator[None]:
        """Look from another session: nothing can be asked of one that is busy."""
        times: dict[tuple[str, Lock], list[float]] = {}
        stop = threading.Event()
        watcher = threading.Thread(
            target=self._look, args=(target, backend, times, stop), name="pg_deploy locks", daemon=True
        )
        watcher.start()
        started = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - started
            stop.set()
            watcher.join(timeout=10)
        for claim in statement.locks:
            # A short build may be over before the first look: what its text says is then all there is.
            if claim.relation and not any(mode == claim.mode for _, mode in times):
                times[claim.relation, claim.mode] = [started, started + took]
        locks = tuple(Held(relation, mode, at[-1] - at[0]) for (relation, mode), at in sorted(times.items()))
        self.seen.append(StatementLocks(statement.line, statement.summary, took, locks))

    def _look(
        self, target: Target, backend: Backend, times: dict[tuple[str, Lock], list[float]], stop: threading.Event
    ) -> None:
        try:
            with target.session("locks") as connection:
                while not stop.is_set():
                    for lock in self._locks_of(connection, backend.pid):
                        times.setdefault(lock, []).append(time.monotonic())
                    stop.wait(_LOOK_EVERY_S)
        except psycopg.Error:
            return

    def _locks_of(self, connection: Connection, pid: int) -> list[tuple[str, Lock]]:
        rows = connection.execute(_HELD, {"pid": pid}).fetchall()
        return [(row[1], lock_of(row[2])) for row in rows if row[0] in self.known]


def known_relations(connection: Connection) -> frozenset[int]:
    """The oids of all relations that are there now. Reads only."""
    return frozenset(row[0] for row in connection.execute("select oid::bigint from pg_catalog.pg_class"))
