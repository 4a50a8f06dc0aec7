"""Telling a lost connection from everything else that a server may say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pg_deploy.errors import ConnectionLostError
from pg_deploy.secrecy import without_secrets
from pg_deploy.session import Connection, one_line

# The server ends, or a person ends our session: an error that arrives before the connection itself is seen to be gone.
_ENDED = frozenset({"57P01", "57P02", "57P03", "57P04", "57P05", "25P03"})


def is_lost(error: psycopg.Error, connection: Connection | None = None) -> bool:
    """Whether `error` says that the session is gone, so that what its last statement did must be found out. Pure."""
    if connection is not None and (connection.closed or connection.broken):
        return True
    state = error.sqlstate
    if state is None:
        # libpq itself: no server sent this. A mistake in our own calls is another class.
        return isinstance(error, psycopg.OperationalError)
    return state in _ENDED or state.startswith("08")


@contextmanager
def lost_connections_named() -> Iterator[None]:
    """Turn a lost connection, wherever it was noticed, into ConnectionLostError; everything else passes."""
    try:
        yield
    except psycopg.Error as error:
        if not is_lost(error):
            raise
        raise ConnectionLostError("the ledger", 0, one_line(without_secrets(str(error)))) from error
