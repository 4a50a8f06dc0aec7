"""Replication, with a real standby of the tests' cluster."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from demo import server
from demo.cluster import Cluster
from tests.core.monitor.monitoring import Monitor
from tests.core.monitor.test_faults import limits_with


@dataclass(frozen=True)
class Standby:
    """A standby called `one`, and how to reach and end it."""

    bindir: Path
    data: Path
    url: str

    def run(self, statement: str) -> None:
        """Run one statement there."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        """Stop it; harmless when it does not run."""
        server.stop(self.bindir, self.data, "immediate")


@pytest.fixture
def standby(demo_cluster: Cluster) -> Iterator[Standby]:
    """A running standby."""
    with _standby(demo_cluster) as found:
        yield found


@contextmanager
def _standby(demo_cluster: Cluster) -> Iterator[Standby]:
    account = server.server_account()
    folder = Path(tempfile.mkdtemp(prefix="pg-deploy-standby-"))
    os.chown(folder, account.pw_uid, account.pw_gid)
    data, port = folder / "data", server.next_free_port(demo_cluster.port + 1)
    url = demo_cluster.admin_url()
    found = Standby(demo_cluster.bindir, data, url.replace(f":{demo_cluster.port}/", f":{port}/"))
    try:
        server.run(demo_cluster.bindir, "pg_basebackup", "-D", str(data), "-d", url, "-R", "-X", "stream", "-c", "fast")
        server.start(demo_cluster.bindir, data, port, {"cluster_name": "one"})
        yield found
    finally:
        found.stop()
        shutil.rmtree(folder)


@pytest.mark.acceptance
def test_a_standby_that_stops_applying_is_told_and_so_is_its_end(monitor: Monitor, standby: Standby) -> None:
    """Else the standby that should take over is hours behind on the day when it has to."""
    monitor.database.run("create table public.t (a int)")
    for _ in range(50):
        healthy = monitor.run()
        if "one 0 s behind" in healthy.page:
            break
        time.sleep(0.2)
    assert healthy.started == []
    assert "one 0 s behind" in healthy.page

    monitor.thresholds = limits_with(monitor, "replication_lag", above=1)
    standby.run("select pg_wal_replay_pause()")
    for _ in range(12):
        monitor.database.run("insert into public.t values (1)")
        time.sleep(0.25)
    behind, again = monitor.run(), monitor.run()
    standby.run("select pg_wal_replay_resume()")
    for _ in range(50):
        caught_up = monitor.run()
        if caught_up.ended:
            break
        time.sleep(0.2)
    standby.stop()
    gone = monitor.run()

    assert behind.started == ["replication_lag one"]
    assert "s and" in behind.lines[0]
    assert again.started == []
    assert caught_up.ended == ["replication_lag one"]
    assert gone.started == ["replication_lag one"]
    assert "the standby is not connected any more" in gone.lines[0]


@pytest.mark.acceptance
def test_one_of_two_standbys_of_one_name_that_is_gone_is_told(
    monitor: Monitor, demo_cluster: Cluster, standby: Standby
) -> None:
    """Else the loss of a standby is seen by nobody where each keeps the name that the server gives it."""
    connected = "select count(*) from pg_stat_replication where application_name = 'one' and state = 'streaming'"
    with _standby(demo_cluster) as second:
        _await(lambda: monitor.database.value(connected) == 2)
        assert monitor.run().started == []
        second.stop()
        _await(lambda: monitor.database.value(connected) == 1)
        less = monitor.run()
    assert less.started == ["replication_lag one"]
    assert "1 of 2 standbys of this name are connected" in less.lines[0]
    assert monitor.run().started == []


def _await(holds: Callable[[], bool]) -> None:
    for _ in range(150):
        if holds():
            return
        time.sleep(0.2)
    pytest.fail("it did not come")
