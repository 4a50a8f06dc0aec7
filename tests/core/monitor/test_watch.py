"""The watch after a deployment: better, same or worse, said once, with the rollback that would help."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta, timezone
from typing import cast

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pg_deploy.configuration.conf import RollbackConf, checked_conf
from pg_deploy.ledger import schema
from pg_deploy.ledger.kinds.criteria import pin_criteria
from pg_deploy.migrations.project_criteria import NextSteps, ProjectCriteria
from pg_deploy.monitor import samples
from pg_deploy.monitor.before_deployment import is_measured_lately, measure_before_deployment, read_measured_before
from pg_deploy.monitor.conclude import conclude, tell_last_report
from pg_deploy.monitor.samples import EndedDeployment, Sample
from pg_deploy.monitor.take_sample import take_sample
from pg_deploy.monitor.thresholds import Thresholds, WatchLimits
from pg_deploy.monitor.watch import Watched, watch_deployment
from pg_deploy.postgres.session import Connection, Target
from tests.looking import Database


def deployed(connection: Connection, ended_at: datetime) -> EndedDeployment:
    """A deployment that ended then."""
    row = connection.execute(
        "insert into deploy_ledger.deployment (dag_id, airflow_run, host, actor, conf, folder, folder_versions, good_until,"
        " phase, state, ended_at) values ('deploy_migrations', 'r', 'h', 'a', '{}', '', '{}', now(), 'report', 'deployed', %s)"
        " returning id",
        [ended_at],
    ).fetchone()
    number = row[0] if row else 0
    connection.execute(
        "insert into deploy_ledger.attempt (deployment_id, version, stem, sql_hash, state)"
        " values (%s, '20250101000000', '20250101000000_orders', 'x', 'verified')",
        [number],
    )
    return EndedDeployment(number, "deploy_migrations", ended_at, ("20250101000000_orders",))


def sample(connection: Connection, at: datetime, mean_ms: float, hits: float) -> None:
    """A sample of that time: one query's mean, and the cache's hits."""
    row = connection.execute(
        "insert into deploy_ledger.sample (taken_at, airflow_run, server_start) values (%s, %s, now()) returning id",
        [at, at.isoformat()],
    ).fetchone()
    rows = [{"object": "the database", "value": hits, "unit": "%", "detail": {}}]
    for measure, value in ((samples.WINDOWS, {"1/10": [50, mean_ms, 5]}), ("cache_hit_ratio", rows)):
        connection.execute(
            "insert into deploy_ledger.measurement (sample_id, measure, rows) values (%s, %s, %s)",
            [row[0] if row else 0, measure, Jsonb(value)],
        )


def watched(
    url: str,
    *,
    hours_ago: float,
    before_ms: float,
    after_ms: float,
    looks: int = 1,
    samples_before: int = 7,
    samples_after: int = 7,
    criteria: ProjectCriteria | None = None,
    top_queries: tuple[list[dict[str, object]], ...] = (),
) -> list[Watched]:
    """What the watch of a deployment says, with samples on both sides. `top_queries` go into the newest samples, the newest first."""
    ended_at = datetime.now(timezone.utc) - timedelta(hours=hours_ago)
    with Target("target_db", url).session("test") as connection:
        schema.ensure(connection)
        one = deployed(connection, ended_at)
        for quarter in range(1, 8):
            if quarter <= samples_before:
                sample(connection, ended_at - timedelta(minutes=15 * quarter), before_ms, 99.0)
            if quarter <= samples_after:
                sample(connection, ended_at + timedelta(minutes=15 * quarter), after_ms, 99.0)
        if criteria is not None:
            pin_criteria(connection, one.id, criteria)
        for number, rows in enumerate(top_queries):
            connection.execute(
                "insert into deploy_ledger.measurement (sample_id, measure, rows)"
                " select max(id) - %s, 'top_queries', %s from deploy_ledger.sample",
                [number, Jsonb(rows)],
            )
        return [watch_deployment(connection, WatchLimits(), one, "target_db") for _ in range(looks)]


def test_faster_queries_are_better_and_an_equal_cache_is_the_same(empty_database: str) -> None:
    """Else nobody knows whether the deployment did what it was for."""
    (found,) = watched(empty_database, hours_ago=3, before_ms=100, after_ms=40)

    assert found.lines[0].startswith("deployment 1 (20250101000000_orders), 3 h ")
    assert found.lines[0].endswith(" after its end: better")
    assert "✓ query time: better, 100 -> 40 ms a call (-60 %)" in found.lines
    assert "· cache hits: same, 99 -> 99 % (+0 %)" in found.lines
    assert found.measured is not None
    assert found.measured.rows == ()


def test_a_deployment_that_made_queries_much_slower_proposes_its_own_rollback(empty_database: str) -> None:
    """Else a person has to look up, in the middle of trouble, what to trigger."""
    (found,) = watched(empty_database, hours_ago=3, before_ms=100, after_ms=180)

    assert found.measured is not None
    (row,) = found.measured.rows
    assert row.detail["alert"] is True
    proposed = str(row.detail["do"]).split("with the conf ")[1]
    assert checked_conf(RollbackConf, json.loads(proposed)).deployment == "1"
    assert json.loads(proposed)["target"] == "target_db"


@pytest.mark.parametrize(("before", "after"), [(7, 3), (3, 7)])
def test_a_few_looks_on_either_side_are_shown_and_wake_nobody(empty_database: str, before: int, after: int) -> None:
    """Else the first busy minute, or a quiet one before, proposes to undo what did no harm."""
    (found,) = watched(
        empty_database, hours_ago=3, before_ms=100, after_ms=180, samples_before=before, samples_after=after
    )

    assert "✗ query time: worse, 100 -> 180 ms a call (+80 %); it rests on few looks" in found.lines
    assert found.measured is not None
    assert found.measured.rows == ()


def test_a_look_each_minute_loses_no_look_of_before(empty_database: str) -> None:
    """Else the line about the queries vanishes after a day and a half, and with it what the deployment did to them."""
    with Target("target_db", empty_database).session("test") as connection:
        schema.ensure(connection)
        ended_at = datetime.now(timezone.utc) - timedelta(hours=40)
        one = deployed(connection, ended_at)
        for quarter in range(1, 8):
            sample(connection, ended_at - timedelta(minutes=15 * quarter), 100.0, 99.0)
        connection.execute(
            """with taken as (
                insert into deploy_ledger.sample (taken_at, airflow_run, server_start)
                select %s + n * interval '1 minute', 'minute ' || n, now() from generate_series(1, 2300) n
                returning id
            )
            insert into deploy_ledger.measurement (sample_id, measure, rows) select id, %s, %s from taken""",
            [ended_at, samples.WINDOWS, Jsonb({"1/10": [50, 180.0, 5]})],
        )
        found = watch_deployment(connection, WatchLimits(), one, "target_db")

    assert "✗ query time: worse, 100 -> 180 ms a call (+80 %)" in found.lines


def test_a_last_report_is_told_though_the_run_that_made_it_failed(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one lock that a run could not get in time costs the one notice that says how the deployment did."""
    target = Target("target_db", empty_database)
    told: list[str] = []
    with target.session("test") as connection:
        schema.ensure(connection)
        deployed(connection, datetime.now(timezone.utc) - timedelta(hours=49))

    def tell(subject: str, text: str) -> bool:
        told.append(subject)
        return True

    quiet = logging.getLogger("quiet")
    taken = [take_sample(target, Thresholds(), f"run {number}", quiet) for number in range(3)]
    with psycopg.connect(empty_database) as holder:
        holder.execute("lock table deploy_ledger.alert in access exclusive mode")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            conclude(target, Thresholds(), taken[0], tell=tell, contacts="", log=quiet)
    for number in taken[1:]:
        conclude(target, Thresholds(), number, tell=tell, contacts="", log=quiet)

    assert [subject for subject in told if "deployment 1" in subject] == [
        "target_db: deployment 1 (20250101000000_orders): nothing to compare"
    ]


