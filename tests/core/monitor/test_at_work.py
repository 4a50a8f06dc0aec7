"""Work is told as work: a run of a job that locks its view, and a refresh of the monitor that gives way."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from pg_deploy.monitor.refreshing import refresh_views
from pg_deploy.postgres.session import Target
from tests.core.monitor.cases import launcher_stopped, prepare
from tests.core.monitor.monitoring import Monitor

HARMFUL = ("pg_terminate_backend", "pg_cancel_backend", "pg_cron's launcher")


@contextmanager
def run_of(monitor: Monitor, admin_url: str, job: str, command: str) -> Iterator[int]:
    """Have a run of that job at work, written down as pg_cron does; yields the pid of its session."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("update mon.delay set s = 30")
        worker = psycopg.connect(monitor.database.url, autocommit=True, application_name="pg_cron")
        pid = worker.info.backend_pid
        admin.execute(
            "insert into cron.job_run_details (jobid, job_pid, database, username, command, status, start_time)"
            " select jobid, %s, database, username, command, 'running', clock_timestamp() from cron.job where jobname = %s",
            [pid, job],
        )
        ended = threading.Event()

        def work() -> None:
            try:
                worker.execute(command.encode())
            except psycopg.Error:
                pass
            finally:
                ended.set()

        thread = threading.Thread(target=work)
        thread.start()
        while not admin.execute(
            "select true from pg_locks where pid = %s and granted and mode in ('AccessExclusiveLock', 'ExclusiveLock')"
            " and relation in (select oid from pg_class where relkind = 'm')",
            [pid],
        ).fetchone():
            assert not ended.is_set()
            time.sleep(0.05)
        try:
            yield pid
        finally:
            admin.execute("select pg_cancel_backend(%s)", [pid])
            thread.join()
            worker.close()
            admin.execute(
                "update cron.job_run_details set status = 'failed', end_time = now() where job_pid = %s", [pid]
            )


@pytest.fixture
def jobs(cron_monitor: Monitor, demo_admin_url: str) -> Iterator[Monitor]:
    """The views and jobs of terminate-the-refresh, each with one good run 100 seconds ago."""
    with launcher_stopped(demo_admin_url):
        prepare(demo_admin_url, "terminate-the-refresh")
        with psycopg.connect(demo_admin_url, autocommit=True) as admin:
            for name, command in COMMANDS.items():
                admin.execute(
                    "select mon.job(%s, '* * * * *', %s, clock_timestamp() - interval '100 s')", [name, command]
                )
        yield cron_monitor


COMMANDS = {
    "long": "refresh materialized view mon.v_long",
    "long_func": "select mon.refresh_long()",
    "longc": "refresh materialized view concurrently mon.v_longc",
}


@pytest.mark.parametrize(
    ("job", "view", "readers"),
    [
        ("long", "mon.v_long", "its readers wait, because the view has no unique index"),
        ("long_func", "mon.v_long_func", "its readers wait, because the view has no unique index"),
        ("longc", "mon.v_longc", ""),
    ],
)
def test_a_refresh_at_work_is_named_and_nothing_advises_to_end_it(
    jobs: Monitor, demo_admin_url: str, job: str, view: str, readers: str
) -> None:
    """Else an engineer at night ends the one thing that would have mended the view."""
    with run_of(jobs, demo_admin_url, job, COMMANDS[job]) as pid:
        outcome = jobs.run()

    assert view not in outcome.causes("view_freshness")
    page = outcome.page
    assert f"its job {job} of pg_cron has been at work since" in page
    assert f"(pid {pid})" in page
    assert readers in page
    assert not any(word in page for word in HARMFUL)
    assert jobs.database.value("select count(*) from deploy_ledger.refresh") == 0


def test_a_refresh_of_the_monitor_leaves_alone_what_is_at_work(jobs: Monitor, demo_admin_url: str) -> None:
    """Else it waits in line before the application, and behind the job."""
    # Makes the ledger.
    jobs.run()
    limits = jobs.thresholds.views.model_copy(update={"give_up_after": 600.0})
    with run_of(jobs, demo_admin_url, "long_func", COMMANDS["long_func"]) as pid:
        done = refresh_views(Target("t", jobs.database.url), limits, ["mon.v_long_func"], logging.getLogger("test"))

    assert done["mon.v_long_func"].startswith(f"not refreshed: pid {pid} ")
    assert done["mon.v_long_func"].endswith(" works on it")


def test_a_refresh_of_the_monitor_gives_way_to_the_job(jobs: Monitor, demo_admin_url: str) -> None:
    """Else pg_cron's own run waits behind it for as long as it takes."""
    # Makes the ledger.
    jobs.run()
    with psycopg.connect(demo_admin_url, autocommit=True) as admin:
        admin.execute("update mon.delay set s = 30")
    done: dict[str, str] = {}

    def refresh() -> None:
        done.update(
            refresh_views(
                Target("t", jobs.database.url), jobs.thresholds.views, ["mon.v_longc"], logging.getLogger("test")
            )
        )

    thread = threading.Thread(target=refresh)
    thread.start()
    with psycopg.connect(jobs.database.url, autocommit=True, application_name="pg_cron") as job:
        while not job.execute(
            "select true from pg_locks where mode = 'ExclusiveLock' and relation = 'mon.v_longc'::regclass"
        ).fetchone():
            time.sleep(0.05)
        with psycopg.connect(demo_admin_url, autocommit=True) as admin:
            admin.execute("update mon.delay set s = 0")
        began = time.monotonic()
        job.execute("refresh materialized view concurrently mon.v_longc")
        waited = time.monotonic() - began
    thread.join()

    assert done["mon.v_longc"].startswith("not refreshed: it gave way to pid ")
    assert "pg_cron" in done["mon.v_longc"]
    # The refresh would have taken thirty seconds.
    assert waited < 20


def test_a_lock_of_a_session_that_sits_idle_is_told_with_what_ends_it(jobs: Monitor, demo_admin_url: str) -> None:
    """Else nobody learns that the view cannot be read, nor that nothing is lost by ending that session."""
    with psycopg.connect(jobs.database.url, application_name="forgotten") as idle:
        idle.execute("lock table mon.delay")
        idle.execute("refresh materialized view mon.v_long")
        outcome = jobs.run()
        pid = idle.info.backend_pid
        idle.rollback()

    assert f"it is locked by pid {pid} (postgres, forgotten" in outcome.causes("view_freshness")["mon.v_long"]
    assert "it sits idle, so pg_terminate_backend(pid) ends no work" in outcome.page
