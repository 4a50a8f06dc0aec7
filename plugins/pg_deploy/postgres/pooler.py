"""Finding out whether a connection goes through a transaction pooler. Behind one, nothing that the engine relies on holds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import psycopg

from pg_deploy.postgres.errors import TransactionPoolerError
from pg_deploy.postgres.session import Target, host_and_port

_ROUNDS = 5


def is_transaction_pooler(connect: Callable[[], psycopg.Connection]) -> bool:
    """Whether two connections made by `connect` share backends: only a transaction or statement pooler lets them.

    A session pooler is False, because each client keeps its backend there. Opens two connections and closes both. Reads
    only. Raises what `connect` raises.
    """
    with closing(connect()) as first, closing(connect()) as second:
        for connection in (first, second):
            connection.autocommit = True
            connection.prepare_threshold = None
        backends_of_first: set[int] = set()
        backends_of_second: set[int] = set()
        for _ in range(_ROUNDS):
            # Twice in a row: a pooler that hands out its two servers in turn would always show us the same one.
            backends_of_first |= {_backend(first), _backend(first)}
            try:
                with second.transaction():
                    backends_of_second.add(_backend(second))
            except psycopg.errors.ProtocolViolation:
                return True  # a statement pooler refuses BEGIN
            if len(backends_of_first) > 1 or len(backends_of_second) > 1 or backends_of_first & backends_of_second:
                return True
    return False


def refuse_transaction_pooler(connect: Callable[[], psycopg.Connection], *, host: str, port: int) -> None:
    """Raises TransactionPoolerError, which says what to use instead, if `connect` reaches such a pooler. Reads only."""
    if is_transaction_pooler(connect):
        raise TransactionPoolerError(host=host, port=port)


def refuse_pooler_before(target: Target, purpose: str) -> None:
    """Raises TransactionPoolerError if the target is reached through such a pooler. Reads only; raises what connecting raises."""
    host, port = host_and_port(target)
    refuse_transaction_pooler(lambda: target.connect_plain(purpose), host=host, port=port)


def _backend(connection: psycopg.Connection) -> int:
    row = connection.execute("select pg_catalog.pg_backend_pid()").fetchone()
    return -1 if row is None else int(row[0])
