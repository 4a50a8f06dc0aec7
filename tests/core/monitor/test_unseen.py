"""What a look cannot see is no alert: other roles' jobs and runs, hidden settings, and the time before a restore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest

from pg_deploy.monitor import runs, views
from pg_deploy.monitor.cron import Cron, read_cron
from pg_deploy.postgres.session import Connection
from tests.core.monitor.cases import SUNDAY, launcher_stopped, prepare
from tests.core.monitor.monitoring import Monitor

QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)


@pytest.fixture
def still(cron_monitor: Monitor, demo_admin_url: str) -> Iterator[Monitor]:
    """The monitor of the demo database with one view and its job, whose pg_cron starts nothing meanwhile."""
    with launcher_stopped(demo_admin_url):
        prepare(demo_admin_url)
        admin(demo_admin_url, "delete from cron.job", "call mon.view('mon.v')")
        yield cron_monitor


def admin(url: str, *statements: str) -> None:
    """Run statements as somebody with all rights."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def job(started: datetime | None, schedule: str = "*/5 * * * *", name: str = "j", more: str = "") -> str:
    """A job that refreshes mon.v, with one run that succeeded."""
    at = f"'{started.isoformat()}'" if started else "null"
    return f"select mon.job('{name}', '{schedule}', 'refresh materialized view concurrently mon.v', {at}{more})"


@contextmanager
def watcher(admin_url: str) -> Iterator[str]:
    """A role that may look at the database and write the ledger, and owns no job; its URL."""
    admin(
        admin_url,
        "create role watcher login password 'secret'",
        "grant pg_monitor to watcher",
        "grant all on all tables in schema deploy_ledger to watcher",
        "grant all on schema deploy_ledger to watcher",
        "grant usage, select on all sequences in schema deploy_ledger to watcher",
        # It may not use the schema of pg_stat_statements.
        "grant usage on schema mon, cron to watcher",
        "grant select on all tables in schema mon to watcher",
    )
    try:
        yield admin_url.replace(admin_url.split("//")[1].split("@", maxsplit=1)[0], "watcher:secret")
    finally:
        admin(admin_url, "drop owned by watcher", "drop role watcher")


def test_jobs_of_other_roles_are_not_visible_and_no_alert(still: Monitor, demo_admin_url: str) -> None:
    """Else a monitoring role with few rights calls every view of a weekly job unrefreshed, and every job deleted."""
    admin(demo_admin_url, job(SUNDAY - DAY, "0 3 * * 6"))
    still.run(SUNDAY)
    with watcher(demo_admin_url) as url:
        low = Monitor(still.database, still.thresholds, url)
        first, second = low.run(SUNDAY + QUARTER), low.run(SUNDAY + 2 * DAY)

    assert first.started == second.started == []
    assert "this role sees only its own jobs of pg_cron" in second.page
    assert "create extension" not in second.page
    assert "not visible to this role: permission denied for schema extensions" in second.page


@pytest.mark.parametrize("taken", ["all on cron.job_run_details", "usage on schema cron", "select on cron.job"])
def test_a_right_that_is_missing_is_named_and_nothing_counts_as_missed(
    still: Monitor, demo_admin_url: str, taken: str
) -> None:
    """Else a revoked right wakes somebody for each view."""
    admin(demo_admin_url, job(SUNDAY - QUARTER / 3))
    first = still.run(SUNDAY)
    reading = "pg_read_all_data"
    admin(
        demo_admin_url,
        f"revoke {reading} from postgres",
        f"revoke {taken} from public",
        f"revoke {taken} from postgres cascade",
    )
    try:
        second, third = still.run(SUNDAY + QUARTER), still.run(SUNDAY + 2 * QUARTER)
    finally:
        admin(demo_admin_url, f"grant {reading} to postgres")

    assert first.started == second.started == third.started == []
    assert second.problems == ()
    assert "this role may not read " in third.page


