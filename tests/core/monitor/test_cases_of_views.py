"""What people report of views kept fresh by pg_cron: alerts, causes, advice and actions in each situation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.core.monitor.cases import SUNDAY, launcher_stopped, prepare
from tests.core.monitor.monitoring import Monitor, Outcome


@pytest.fixture
def still(cron_monitor: Monitor, demo_admin_url: str) -> Iterator[Monitor]:
    """The monitor of the demo database, whose pg_cron starts nothing meanwhile."""
    with launcher_stopped(demo_admin_url):
        yield cron_monitor


def of_views(outcome: Outcome) -> dict[str, str]:
    """The causes of the views' alerts, by view."""
    return dict(outcome.causes("view_freshness"))


def refreshed(monitor: Monitor) -> list[str]:
    """The views that the monitor ever tried to refresh."""
    return [row[0] for row in monitor.database.rows("select view_name from deploy_ledger.refresh order by id")]


def test_pauses_of_a_schedule_are_no_missed_runs(still: Monitor, demo_admin_url: str) -> None:
    """Else each weekend wakes somebody for views that are as fresh as they should be."""
    prepare(demo_admin_url, "schedules-with-pauses")

    first = still.run(SUNDAY)
    second = still.run(SUNDAY + timedelta(minutes=15))

    assert of_views(first) == of_views(second) == {}
    assert refreshed(still) == []


def test_a_missed_run_is_told_soon_and_with_its_time(still: Monitor, demo_admin_url: str) -> None:
    """Else a weekly figure is a week older than everybody thinks, and nobody hears of it for days."""
    prepare(demo_admin_url, "missed-run-unseen")

    found = of_views(still.run(SUNDAY))

    assert found.keys() == {"mon.v_weekly", "mon.v_biz10", "mon.v_two"}
    assert "its job jweekly of pg_cron did not begin its run of 03:00 UTC" in found["mon.v_weekly"]
    assert "its job jbiz10 of pg_cron did not begin its run of 09:00 UTC" in found["mon.v_biz10"]
    assert "its job jtwo_new of pg_cron did not begin its run of 07:35 UTC" in found["mon.v_two"]
    assert refreshed(still) == []


def test_a_run_without_an_end_is_named_with_its_time_at_the_first_look(still: Monitor, demo_admin_url: str) -> None:
    """Else a job that died hours ago passes for one that never ran, or for a fresh view."""
    prepare(demo_admin_url, "run-that-never-ends")

    first = of_views(still.run(SUNDAY))
    second = of_views(still.run(SUNDAY + timedelta(minutes=15)))

    assert first.keys() == second.keys() == {"mon.v_running", "mon.v_running_only", "mon.v_starting"}
    assert "its job jrunning of pg_cron has a run in status running since 07:35 UTC" in first["mon.v_running"]
    assert "its job jrunning_only of pg_cron has a run in status running since 07:30 UTC" in first["mon.v_running_only"]
    assert "its job jstarting of pg_cron has a run in status starting since 07:30 UTC" in first["mon.v_starting"]
    assert refreshed(still) == []


def test_jobs_that_refresh_in_other_ways_are_theirs_and_nobody_is_refreshed_uninvited(
    still: Monitor, demo_admin_url: str
) -> None:
    """Else a view with a working job is told to be scheduled, and the application's view is refreshed behind its back."""
    prepare(demo_admin_url, "refreshed-by-other-ways")

    outcome = still.run(SUNDAY)
    second = still.run(SUNDAY + timedelta(minutes=1))

    found = of_views(outcome)
    told = " ".join(outcome.page.splitlines())
    assert found.keys() == {"mon.v_dynowner2"}
    assert "its job jdynowner of pg_cron stops and does not refresh it" in found["mon.v_dynowner2"]
    assert "must be owner of materialized view v_dynowner2" in found["mon.v_dynowner2"]
    assert "mon.v_dynowner3" in found["mon.v_dynowner2"]
    assert "mon.v_dynowner1" not in found["mon.v_dynowner2"]
    assert "job jcase (*/5 * * * *)" in told
    assert "job jnest (*/5 * * * *)" in told
    assert "may be refreshed by job jdyn, which builds its SQL at run time: how old it is cannot be known" in told
    assert "refreshes it: how old it is cannot be known" in told
    assert "schedule its refresh again" not in told
    assert second.started == []
    assert refreshed(still) == []


