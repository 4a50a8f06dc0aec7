"""The lock budget of a statement whose locks cannot be read from its text; the server itself keeps it.

A do block or a function takes its locks at any moment, so its deadline cannot be set beforehand. A second session looks every
tenth of a second, and ends a statement that held a strong lock for too long. The looking is one statement in the server, so
it goes on even if this process is stopped or cut off.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg import sql
from psycopg.errors import Diagnostic

from pg_deploy.errors import ConnectionFailedError
from pg_deploy.execution.errors import NotWatchedError
from pg_deploy.postgres.session import Backend, Connection, Target
from pg_deploy.postgres.sql_files import engine_sql

_LOOP = engine_sql("execution/keep_budget").decode()
_PAUSE_S = 0.5
# The code of the notice in which the loop says that it ends the statement. Not a code of the server's.
_ENDS_IT = "PGDBG"
# How long its notice may be on its way. It leaves the server before the cancel does.
_NOTICE_WITHIN_S = 2.0


@dataclass
class ServerWatch:
    """The watching session. Once the watched transaction is over, it tells whether that was its own doing."""

    _connection: Connection
    _shares: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._connection.add_notice_handler(self._read)

    def _read(self, notice: Diagnostic) -> None:
        if notice.sqlstate == _ENDS_IT:
            self._shares.append(float(notice.message_primary or 0))

    def share_waited(self) -> float | None:
        """Of the time for which the ended work held or awaited a strong lock, the share (0 to 1) that it waited for one.

        None if the server did not end it for that. Asked after the transaction is over, it waits for the loop's end, at most 2 s.
        """
        results, until = self._connection.pgconn, time.monotonic() + _NOTICE_WITHIN_S
        try:
            while not self._shares and results.is_busy() and (left := until - time.monotonic()) > 0:
                select.select([results.socket], [], [], left)
                results.consume_input()
        except psycopg.Error:
            return None
        return self._shares[-1] if self._shares else None


@contextmanager
def budget_kept_by_server(
    target: Target, backend: Backend, *, budget: float, give_up_after: float, log: logging.Logger
) -> Iterator[ServerWatch]:
    """While the block runs, the server ends `backend`'s work once it held or awaited a strong lock for `budget` seconds.

    The watching session is open before the block begins. Raises NotWatchedError if none could be opened in `give_up_after` s.
    """
    connection = _connect(target, give_up_after, log)
    loop = (
        sql.SQL(_LOOP)
        .format(
            pid=sql.Literal(backend.pid),
            started=sql.Literal(backend.started_at.isoformat()),
            limit=sql.Literal(budget),
            ends_it=sql.Literal(_ENDS_IT),
        )
        .as_bytes(connection)
    )
    watch = ServerWatch(connection)
    # We send it and do not wait for it: it ends with the transaction that it watches.
    connection.pgconn.send_query(loop)
    connection.pgconn.flush()
    try:
        yield watch
    finally:
        threading.Thread(target=_end, args=(connection,), name="pg_deploy watch ends", daemon=True).start()


def _connect(target: Target, give_up_after: float, log: logging.Logger) -> Connection:
    started = time.monotonic()
    while True:
        try:
            return target.connect("budget")
        except (ConnectionFailedError, psycopg.Error) as error:
            if time.monotonic() - started + _PAUSE_S >= give_up_after:
                raise NotWatchedError(str(error)) from error
            log.info("    no session for watching what it locks: %s; again in %g s", error, _PAUSE_S)
            time.sleep(_PAUSE_S)


def _end(connection: Connection) -> None:
    """End the watching session. Without the cancel the server would notice only after some seconds, and show the session until then."""
    try:
        connection.cancel_safe(timeout=5)
    except psycopg.Error:
        pass
    finally:
        connection.close()
