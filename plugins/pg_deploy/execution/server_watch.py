"""The lock budget of a statement whose locks cannot be read from its text; the server itself keeps it.

A do block or a function takes its locks at any moment, so its deadline cannot be set beforehand. A second session looks every
tenth of a second, and ends a statement that held a strong lock for too long. The looking is one statement in the server, so
it goes on even if this process is stopped or cut off.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from pg_deploy.errors import ConnectionFailedError
from pg_deploy.execution.errors import NotWatchedError
from pg_deploy.postgres.session import Backend, Connection, Target
from pg_deploy.postgres.sql_files import engine_sql

_LOOP = engine_sql("execution/keep_budget").decode()
_PAUSE_S = 0.5


@contextmanager
def budget_kept_by_server(
    target: Target, backend: Backend, *, budget: float, give_up_after: float, log: logging.Logger
) -> Iterator[None]:
    """While the block runs, the server ends `backend`'s work once it held or awaited a strong lock for `budget` seconds.

    The watching session is open before the block begins. Raises NotWatchedError if none could be opened in `give_up_after` s.
    """
    connection = _connect(target, give_up_after, log)
    loop = (
        sql.SQL(_LOOP)
        .format(
            pid=sql.Literal(backend.pid), started=sql.Literal(backend.started_at.isoformat()), limit=sql.Literal(budget)
        )
        .as_bytes(connection)
    )
    # We send it and do not wait for it: it ends with the transaction that it watches.
    connection.pgconn.send_query(loop)
    connection.pgconn.flush()
    try:
        yield
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
