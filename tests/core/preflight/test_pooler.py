"""Tests with the real pgbouncer of Debian, in each of its modes."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pg_deploy.postgres.errors import TransactionPoolerError
from pg_deploy.postgres.pooler import is_transaction_pooler, refuse_transaction_pooler
from tests.core.preflight.conftest import Server, as_postgres, free_port, wait_for

PGBOUNCER = Path("/usr/sbin/pgbouncer")


@contextmanager
def pgbouncer(server: Server, directory: Path, mode: str, extra: str = "") -> Iterator[int]:
    if not PGBOUNCER.exists():
        pytest.fail("pgbouncer is missing: run `make test-packages`")
    port = free_port()
    configuration = directory / f"pgbouncer-{port}.ini"
    configuration.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = {mode}\n{extra or 'default_pool_size = 10'}\n"
    )
    process = as_postgres([str(PGBOUNCER), str(configuration)])
    try:
        wait_for(server.url(port=port), process)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def load(server: Server, port: int, clients: int) -> Iterator[None]:
    """`clients` connections that run short statements and short transactions without a pause."""
    stop = threading.Event()

    def client() -> None:
        with server.connect(port=port) as connection:
            while not stop.is_set():
                connection.execute("select pg_sleep(0.001)")

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        stop.set()
        for each in threads:
            each.join()


def warm_up(server: Server, port: int) -> None:
    """Make the pooler open two backends: with two handed out in turn, each of two clients may always meet its own."""
    threads = [threading.Thread(target=lambda: connect_once(server, port)) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def connect_once(server: Server, port: int) -> None:
    with server.connect(port=port) as connection:
        connection.execute("select pg_sleep(0.2)")


@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize(
    "extra", ["", "server_round_robin = 1", "default_pool_size = 2\nserver_round_robin = 1\nmin_pool_size = 2"]
)
def test_a_pooler_that_shares_backends_is_recognised(server: Server, directory: Path, mode: str, extra: str) -> None:
    """Else SET ROLE and claims of a deployment would leak to other clients of Supabase's port 6543."""
    with pgbouncer(server, directory, mode, extra) as port:
        warm_up(server, port)
        assert [is_transaction_pooler(functools.partial(server.connect, port=port)) for _ in range(4)] == [True] * 4


@pytest.mark.parametrize("clients", [1, 6, 12])
def test_a_transaction_pooler_is_recognised_while_others_use_it(server: Server, directory: Path, clients: int) -> None:
    """Production's pooler is never quiet: other clients take the backend between our two questions."""
    with pgbouncer(server, directory, "transaction") as port, load(server, port, clients):
        assert [is_transaction_pooler(functools.partial(server.connect, port=port)) for _ in range(8)] == [True] * 8


@pytest.mark.parametrize("clients", [0, 6])
def test_a_session_pooler_and_a_direct_connection_are_accepted(server: Server, directory: Path, clients: int) -> None:
    """A false refusal would lock out every team that deploys through Supabase's session pooler."""
    with pgbouncer(server, directory, "session") as port, load(server, port, clients):
        for each in (port, server.port):
            answers = [is_transaction_pooler(functools.partial(server.connect, port=each)) for _ in range(4)]
            assert answers == [False] * 4


def test_the_refusal_names_what_to_use_instead(server: Server, directory: Path) -> None:
    """The engineer must learn from the message alone which host and port to put into the connection."""
    with pgbouncer(server, directory, "transaction") as port:
        connect = functools.partial(server.connect, port=port)
        with pytest.raises(TransactionPoolerError, match="pool_mode = session"):
            refuse_transaction_pooler(connect, host="127.0.0.1", port=port)
        with pytest.raises(TransactionPoolerError, match=r'"aws-0-eu\.pooler\.supabase\.com:5432" \(not 6543\)'):
            refuse_transaction_pooler(connect, host="aws-0-eu.pooler.supabase.com", port=6543)
        with pytest.raises(TransactionPoolerError, match=r'"db\.abc\.supabase\.co:5432" \(not 6543\)'):
            refuse_transaction_pooler(connect, host="db.abc.supabase.co", port=6543)
    refuse_transaction_pooler(server.connect, host="127.0.0.1", port=server.port)


def test_both_connections_are_closed_and_hold_no_transaction(server: Server) -> None:
    """A forgotten connection would be one of the few that a small project has."""
    made: list[psycopg.Connection] = []

    def connect() -> psycopg.Connection:
        made.append(server.connect())
        return made[-1]

    assert not is_transaction_pooler(connect)
    assert [each.closed for each in made] == [True, True]