def test_an_alert_does_not_end_because_nobody_can_see_any_more_what_it_was_about(
    still: Monitor, demo_admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a right that is taken away tells that a dead job works again."""
    admin(demo_admin_url, job(SUNDAY - timedelta(hours=3)))
    first = still.run(SUNDAY)
    with monkeypatch.context() as patch:
        patch.setattr(views, "read_cron", without_record)
        second = still.run(SUNDAY + QUARTER)
        still.database.run("refresh materialized view mon.v")
        third = still.run(SUNDAY + 2 * QUARTER)

    assert first.started == ["view_freshness mon.v"]
    assert second.ended == []
    # Somebody refreshed it: that is seen.
    assert third.ended == ["view_freshness mon.v"]


def without_record(connection: Connection) -> tuple[Cron, datetime]:
    """pg_cron as the server shows it, but for cron.log_run, which takes a restart."""
    cron, now = read_cron(connection)
    return replace(cron, settings={**cron.settings, "cron.log_run": "off"}), now


def test_without_a_record_of_runs_the_view_itself_proves_that_nobody_refreshes_it(
    still: Monitor, demo_admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else cron.log_run = off makes every job look dead, or a dead one alive."""
    admin(demo_admin_url, job(SUNDAY - QUARTER / 3))
    still.run(SUNDAY)
    monkeypatch.setattr(views, "read_cron", without_record)
    told = []
    for number in range(1, 4):
        # A concurrent refresh that changes no rows shows only in the row of pg_class.
        still.database.run("refresh materialized view concurrently mon.v")
        told += still.run(SUNDAY + number * QUARTER).started
    assert told == []

    one = still.run(SUNDAY + 6 * QUARTER)
    two = still.run(SUNDAY + 4 * QUARTER + DAY)

    assert one.started == []
    assert "nobody has refreshed it since 11:15 UTC" in one.page
    (cause,) = two.causes("view_freshness").values()
    assert (
        "its job j of pg_cron was due 2026-11-29 11:20 UTC, and nobody has refreshed it since 2026-11-29 11:15 UTC"
        in cause
    )
    assert "cron.log_run is off" in cause


def test_a_refresh_by_hand_is_the_views_age_though_its_job_is_dead(still: Monitor, demo_admin_url: str) -> None:
    """Else an alert says that a view is a day old which somebody has just refreshed."""
    admin(demo_admin_url, job(SUNDAY - DAY, "0 3 * * *"))
    still.run(SUNDAY)
    still.run(SUNDAY + QUARTER)
    still.database.run("grant select on mon.v to public")
    granted = still.run(SUNDAY + 2 * QUARTER)
    still.database.run("refresh materialized view mon.v")
    refreshed = still.run(SUNDAY + 3 * QUARTER)

    assert "it is 24 h 30 min old" in granted.causes("view_freshness")["mon.v"]
    assert "it is 15 min" in refreshed.causes("view_freshness")["mon.v"]
    assert "did not begin its run of 03:00 UTC" in refreshed.causes("view_freshness")["mon.v"]


def test_a_run_that_never_began_is_told_by_what_came_after_it(still: Monitor, demo_admin_url: str) -> None:
    """Else a run that died while it connected has no time and is never told, or one that is about to begin is called dead."""
    admin(demo_admin_url, job(SUNDAY - timedelta(hours=3)), "call mon.view('mon.w')")
    starting = (
        "insert into cron.job_run_details (jobid, database, username, command, status)"
        " select jobid, database, username, command, 'starting' from cron.job where jobname = '{}'"
    )
    admin(
        demo_admin_url,
        starting.format("j"),
        "select mon.job('other', '0 * * * *', 'refresh materialized view mon.w', '2026-11-29 10:00:00+00')",
        starting.format("other"),
    )
    outcome = still.run(SUNDAY)

    (cause,) = outcome.causes("view_freshness").values()
    assert "its job j of pg_cron has a run in status starting since 07:30 UTC" in cause
    # The run of the other job may begin at this very moment.
    later = still.run(SUNDAY + QUARTER).causes("view_freshness")
    assert "its job other of pg_cron has a run in status starting" in later["mon.w"]


def test_a_server_that_is_too_slow_for_a_long_stretch_of_runs_is_read_in_short_ones(
    still: Monitor, demo_admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each look is cancelled at the same place, and no later run of any job is ever seen."""
    admin(
        demo_admin_url,
        job(SUNDAY - QUARTER),
        "insert into cron.job_run_details (runid, jobid, database, username, command, status, start_time, end_time)"
        " select (select max(runid) from cron.job_run_details) + 60000, jobid, database, username, command, 'succeeded',"
        f" '{SUNDAY.isoformat()}', '{SUNDAY.isoformat()}' from cron.job where jobname = 'j'",
    )
    read_stretch = runs._read_stretch

    def slow(connection: Connection, jobs: dict[int, runs.JobRuns], after: int, upto: int, now: datetime) -> None:
        if upto - after > 20_000:
            raise psycopg.errors.QueryCanceled
        read_stretch(connection, jobs, after, upto, now)

    monkeypatch.setattr(runs, "_read_stretch", slow)
    with psycopg.connect(demo_admin_url, autocommit=True) as connection:
        jobids = [row[0] for row in connection.execute("select jobid from cron.job").fetchall()]
        first = runs.read_runs(connection, runs.Runs(), jobids, SUNDAY)
        second = runs.read_runs(connection, first, jobids, SUNDAY)

    assert "in this look" in (first.problem or "")
    assert second.problem is None
    assert max(one.good for one in second.jobs.values() if one.good) == SUNDAY


def test_after_a_restore_nothing_was_due_before_it(still: Monitor, demo_admin_url: str) -> None:
    """Else the copy of last week's backup has one alert a view."""
    admin(demo_admin_url, job(SUNDAY - 5 * DAY), "call mon.view('mon.w')")
    admin(
        demo_admin_url,
        "select mon.job('w', '0 3 * * *', 'refresh materialized view mon.w', '2026-11-24 03:00:00+00', 'running')",
    )
    assert len(still.run(SUNDAY - 5 * DAY).open) == 1
    still.database.run(
        "delete from deploy_ledger.alert;"
        "update deploy_ledger.measurement set rows = rows || '{\"timeline\": 0}' where measure = 'identity'"
    )
    restored, after = still.run(SUNDAY), still.run(SUNDAY + 2 * QUARTER)

    assert restored.started == []
    assert "the server was restored to an earlier moment, or a standby took its place" in restored.page
    # From then on, the job is judged as before.
    assert after.causes("view_freshness").keys() == {"mon.v"}


def test_a_right_that_came_is_no_restore(still: Monitor) -> None:
    """Else all that was known is forgotten because somebody granted a right to the monitor."""
    still.run(SUNDAY)
    still.database.run(
        "update deploy_ledger.measurement set rows = rows || '{\"system\": null, \"timeline\": null}' where measure = 'identity'"
    )
    assert "what is compared with earlier looks begins anew" not in still.run(SUNDAY + QUARTER).page


def test_what_could_not_be_looked_at_keeps_its_alerts(still: Monitor, demo_admin_url: str) -> None:
    """Else a lock on cron.job ends the alert of a failing job, and begins it anew a quarter of an hour later."""
    admin(
        demo_admin_url,
        "select mon.job('fails', '*/5 * * * *', 'select 1/0', '2026-11-29 10:25:00+00', 'failed', 'ERROR: division by zero')",
    )
    first = still.run(SUNDAY)
    with psycopg.connect(demo_admin_url) as holder:
        holder.execute("lock table cron.job in access exclusive mode")
        locked = still.run(SUNDAY + QUARTER)
        holder.rollback()
    after = still.run(SUNDAY + 2 * QUARTER)

    assert first.causes("cron_failures").keys() == {"fails"}
    assert locked.ended == after.started == []
    assert locked.causes("cron_failures").keys() == {"fails"}


def test_a_schedule_that_was_just_changed_and_a_view_that_was_made_anew_are_judged_from_then_on(
    still: Monitor, demo_admin_url: str
) -> None:
    """Else whoever mends something is told at once that it is broken."""
    admin(demo_admin_url, job(SUNDAY - timedelta(hours=7, minutes=30), "0 3 * * *"))
    first = still.run(SUNDAY)
    admin(
        demo_admin_url,
        "update cron.job set schedule = '*/5 * * * *'",
        "drop materialized view mon.v",
        "call mon.view('mon.v')",
    )
    second = still.run(SUNDAY + QUARTER)
    third = still.run(SUNDAY + 3 * QUARTER)

    assert first.started == second.started == []
    assert "its job j of pg_cron did not begin its run of 10:50 UTC" in third.causes("view_freshness")["mon.v"]


@pytest.mark.parametrize(
    ("other", "is_told"),
    [
        (job(SUNDAY - QUARTER / 3, name="well"), False),
        # It stopped an hour ago, later than the old job failed.
        (job(SUNDAY - 4 * QUARTER, name="dead"), True),
    ],
)
def test_of_two_jobs_the_one_that_should_have_come_last_counts(
    still: Monitor, demo_admin_url: str, other: str, is_told: bool
) -> None:
    """Else a job that was replaced is an alert for ever, or the one that replaced it may die unseen."""
    old = job(SUNDAY - timedelta(days=3), name="old", more=", 'failed', 'ERROR: too old'")
    admin(demo_admin_url, old, other, "update cron.job set active = false where jobname = 'old'")

    assert bool(still.run(SUNDAY).causes("view_freshness")) == is_told


def test_a_stopped_launcher_is_one_alert_and_a_backward_range_is_named(
    still: Monitor, demo_admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else forty views are forty alerts of one cause."""
    for number in range(6):
        admin(
            demo_admin_url,
            f"call mon.view('mon.v{number}')",
            f"select mon.job('job-{'abcdef'[number]}', '{number} 1 * * *',"
            f" 'refresh materialized view mon.v{number}', '2026-11-28 01:0{number}:00+00')",
        )
    admin(demo_admin_url, job(None, "0 6-5 * * *"))

    def no_launcher(connection: Connection) -> tuple[Cron, datetime]:
        cron, now = read_cron(connection)
        return replace(cron, launched=False, server_start=None), now

    monkeypatch.setattr(views, "read_cron", no_launcher)
    outcome = still.run(SUNDAY)

    found = outcome.causes("view_freshness")
    assert found.keys() == {"mon.v", "mon.v0"}
    assert "its job j of pg_cron is never started by pg_cron: its schedule is 0 6-5 * * *" in found["mon.v"]
    assert "pg_cron's launcher does not run" in found["mon.v0"]
    assert "the same holds for mon.v1, mon.v2 and 3 more" in found["mon.v0"]


def test_a_zone_that_is_not_known_is_said(still: Monitor, demo_admin_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a job that nobody can judge looks like one that works."""
    admin(demo_admin_url, job(SUNDAY - 5 * DAY))

    def unknown_zone(connection: Connection) -> tuple[Cron, datetime]:
        cron, now = read_cron(connection)
        return replace(cron, zone=None, settings={**cron.settings, "cron.timezone": "<+03>-3"}), now

    monkeypatch.setattr(views, "read_cron", unknown_zone)
    outcome = still.run(SUNDAY)

    assert outcome.started == []
    assert "cannot be known: cron.timezone is <+03>-3, which is not known here" in outcome.page


def test_views_are_named_as_refreshed_elsewhere_by_patterns(still: Monitor, demo_admin_url: str) -> None:
    """Else two thousand views of one application are two thousand lines of settings."""
    limits = still.thresholds.views.model_copy(update={"refreshed_elsewhere": ("mon.*",)})
    still.thresholds = still.thresholds.model_copy(update={"views": limits})
    still.run(SUNDAY)

    assert still.run(SUNDAY + 3 * DAY).started == []


def test_a_disaster_with_hundreds_of_causes_stays_readable(still: Monitor, demo_admin_url: str) -> None:
    """Else the log is a megabyte, and the notice is refused by the channel."""
    for number in range(250):
        words = " ".join("abcdefghij"[int(digit)] * 7 for digit in str(number))
        admin(
            demo_admin_url,
            f"select mon.job('job {number}', '*/5 * * * *', 'select 1', '2026-11-29 10:25:00+00', 'failed', 'ERROR: {words} {words * 9}')",
        )
    outcome = still.run(SUNDAY)

    assert len(outcome.open) == 250
    assert len(outcome.page.encode()) < 50_000
    assert "more alerts, which stand on the page of the database" in outcome.page
    assert len(outcome.started) == 21
