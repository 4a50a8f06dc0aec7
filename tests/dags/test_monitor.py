"""monitor_database as whole runs: its colour, its branches, what it tells, and how often."""

from __future__ import annotations

import pytest

from tests.dags.conftest import Deploy, Monitor, leave_an_invalid_index
from tests.dags.harness import PROJECT, Result
from tests.looking import Database


def alert_lines(result: Result) -> list[str]:
    """The lines that `make monitor` counts."""
    return [line for line in result.log if line.startswith("ALERT")]


def test_a_healthy_database_gives_a_green_run_without_any_alert(database: Database, monitor: Monitor) -> None:
    """Else whoever is on call learns to ignore it."""
    first, second = monitor(), monitor()

    for result in (first, second):
        assert result.state == "success"
        assert result.tasks["refresh_stale_views"] == "skipped"
        assert alert_lines(result) == []
        assert result.notices == []
    assert "✓ all is well: no alert is open" in second.text
    assert 'not configured (no connection "target_db_redis" in Airflow)' in second.text
    assert database.value("select count(*) from deploy_ledger.sample where judged_at is not null") == 2


@pytest.mark.acceptance
def test_an_alert_leaves_the_run_green_and_is_told_once_in_two_runs_and_once_when_it_ends(
    database: Database, monitor: Monitor
) -> None:
    """Else a run's colour says nothing, or the same trouble is told every quarter of an hour."""
    leave_an_invalid_index(database)

    first, second = monitor(), monitor()
    database.run("drop index public.broken")
    third = monitor()

    assert [result.state for result in (first, second, third)] == ["success"] * 3
    assert len(alert_lines(first)) == len(alert_lines(second)) == 1
    assert alert_lines(first)[0].startswith("ALERT invalid_indexes public.broken: ")
    assert [len(result.notices) for result in (first, second, third)] == [1, 0, 1]
    assert alert_lines(third) == []
    assert "1 ended" in third.notices[0]


def test_a_stale_view_is_told_first_and_refreshed_only_if_the_conf_says_so(
    database: Database, monitor: Monitor
) -> None:
    """Else dashboards show old figures until somebody looks, or the monitor does what nobody asked for."""
    database.run("create materialized view public.v as select now() as materialized_at, 1 as id with no data")

    first = monitor()
    assert not database.value("select relispopulated from pg_class where oid = 'public.v'::regclass")
    result = monitor({"refresh": "stale"})

    assert (first.state, result.state) == ("success", "success")
    assert first.tasks["refresh_stale_views"] == "skipped"
    assert [line.split(":")[0] for line in alert_lines(first)] == ["ALERT view_freshness public.v"]
    assert result.tasks["refresh_stale_views"] == result.tasks["measure_again"] == "success"
    assert database.value("select count(*) from public.v") == 1
    refreshing = next(place for place, line in enumerate(result.log) if "refreshed it for the first time" in line)
    telling = next(place for place, line in enumerate(result.log) if line.startswith("ALERT"))
    assert telling < refreshing


def test_a_target_that_is_down_is_one_alert_told_once_and_a_red_run(database: Database, monitor: Monitor) -> None:
    """Else one dead server sends fifteen messages, or none because nothing could be measured."""
    dead = database.url.rsplit(":", 1)[0] + ":1/nowhere"

    first, second = monitor(url=dead), monitor(url=dead)
    third = monitor()

    assert [result.state for result in (first, second, third)] == ["failed", "failed", "success"]
    assert len(alert_lines(first)) == len(alert_lines(second)) == 1
    assert alert_lines(first)[0].startswith("ALERT target target_db: ")
    assert [len(result.notices) for result in (first, second, third)] == [1, 0, 1]
    assert "can be reached again" in third.notices[0]


@pytest.mark.acceptance
def test_after_a_first_deployment_there_is_something_to_compare_though_nothing_was_monitored_before(
    database: Database, deploy: Deploy, monitor: Monitor
) -> None:
    """Else the first 48 hours, in which somebody asks whether it was worth it, have no answer; nor may asking fail the run."""
    folder = PROJECT / "tests" / "fixtures" / "migrations" / "all_well"

    deployed = deploy(folder, {"migrations": ["20250101000000"]})
    watched = monitor()
    # The monitor's own, which nothing that a deployment does depends on.
    database.run("drop table deploy_ledger.measurement cascade")
    again = deploy(folder)

    assert "measured before, for the watch after: " in deployed.text
    assert "connections in use: " in watched.text
    assert "nothing to compare yet" not in watched.text
    assert "the time before is not measured" in again.text
    assert (deployed.state, watched.state, again.state) == ("success", "success", "success")


def test_all_views_are_refreshed_by_hand_if_the_conf_says_so(database: Database, monitor: Monitor) -> None:
    """Else `make refresh` could not replace the guide's script."""
    database.run("create materialized view public.v as select now() as materialized_at, 1 as id")
    before = database.value("select materialized_at from public.v")

    result = monitor({"refresh": "all"})

    assert result.state == "success"
    assert database.value("select materialized_at from public.v") > before


def test_an_unknown_key_in_the_conf_is_refused(monitor: Monitor) -> None:
    """Else a mistyped target would measure another database and call it healthy."""
    result = monitor({"targt": "other"})

    assert result.state == "failed"
    assert '"targt"' in result.text