def test_a_view_that_the_application_refreshes_can_be_named_as_such(still: Monitor, demo_admin_url: str) -> None:
    """Else the only way to quiet the monitor is to let it refresh."""
    prepare(demo_admin_url)
    still.database.run(
        "create materialized view public.app as select now() - interval '9 days' as materialized_at, 1 as id"
    )
    assert of_views(still.run()).keys() == {"public.app"}

    views = still.thresholds.views.model_copy(update={"refreshed_elsewhere": ("public.app",), "refresh": "stale"})
    still.thresholds = still.thresholds.model_copy(update={"views": views})
    outcome = still.run()

    assert of_views(outcome) == {}
    assert "refreshed elsewhere, as thresholds.yaml says" in outcome.page
    assert refreshed(still) == []


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_times_are_utc_and_a_time_without_zone_is_placed_by_its_definition(
    still: Monitor, demo_admin_url: str, zone: str
) -> None:
    """Else a page, a notice and an age are off by as many hours as the database is east or west."""
    prepare(demo_admin_url, "time-zones")
    still.database.run("select cron.unschedule(jobid) from cron.job where jobname <> 'jtz'")
    still.database.run(f"alter database demo set timezone = '{zone}'")

    outcome = still.run()
    page = outcome.page

    now = still.database.value("select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI')")
    earlier = still.database.value(
        "select to_char(clock_timestamp() at time zone 'UTC' - interval '1 min', 'YYYY-MM-DD HH24:MI')"
    )
    assert any(f"target_db, {moment} UTC" in page for moment in (now, earlier))
    line = next(line for line in page.splitlines() if "mon.v_tz" in line and "old" in line)
    assert " h " not in line.split(" old")[0]
    assert "-" not in line.split(" old")[0].replace("mon.v_tz", "")


def test_a_day_of_looks_changes_nothing_but_the_monitors_own_schema(still: Monitor, demo_admin_url: str) -> None:
    """Else whoever only wanted to look has changed production."""
    prepare(demo_admin_url, "missed-run-unseen")
    still.run(SUNDAY)
    counted = (
        "select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_all_tables"
        " where schemaname not in ('deploy_ledger', 'pg_catalog', 'pg_toast')"
    )
    marks = (
        "select array_agg(format('%%s %%s %%s', oid, relfilenode, xmin) order by oid) from pg_class"
        " where relnamespace <> all (%s::regnamespace[]) and relkind in ('r', 'm', 'i', 'v', 'p')"
    )
    others = [["deploy_ledger"]]
    before = (still.database.value(counted), still.database.value(marks, others), still.database.facts)

    for number in range(3):
        still.run(SUNDAY + timedelta(minutes=15 * number))

    assert (still.database.value(counted), still.database.value(marks, others), still.database.facts) == before


def test_two_thousand_views_are_one_page_and_no_refresh(monitor: Monitor) -> None:
    """Else the first look at an old database is 900 kB of log, and 2,000 refreshes that nobody asked for."""
    monitor.database.run(
        "create schema r; do $$ begin for i in 1..2000 loop"
        " execute format('create materialized view r.v_%s as select 1 as id', i); end loop; end $$"
    )

    first = monitor.run()
    later = datetime.now(SUNDAY.tzinfo) + timedelta(hours=25)
    second = monitor.run(later)

    assert first.lines == []
    assert "1975 more, 1975 of them of unknown age" in first.page
    # A day later it is known that nobody refreshed them. That is one line, which names some and counts the rest. It is no alert,
    # because the server's pg_cron is in another database, which may hold a weekly job that refreshes them.
    assert second.lines == []
    (line,) = [
        line
        for line in second.page.splitlines()
        if "nobody has refreshed it for 25 h at least" in line and "(view" in line
    ]
    assert "and 1997 more" in line
    assert "the jobs of pg_cron are in the database demo" in line
    assert len(first.page) < 50_000
    assert len(second.page) + len("".join(second.started)) < 50_000
    assert monitor.database.value("select count(*) from deploy_ledger.refresh") == 0
