"""A deployment pauses between segments while the server is under strain, and says why."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from pg_deploy.configuration.limits import StopRules
from tests.faults.deployer import DEPLOYED, NOT_DEPLOYED
from tests.faults.killing import Bench, Case
from tests.faults.server import Server, standby_of
from tests.waiting import until


def test_too_few_free_connections_pause_it_until_some_are_closed(bench: Bench) -> None:
    """Else a deployment would take the last connections from the application."""

    def disturb(case: Case) -> None:
        with ExitStack() as others:
            for _ in range(30):
                others.enter_context(psycopg.connect(case.database.url))
            run = case.start(stop_rules=StopRules(min_free_connections=80))
            assert run.until_logged("paused before the next segment"), case.story()
            assert case.database.value("select x from public.counter") == 0
        assert run.wait() == DEPLOYED, case.story()

    log = bench.run("connections", "data", disturb).runs[0].log

    assert "connections are free, the limit is 80" in log


@pytest.mark.acceptance
def test_wal_that_pours_pauses_it_and_in_the_end_fails_it_cleanly(bench: Bench) -> None:
    """Else a deployment would add its own load to a server whose disk and replicas cannot keep up."""

    def disturb(case: Case) -> None:
        stop = threading.Event()
        writer = threading.Thread(target=_pour, args=(case.database.url, stop))
        writer.start()
        try:
            run = case.start(stop_rules=StopRules(max_wal_mb_per_s=0.01), give_up_after=4.0)
            assert run.wait() == NOT_DEPLOYED, case.story()
        finally:
            stop.set()
            writer.join(30)
        assert case.database.value("select x from public.counter") == 0

    log = bench.run("wal", "data", disturb).runs[0].log

    assert "MB of WAL a second, the limit is 0.01" in log
    assert "the next segment was not begun" in log


def _pour(url: str, stop: threading.Event) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while not stop.wait(0.02):
            connection.execute("update public.item set note = repeat(md5(random()::text), 20)")


@pytest.fixture
def standby(server: Server) -> Iterator[Server]:
    """A real standby of the server, streaming."""
    with standby_of(server) as made:
        yield made


@pytest.mark.acceptance
def test_a_replica_that_falls_behind_pauses_it_until_it_has_caught_up(bench: Bench, standby: Server) -> None:
    """Else a deployment would make the application read older and older data from its replicas."""

    def disturb(case: Case) -> None:
        behind = """select coalesce(max(date_part('epoch', replay_lag)), 0) from pg_stat_replication
            where state = 'streaming'"""
        until(
            lambda: case.database.value("select count(*) from pg_stat_replication where state = 'streaming'") == 1,
            "the standby streams",
        )
        case.database.run("update public.item set note = 'caught up'")
        standby.admin("select pg_wal_replay_pause()")

        def lags() -> bool:
            case.database.run("update public.item set note = note || '.'")
            return bool(case.database.value(behind) > 1)

        until(lags, "the standby is behind")
        run = case.start(stop_rules=StopRules(max_replica_lag_s=0.8))
        assert run.until_logged("paused before the next segment: a replica is"), case.story()
        assert case.database.value("select x from public.counter") == 0
        standby.admin("select pg_wal_replay_resume()")
        assert run.wait() == DEPLOYED, case.story()

    log = bench.run("replica", "data", disturb).runs[0].log

    assert "s behind, the limit is 0.8 s" in log
