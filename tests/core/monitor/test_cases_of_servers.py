"""Jobs of other databases, a record of runs that only grows, and a database that is not the one of the last look."""

from __future__ import annotations

import time
from datetime import timedelta

import psycopg
import pytest

from demo import cluster
from pg_deploy.monitor.thresholds import read_thresholds
from tests.core.monitor.cases import SUNDAY, launcher_stopped, prepare
from tests.core.monitor.monitoring import Monitor
from tests.looking import Database


def test_jobs_of_another_database_are_told_where_cron_job_is(
    cron_monitor: Monitor, demo_admin_url: str, demo_cluster: cluster.Cluster
) -> None:
    """Else a failing job is told nowhere, and a database is told to create what cannot be created there."""
    there = Monitor(Database(cluster.empty(demo_cluster, "other")), read_thresholds())
    there.database.run(
        "create materialized view public.v_there as select g as id from generate_series(1, 100) g;"
        "create unique index on public.v_there (id)"
    )
    with launcher_stopped(demo_admin_url):
        prepare(demo_admin_url)
        with psycopg.connect(demo_admin_url, autocommit=True) as admin:
            for name, command, status in (
                ("there", "refresh materialized view concurrently public.v_there", "succeeded"),
                ("other-fails", "select 1/0", "failed"),
            ):
                admin.execute(
                    "select mon.job(%s, '* * * * *', %s, now() - interval '30 s', %s, 'ERROR: division by zero')",
                    [name, command, status],
                )
            admin.execute("update cron.job set database = 'other' where jobname in ('there', 'other-fails')")
        here, other = cron_monitor.run(), there.run()

    assert here.causes("cron_failures").keys() == {"other-fails (database other)"}
    assert "division by zero" in here.causes("cron_failures")["other-fails (database other)"]
    assert other.started == []
    assert "create extension" not in other.page
    assert "how old it is cannot be known" in other.page


@pytest.mark.acceptance
def test_three_million_runs_are_read_once_and_told_with_the_job_that_purges_them(
    cron_monitor: Monitor, demo_admin_url: str
) -> None:
    """Else the measure times out for ever, the run is red, and nobody learns why."""
    with launcher_stopped(demo_admin_url):
        prepare(demo_admin_url, "three-million-runs")
        began = time.monotonic()
        first = cron_monitor.run(SUNDAY)
        took = time.monotonic() - began
        began = time.monotonic()
        second = cron_monitor.run(SUNDAY)
        took_again = time.monotonic() - began

    assert (first.problems, second.problems) == ((), ())
    assert first.causes("view_freshness").keys() == {"mon.v_alwaysfails"}
    assert first.causes("cron_failures") == {}
    assert "nothing purges them" in first.page
    assert second.started == []
    # What was read is not read again.
    assert took_again < took


def test_after_an_upgrade_or_a_restore_there_is_one_sentence(monitor: Monitor) -> None:
    """Else all that is compared with another database is an alert, one a table."""
    monitor.database.run("create table public.t (id int)")
    monitor.run()
    monitor.run()
    monitor.database.run(
        "update deploy_ledger.measurement set rows = rows || '{\"major\": 14}' where measure = 'identity';"
        "create table public.made_by_the_upgrade (id int)"
    )

    outcome, after = monitor.run(), monitor.run()

    assert outcome.started == []
    assert "the server was upgraded from PostgreSQL 14 to " in outcome.page
    assert "the server was upgraded" not in after.page


def test_a_purged_record_of_runs_and_a_new_schedule_are_no_missed_runs(
    cron_monitor: Monitor, demo_admin_url: str
) -> None:
    """Else a clean-up, or a job that was only just made, wakes somebody."""
    with launcher_stopped(demo_admin_url):
        prepare(demo_admin_url)
        with psycopg.connect(demo_admin_url, autocommit=True) as admin:
            admin.execute("call mon.view('mon.v_purged'); call mon.view('mon.v_new')")
            admin.execute(
                "select mon.job('purged', '0 3 * * *', 'refresh materialized view mon.v_purged', %s)",
                [SUNDAY.replace(hour=3, minute=0, second=1)],
            )
            first = cron_monitor.run(SUNDAY)
            admin.execute("delete from cron.job_run_details")
            admin.execute("select mon.job('new', '0 10 * * *', 'refresh materialized view mon.v_new')")
            second = cron_monitor.run(SUNDAY + timedelta(minutes=15))
            third = cron_monitor.run(SUNDAY + timedelta(hours=23))

    assert first.causes("view_freshness") == second.causes("view_freshness") == {}
    # At half past nine the next day, the run of three o'clock is missing, and the run of ten o'clock is yet to come.
    assert third.causes("view_freshness").keys() == {"mon.v_purged"}
    assert "it last began 2026-11-29 03:00 UTC" in third.causes("view_freshness")["mon.v_purged"]
