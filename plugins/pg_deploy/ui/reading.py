"""How a page reads a target: in one read-only snapshot, and never for long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pg_deploy.ledger import schema
from pg_deploy.postgres.ledger_name import LEDGERS_HERE, use_ledger
from pg_deploy.postgres.session import Connection, Target, kept_alive, one_line
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.ui.errors import PageUnreadableError

CONNECT_S = 4
STATEMENT_TIMEOUT = "5s"
LOCK_TIMEOUT = "1s"


@contextmanager
def read_only_session(target: Target) -> Iterator[Connection]:
    """Open a session in a read-only transaction that sees one moment. Each statement has five seconds.

    Raises PageUnreadableError if the target cannot be reached or read. Its message holds no password.
    """
    try:
        connection = psycopg.connect(
            kept_alive(target.conninfo),
            autocommit=True,
            application_name="pg_deploy page",
            connect_timeout=CONNECT_S,
            prepare_threshold=None,
            client_encoding="utf8",
        )
    except psycopg.Error as error:
        raise PageUnreadableError(target.name, _reason(error)) from None
    try:
        # Set for the transaction, not for the session: behind a pooler the session belongs to somebody else a moment later.
        connection.execute("begin transaction isolation level repeatable read, read only; set local search_path to ''")
        found = connection.execute(
            "select set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true),"
            " set_config('idle_in_transaction_session_timeout', '30s', true), set_config('jit', 'off', true),"
            f" set_config('TimeZone', 'UTC', true), {LEDGERS_HERE}",
            [STATEMENT_TIMEOUT, LOCK_TIMEOUT],
        ).fetchone()
        use_ledger(connection, target.ledger, found[-1] if found else ())
        yield connection
    except psycopg.Error as error:
        raise PageUnreadableError(target.name, _reason(error)) from None
    finally:
        connection.close()


def has_ledger(connection: Connection) -> bool:
    """Whether we ever deployed or measured anything in this database. Reads only."""
    return schema.exists(connection)


def _reason(error: psycopg.Error) -> str:
    return one_line(without_secrets(error.diag.message_primary or str(error)))
