"""Telling a lost connection from all other errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pg_deploy.errors import ConnectionLostError
from pg_deploy.execution.errors import ServerRefusedError
from pg_deploy.postgres.session import Connection, one_line
from pg_deploy.presentation.secrecy import without_secrets

# The server shuts down, or somebody or a timeout ends our session. Such an error arrives before the connection counts as closed.
_ENDED = frozenset({"57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04"})
READ_ONLY = "25006"
_REMEDIES = {
    "53100": "its disk is full: free or add space, then trigger a new run, which looks at the database first",
    "53200": "it has no memory left: look what uses it, then trigger a new run, which looks at the database first",
    "53300": "it has no connection left: close idle clients, then trigger a new run",
    "42501": "the role lacks a right that it had in preflight: grant it again (sql/roles), then trigger a new run",
}

log = logging.getLogger("pg_deploy")


def is_lost(error: psycopg.Error, connection: Connection | None = None) -> bool:
    """Whether `error` means that the session is gone, so that nobody knows yet what its last statement did. Pure."""
    if connection is not None and (connection.closed or connection.broken):
        return True
    state = error.sqlstate
    if state is None:
        # No server sent this, so libpq did. A mistake in our own calls has another class.
        return isinstance(error, psycopg.OperationalError)
    return state in _ENDED or state.startswith("08")


def is_read_only(error: psycopg.Error) -> bool:
    """Whether the server takes no writes: it is a standby in a failover, or its disk is full. Pure."""
    return error.sqlstate == READ_ONLY


@contextmanager
def lost_connections_named() -> Iterator[None]:
    """Turn errors of our own statements into sentences: ConnectionLostError for a lost connection, else ServerRefusedError."""
    try:
        yield
    except psycopg.Error as error:
        problem = one_line(without_secrets(str(error)))
        if is_lost(error) or is_read_only(error):
            raise ConnectionLostError("the ledger", 0, problem) from error
        log.debug("the server refused", exc_info=True)
        raise ServerRefusedError(error.sqlstate, problem, _remedy(error.sqlstate)) from error


def _remedy(sqlstate: str | None) -> str:
    return _REMEDIES.get(
        sqlstate or "", "read the server's log, then trigger a new run: it looks at the database first"
    )
