"""Finding out whether a connection goes through a transaction pooler, where nothing the engine relies on holds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import psycopg

from pg_deploy.postgres.errors import TransactionPoolerError
from pg_deploy.postgres.session import Target, host_and_port

_ROUNDS = 5


def is_transaction_pooler(connect: Callable[[], psycopg.Connection]) -> bool:
    """Whether two connections made by `connect` share backends, as only a transaction or statement pooler lets them.

    Opens two connections and closes both. Reads only. Raises what `connect` raises. A session pooler is False: there
    each client keeps its backend.
    """
    with closing(connect()) as first, closing(connect()) as second:
        for each in (first, second):
            each.autocommit = True
            each.prepare_threshold = None
        ours: set[int] = set()
        theirs: set[int] = set()
        for _ in range(_ROUNDS):
            # twice in a row: a pooler that hands out its two servers in turn would always show us the same one
            ours |= {_backend(first), _backend(first)}
            try:
                with second.transaction():
                    theirs.add(_backend(second))
            except psycopg.errors.ProtocolViolation:
                return True  # a statement pooler refuses BEGIN
            if len(ours) > 1 or len(theirs) > 1 or ours & theirs:
                return True
    return False


def refuse_transaction_pooler(connect: Callable[[], psycopg.Connection], *, host: str, port: int) -> None:
    """Raises TransactionPoolerError, saying what to use instead, when `connect` reaches such a pooler. Reads only."""
    if is_transaction_pooler(connect):
        raise TransactionPoolerError(host=host, port=port)


def refuse_pooler_before(target: Target, purpose: str) -> None:
    """Raises TransactionPoolerError when the target is reached through one. Reads only; raises what connecting raises."""
    host, port = host_and_port(target)
    refuse_transaction_pooler(lambda: target.connect_plain(purpose), host=host, port=port)


def _backend(connection: psycopg.Connection) -> int:
    row = connection.execute("select pg_catalog.pg_backend_pid()").fetchone()
    return -1 if row is None else int(row[0])