def test_the_last_verdict_is_written_once_as_markdown_to_commit(empty_database: str) -> None:
    """Else the improvement is documented by nobody, or every quarter of an hour."""
    first, second = watched(empty_database, hours_ago=49, before_ms=100, after_ms=40, looks=2)

    assert first.report is not None
    assert "| query time | 100 ms a call | 40 ms a call | -60 % | better |" in first.report
    assert "Next steps" not in first.report, "nothing is to be done, and the project asks for nothing"
    assert second.report is None
    assert second.lines == ()


def test_the_last_page_ends_with_what_the_project_wants_to_be_told(empty_database: str) -> None:
    """Else its own next steps are on a list that nobody looks at two days later."""
    (found,) = watched(
        empty_database,
        hours_ago=49,
        before_ms=100,
        after_ms=40,
        criteria=ProjectCriteria(next_steps=NextSteps(judged=("cache_hits",), lines=("tell the shop",))),
    )

    assert found.report is not None
    assert found.report.endswith(
        "### Next steps\n\n- cache TTLs: not judged, as Redis was not measured both before and after the deployment\n- tell the shop"
    )


def test_a_slow_query_is_a_next_step_for_everybody(empty_database: str) -> None:
    """What there is to be done is told without being asked for."""
    (found,) = watched(empty_database, hours_ago=49, before_ms=100, after_ms=40, top_queries=([query(300.0)],))

    assert found.report is not None
    assert found.report.endswith(
        "### Next steps\n\n- more materialized views: 1/10 takes 300 ms a call and is a candidate: `select 1`"
    )


