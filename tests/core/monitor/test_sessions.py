"""What sessions do to each other: queues for a lock, deadlocks, long and prepared transactions, a cold cache."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress

import psycopg

from demo.cluster import Cluster
from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.monitor.samples import read_newest_rows, read_sample
from pg_deploy.monitor.take_sample import add_to_sample, take_sample
from pg_deploy.postgres.session import Target
from tests.core.monitor.monitoring import Monitor
from tests.core.monitor.test_faults import admin_url, limits_with, session, told_once


def test_a_queue_for_a_lock_is_one_alert_that_names_who_holds_it(monitor: Monitor) -> None:
    """Else twenty waiting sessions are twenty alerts, and none says which one to end."""
    monitor.database.run("create table public.t (a int)")
    monitor.thresholds = limits_with(monitor, "lock_waits", above=0.3)
    monitor.run()

    def read() -> None:
        with suppress(psycopg.errors.QueryCanceled), psycopg.connect(monitor.database.url) as connection:
            connection.execute("select * from public.t")

    readers = [threading.Thread(target=read) for _ in range(3)]
    with session(monitor.database.url, "lock table public.t", application="a console") as holder:
        for reader in readers:
            reader.start()
        time.sleep(0.8)
        first, second = monitor.run(), monitor.run()
        pid = holder.info.backend_pid
    for reader in readers:
        reader.join()
    third = monitor.run()

    told_once(first, second, f"lock_waits held by pid {pid}")
    assert "3 sessions have been waiting" in first.lines[0]
    assert f"held by pid {pid} (postgres, a console), which sits idle in its transaction" in first.lines[0]
    assert third.ended == [f"lock_waits held by pid {pid}"]


def test_no_lock_in_the_target_holds_a_run(monitor: Monitor) -> None:
    """Else one forgotten transaction stops the monitor that should tell of it."""
    monitor.database.run(
        "create table public.t (a int primary key); create materialized view public.v as select 1 as id from public.t"
    )
    monitor.thresholds = monitor.thresholds.model_copy(
        update={"views": monitor.thresholds.views.model_copy(update={"lock_budget": 0.2, "give_up_after": 0.5})}
    )
    monitor.run()

    with session(monitor.database.url, "lock table public.t", "refresh materialized view public.v"):
        outcome = monitor.run()

    assert outcome.problems == ()
    assert "is locked" in outcome.causes("view_freshness")["public.v"]


def test_a_deadlock_is_told_once(monitor: Monitor) -> None:
    """Else the application's retries hide it for months."""
    monitor.database.run("create table public.t (a int, b int); insert into public.t values (1, 0), (2, 0)")
    monitor.run()
    _deadlock(monitor)
    first, second = monitor.run(), monitor.run()

    assert first.started == ["deadlocks the database"]
    assert "1 since the last look" in first.lines[0]
    assert (second.started, second.ended) == ([], ["deadlocks the database"])


def test_a_deadlock_after_a_reset_of_the_statistics_is_counted(monitor: Monitor, demo_cluster: Cluster) -> None:
    """Else who resets the statistics hides the deadlocks that follow, until there were as many as before."""
    monitor.database.run("create table public.t (a int, b int); insert into public.t values (1, 0), (2, 0)")
    for _ in range(2):
        _deadlock(monitor)
    monitor.run()
    with psycopg.connect(admin_url(monitor, demo_cluster)) as admin:
        admin.execute("select pg_stat_reset()")
    _deadlock(monitor)

    outcome = monitor.run()

    assert outcome.started == ["deadlocks the database"]
    assert "1 since the last look" in outcome.lines[0]


def test_a_look_that_is_tried_again_sees_what_its_first_try_saw(monitor: Monitor) -> None:
    """Else a task that was killed after it had measured hides the deadlock: its own sample is removed, and is the standard too."""
    monitor.database.run("create table public.t (a int, b int); insert into public.t values (1, 0), (2, 0)")
    monitor.run()
    _deadlock(monitor)
    target = Target("target_db", monitor.database.url)

    tries = [take_sample(target, monitor.thresholds, "tried twice", logging.getLogger("quiet")) for _ in range(2)]
    with target.session("test") as connection:
        _, measured = read_sample(connection, tries[1])

    assert [row.value for one in measured if one.measure == "deadlocks" for row in one.rows] == [1]


def test_what_a_try_itself_wrote_is_not_what_was_before_it(monitor: Monitor) -> None:
    """Else a retry of the task that asks Redis and the exporter compares them with themselves, and their rates are lost."""
    target, log = Target("target_db", monitor.database.url), logging.getLogger("quiet")
    first = take_sample(target, monitor.thresholds, "first", log)
    second = take_sample(target, monitor.thresholds, "second", log)
    for number, sample_id in enumerate((first, second)):
        add_to_sample(target, sample_id, [Measured("redis_hit_rate", (Row("the cache", float(number), "%"),))])

    with target.session("test") as connection:
        assert [row.value for row in read_newest_rows(connection, before=second)["redis_hit_rate"]] == [0]
        assert [row.value for row in read_newest_rows(connection)["redis_hit_rate"]] == [1]


def _deadlock(monitor: Monitor) -> None:
    one = psycopg.connect(monitor.database.url)
    two = psycopg.connect(monitor.database.url)
    with one, two:
        one.execute("update public.t set b = 1 where a = 1")
        two.execute("update public.t set b = 1 where a = 2")

        def cross() -> None:
            with suppress(psycopg.errors.DeadlockDetected):
                one.execute("update public.t set b = 1 where a = 2")

        crossing = threading.Thread(target=cross)
        crossing.start()
        with suppress(psycopg.errors.DeadlockDetected):
            two.execute("update public.t set b = 1 where a = 1")
        crossing.join()
        one.rollback()
        two.rollback()


def test_a_transaction_that_works_on_for_long_is_told_and_its_idle_time_is_not_counted_twice(monitor: Monitor) -> None:
    """Else a session that asks something now and then holds vacuum back for days, being neither idle nor at work."""
    monitor.thresholds = limits_with(monitor, "longest_transaction", above=0.4)
    monitor.run()
    with session(monitor.database.url, "select pg_sleep(0.6)", application="an import") as connection:
        outcome = monitor.run()
        assert outcome.started == [f"longest_transaction pid {connection.info.backend_pid}"]

    with session(monitor.database.url, "select 1"):
        time.sleep(0.6)
        assert monitor.run().started == []


def test_a_cache_that_finds_little_twice_is_told_with_its_figures(monitor: Monitor) -> None:
    """Else a server whose memory is too small is found by its users, or each night's backup wakes somebody."""
    # A scan of a quarter of shared_buffers or more leaves nothing in them.
    monitor.database.run(
        "create table public.big as select repeat(md5(g::text), 60) as t from generate_series(1, 80000) g;"
        "alter table public.big set (parallel_workers = 0)"
    )
    monitor.run()
    monitor.run()
    for _ in range(2):
        monitor.database.rows("select count(*) from public.big")
    assert monitor.run().started == []
    for _ in range(2):
        monitor.database.rows("select count(*) from public.big")
    first = monitor.run()

    assert first.started == ["cache_hit_ratio the database"]
    assert "blocks were in the cache" in first.lines[0]
