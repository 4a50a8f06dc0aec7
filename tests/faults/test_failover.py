"""A failover, and an address that leads to two servers: nothing is wrong with the migration, and nothing is undone."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from pg_deploy.errors import PgDeployError
from pg_deploy.execution.lost_connections import lost_connections_named
from pg_deploy.ledger import deployment, schema
from pg_deploy.ledger.deployment import Claim
from pg_deploy.ledger.guard import Ownership, working
from pg_deploy.migrations import history
from pg_deploy.postgres.session import Target
from tests.building import write_migration
from tests.faults.deployer import DEPLOYED, Order
from tests.faults.killing import start
from tests.faults.scenarios import STEM
from tests.faults.server import Server, new_server, standby_of
from tests.looking import Database
from tests.waiting import until

LOG = logging.getLogger("pg_deploy")


class Address:
    """One address in front of several servers: new connections go to where it leads now."""

    def __init__(self, port: int) -> None:
        self.leads_to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.leads_to))
                except OSError:
                    client.close()
                    continue
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=(one, other), daemon=True).start()

    @staticmethod
    def _forward(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    """A server of these tests' own, that may have standbys."""
    with new_server() as made:
        made.admin("create table public.item (id int)", "template1")
        yield made


def _claimed(url: str) -> tuple[Target, Ownership]:
    target = Target("target_db", url)
    with target.session("test") as connection:
        schema.ensure(connection)
        history.ensure(connection)
        claim = Claim("deploy_migrations", "one", "ann", {}, "", ())
        held = deployment.claim(connection, claim, good_for=600, is_over=lambda _: False)
    return target, Ownership(held.id, held.fence)


@contextmanager
def _target(server: Server) -> Iterator[Database]:
    made = Database(server.create(f"target_{time.time_ns()}"))
    yield made
    server.drop(made.url.rsplit("/", 1)[1])


def _set_read_only(server: Server, database: Database, value: bool) -> None:
    name = database.url.rsplit("/", 1)[1]
    server.admin(f"alter database {name} set default_transaction_read_only = {'on' if value else 'off'}")


def test_a_database_that_is_read_only_for_a_moment_is_waited_for(primary: Server, tmp_path: Path) -> None:
    """Else a full disk, or the seconds of a failover, would be a traceback, a rollback, and a database between two states."""
    write_migration(tmp_path / "m", STEM, "create table public.t1 (id int);", rollback="drop table public.t1;")
    with _target(primary) as database:
        run = start(Order(database.url, str(tmp_path / "m"), "read only", str(tmp_path / "log"), give_up_after=60))
        assert run.until_logged("holds the target", 120), run.log
        _set_read_only(primary, database, True)
        is_noticed = run.until_logged("takes no writes", 60)
        _set_read_only(primary, database, False)
        code = run.wait()

        assert is_noticed, run.log
        assert code == DEPLOYED, run.log
        assert "task rollback" not in run.log
        assert "Traceback" not in run.log


def test_a_server_that_takes_no_writes_is_named_in_the_end(primary: Server) -> None:
    """Else whoever reads the log would look for a fault in the migration."""
    with _target(primary) as database:
        target, owned = _claimed(database.url)
        _set_read_only(primary, database, True)
        with (
            pytest.raises(PgDeployError, match="read-only by default, as Supabase makes them when the disk is full"),
            working(target, owned, "apply", give_up_after=1.5, log=LOG),
        ):
            pass
        _set_read_only(primary, database, False)


def test_what_the_server_refuses_of_ours_is_a_sentence(primary: Server) -> None:
    """Else a full disk would reach the log of a task as a traceback."""
    with _target(primary) as database, psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("set default_transaction_read_only = on")
        with pytest.raises(PgDeployError, match="read-only"), lost_connections_named():
            connection.execute("create table public.x (id int)")
        with pytest.raises(PgDeployError, match=r"SQLSTATE 53100.*its disk is full"), lost_connections_named():
            connection.execute("do $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$")


def test_a_restored_copy_is_another_server(primary: Server) -> None:
    """Else an address that was moved to a restored backup would have the rest of a deployment applied there."""
    with _target(primary) as database:
        target, owned = _claimed(database.url)
        database.run("""update deploy_ledger.evidence set detail = '{"system": "4711"}' where kind = 'claim'""")
        with (
            pytest.raises(PgDeployError, match="this is another server: the deployment began on the cluster 4711"),
            working(target, owned, "apply", give_up_after=5, log=LOG),
        ):
            pass


@pytest.mark.faults
def test_a_failover_is_waited_for_and_gone_on_from(primary: Server, tmp_path: Path) -> None:
    """Else each failover would undo, or leave between two states, a migration that nothing is wrong with."""
    write_migration(
        tmp_path / "m",
        STEM,
        "create table public.t1 (id int);\nselect pg_sleep(2);\n",
        rollback="drop table public.t1;",
    )
    with _target(primary) as database, standby_of(primary) as standby:
        address = Address(primary.port)
        url = database.url.replace(f":{primary.port}/", f":{address.port}/")
        run = start(Order(url, str(tmp_path / "m"), "failover", str(tmp_path / "log"), give_up_after=90))
        assert run.until_logged("INFO   line 2: select pg_sleep", 120), run.log
        _wait_until_caught_up(primary)
        address.leads_to = standby.port
        primary.stop("immediate")
        is_noticed = run.until_logged("takes no writes: it is a standby", 60)
        standby.admin("select pg_promote()")
        code = run.wait()
        there = Database(database.url.replace(f":{primary.port}/", f":{standby.port}/"))
        has_table = there.has("public.t1")
        address.close()
        primary.start()

    assert is_noticed, run.log
    assert code == DEPLOYED, run.log
    assert has_table
    assert "task rollback" not in run.log


@pytest.mark.faults
def test_two_servers_behind_one_address_are_noticed(primary: Server) -> None:
    """Else a change would be applied on one, found missing on the other, and undone there."""
    with _target(primary) as database, standby_of(primary) as standby:
        _, owned = _claimed(database.url)
        _wait_until_caught_up(primary)
        address = Address(primary.port)
        moving = Target("target_db", database.url.replace(f":{primary.port}/", f":{address.port}/"))
        with working(moving, owned, "apply", give_up_after=5, log=LOG) as guard:
            standby.admin("select pg_promote()")
            until(lambda: standby.admin("select pg_is_in_recovery()") == [(False,)], "it is promoted")
            address.leads_to = standby.port
            with pytest.raises(PgDeployError, match="two servers answer at one address"), guard.session("apply"):
                pass
        address.close()


def _wait_until_caught_up(primary: Server) -> None:
    until(
        lambda: primary.admin("select count(*) from pg_stat_replication where replay_lsn >= sent_lsn")[0][0] == 1,
        "the standby has all",
    )