def test_a_query_that_is_quick_again_is_no_next_step(empty_database: str) -> None:
    """Else the last report sends somebody to build a view for a query that an index has mended since."""
    (found,) = watched(
        empty_database, hours_ago=49, before_ms=100, after_ms=40, top_queries=([query(3.0)], [query(300.0)])
    )

    assert found.report is not None
    assert "Next steps" not in found.report


def query(mean_ms: float) -> dict[str, object]:
    """A row of the queries with the most time."""
    return {
        "object": "1/10",
        "value": mean_ms,
        "unit": "ms",
        "detail": {"list": "total", "total_ms": 9, "text": "select 1"},
    }


def test_a_last_report_that_no_channel_took_is_told_by_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one hour without the mail server costs the one notice that says how the deployment did."""
    memory: dict[str, object] = {"report": "## deployment 1: better\n\nEnded"}
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(samples, "read_memory", lambda connection, name: dict(memory))

    def put_memory(connection: object, sample: object, name: str, value: dict[str, object]) -> None:
        memory.clear()
        memory.update(value)

    def tell(subject: str, text: str) -> bool:
        told.append((subject, text))
        return len(told) > 1

    monkeypatch.setattr(samples, "put_memory", put_memory)
    for _ in range(3):
        tell_last_report(cast(Connection, None), Sample(1, datetime.now(timezone.utc)), "target_db", tell)

    assert told == [("target_db: deployment 1: better", "## deployment 1: better\n\nEnded")] * 2
    assert memory == {}


def test_a_first_deployment_is_compared_with_what_it_measured_itself(empty_database: str) -> None:
    """Else the first deployment, of a database that nobody watched before, ends in "nothing to compare yet" for two days."""
    database, target = Database(empty_database), Target("target_db", empty_database)
    database.run("create table public.orders as select g as id from generate_series(1, 20000) g")
    for _ in range(20):
        database.value("select count(*) from public.orders where id = 7")
    with target.session("test") as connection:
        schema.ensure(connection)
        one = deployed(connection, datetime.now(timezone.utc))
    assert not is_measured_lately(target)
    kept = measure_before_deployment(target, one.id)
    with target.session("test") as connection:
        assert read_measured_before(connection, one.id).values == kept.values
        assert read_measured_before(connection, one.id).statements.keys() == kept.statements.keys()
        assert (
            watch_deployment(connection, WatchLimits(), one, "target_db").lines[1].startswith("nothing to compare yet")
        )

    for number in range(2):
        take_sample(target, Thresholds(), f"run {number}", logging.getLogger("quiet"))
        for _ in range(20):
            database.value("select count(*) from public.orders where id = 7")
    take_sample(target, Thresholds(), "last run", logging.getLogger("quiet"))
    with target.session("test") as connection:
        lines = watch_deployment(connection, WatchLimits(), one, "target_db").lines

    assert {"connections in use", "query time"} <= {line[2:].split(":")[0] for line in lines[1:]}
    assert (
        lines[-1]
        == "· the deployment itself measured what was before it, over all that the server had counted until then"
    )
    assert is_measured_lately(target)


def test_what_a_deployment_measures_hides_nothing_from_the_monitor(empty_database: str) -> None:
    """Else a deadlock or a reset before a deployment would be seen by nobody who tells it."""
    database, target = Database(empty_database), Target("target_db", empty_database)
    database.run("create table public.orders as select g as id from generate_series(1, 20000) g")
    with target.session("test") as connection:
        schema.ensure(connection)
        one = deployed(connection, datetime.now(timezone.utc))
    take_sample(target, Thresholds(), "first run", logging.getLogger("quiet"))
    with target.session("test") as connection:
        before, counters = samples.read_newest_rows(connection), samples.read_last_counters(connection)
    for _ in range(20):
        database.value("select count(*) from public.orders where id = 7")

    kept = measure_before_deployment(target, one.id)

    with target.session("test") as connection:
        assert (samples.read_newest_rows(connection), samples.read_last_counters(connection)) == (before, counters)
    assert [each for each in kept.statements.values() if each.calls == 20], "not counted since the last look"
    assert kept.counted == "the time since the monitor's last look"


def test_counters_that_a_restart_set_back_are_no_share_below_nothing(empty_database: str) -> None:
    """Else the cache looks worse than empty, and the watch calls every deployment an improvement."""
    target = Target("target_db", empty_database)
    with target.session("test") as connection:
        schema.ensure(connection)
        one = deployed(connection, datetime.now(timezone.utc))
        sample(connection, datetime.now(timezone.utc) - timedelta(hours=1), 1.0, 99.0)
        connection.execute(
            "update deploy_ledger.measurement set rows = jsonb_set(rows, '{0,detail}', %s) where measure = 'cache_hit_ratio'",
            [Jsonb({"hit": 10**15, "read": 10**14})],
        )

    (hits,) = measure_before_deployment(target, one.id).values["cache_hit_ratio"]

    assert 0 <= hits <= 100
