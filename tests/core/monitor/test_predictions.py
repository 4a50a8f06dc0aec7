"""Which predictions of the rehearsal were wrong: seen on a server, and rule by rule."""

from __future__ import annotations

import psycopg
import pytest

from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Kind, Location
from pg_deploy.ledger.kinds.workload import (
    Effect,
    RecordedStatement,
    Workload,
    WorkloadFinding,
    WorkloadOutcome,
    WorkloadProof,
    packed,
)
from pg_deploy.monitor.predictions import Prediction, judge_predictions
from pg_deploy.monitor.statements import StatementCounter, Window
from pg_deploy.monitor.thresholds import StatementLimits
from pg_deploy.postgres.session import Target
from tests.core.monitor.monitoring import Monitor
from tests.core.monitor.test_faults import keep_deployed_state
from tests.core.monitor.test_statement_calls import key

TABLES = ("indexed", "feared", "doomed", "hoped", "usual")
LIMITS = StatementLimits()
THEN = StatementCounter(500, 1000, 5000)


def test_the_page_tells_which_predictions_were_wrong_and_nobody_is_woken_for_it(monitor: Monitor) -> None:
    """Else a copy that predicts badly is trusted for ever, or each wrong prediction is an alert beside that of the slow query."""
    for name in TABLES:
        monitor.database.run(
            f"create table public.{name} as select n as id, repeat('x', 100) as note from generate_series(1, 200000) n;"
            f"create index {name}_id on public.{name} (id); analyze public.{name}"
        )
    for _ in range(4):
        ask_all(monitor)
        monitor.run()
    keep_deployed_state(monitor, stem="20250101000000_drop_indexes")
    predict(monitor, {"feared": Effect.SLOWER, "doomed": Effect.BROKEN, "hoped": Effect.CHEAPER})
    monitor.database.run("drop index public.indexed_id")

    first = monitor.run()
    ask_all(monitor)
    outcome = monitor.run()

    assert list(outcome.causes("slow_queries"))
    assert not outcome.causes("predictions")
    number = monitor.database.value("select max(id) from deploy_ledger.deployment")
    told = dict(line.strip().split(" (predictions): ") for line in outcome.page.splitlines() if "(predictions)" in line)
    assert told.keys() == {f"statement id_{name} of app" for name in ("doomed", "feared", "indexed")}
    assert told["statement id_doomed of app"] == (
        f"predicted broken, and was called 30 times without an error since deployment {number}"
    )
    assert told["statement id_feared of app"].startswith("predicted slower (200 times), takes ")
    assert told["statement id_indexed of app"].startswith("predicted as before, takes ")
    assert " instead of " in told["statement id_indexed of app"]
    assert f"3 of {len(TABLES)} wrong since deployment {number}" in outcome.page
    assert "(predictions)" not in first.page


def test_a_deployment_that_predicted_nothing_has_no_line(monitor: Monitor) -> None:
    """Else a page without a rehearsal says that no prediction was wrong."""
    monitor.run()
    keep_deployed_state(monitor, stem="20250101000000_add_orders")

    outcome = monitor.run()

    assert "predictions" not in outcome.page


@pytest.mark.parametrize(
    ("effect", "now", "said"),
    [
        (
            Effect.AS_BEFORE,
            Window(20, 41, 4000),
            "predicted as before, takes 41 ms instead of 2 ms since deployment 12",
        ),
        (Effect.CHEAPER, Window(20, 41, 4000), "predicted cheaper, takes 41 ms instead of 2 ms since deployment 12"),
        (Effect.AS_BEFORE, Window(20, 2.5, 10), None),
        (Effect.CHEAPER, Window(20, 2, 10), None),
        # Too few calls to tell.
        (Effect.AS_BEFORE, Window(19, 41, 4000), None),
        (
            Effect.SLOWER,
            Window(20, 2.1, 10),
            "predicted slower, takes 2.1 ms, and took 2 ms before, since deployment 12",
        ),
        (Effect.SLOWER, Window(20, 41, 4000), None),
        # Nearer to three times as slow, where the copy did not tell how much.
        (Effect.SLOWER, Window(20, 3.6, 10), None),
        (
            Effect.BROKEN,
            Window(3, 2, 10),
            "predicted broken, and was called 3 times without an error since deployment 12",
        ),
        (Effect.FORBIDDEN, None, None),
    ],
)
def test_a_prediction_is_wrong_by_the_rules_of_slow_queries(
    effect: Effect, now: Window | None, said: str | None
) -> None:
    """Else a busy minute makes every prediction wrong, or none ever is."""
    found = judge_predictions(
        12, {"1/10": Prediction("1a2b3c4d", "app", effect, THEN)}, {"1/10": now} if now else {}, {}, LIMITS
    )

    assert [(row.object, row.detail["cause"]) for row in found.rows[1:]] == (
        [("statement 1a2b3c4d of app", said)] if said else []
    )


def test_a_server_that_got_slower_as_a_whole_makes_no_prediction_wrong() -> None:
    """Else the copy is blamed for a noisy neighbour."""
    keys = [f"{number}/10" for number in range(6)]

    found = judge_predictions(
        12,
        {each: Prediction(each, "app", Effect.AS_BEFORE, THEN) for each in keys},
        {each: Window(50, 200, 10) for each in keys},
        {},
        LIMITS,
    )

    assert [row.detail.get("wrong") for row in found.rows] == [0]
    assert found.rows[0].value == 6


def ask_all(monitor: Monitor) -> None:
    """Let the application call each of its statements 30 times."""
    with psycopg.connect(monitor.database.url, autocommit=True) as connection:
        connection.execute("set max_parallel_workers_per_gather = 0")
        for number in range(30):
            for name in TABLES:
                connection.execute(text_of(name).replace("$1", str(number)).encode())


def text_of(name: str) -> str:
    """The statement of that table as the server normalises it."""
    return f"select note from public.{name} where id = $1"


def predict(monitor: Monitor, effects: dict[str, Effect]) -> None:
    """Write what a rehearsal writes: the workload, and what the migration does to it."""
    statements = tuple(
        RecordedStatement(f"id_{name}", text_of(name), "app", key=key(monitor, text_of(name))) for name in TABLES
    )
    findings = tuple(
        WorkloadFinding(effect, text_of(name), "", f"id_{name}", before_ms=1, after_ms=200)
        for name, effect in effects.items()
    )
    proof = WorkloadProof(
        "20250101000000_drop_indexes",
        WorkloadOutcome.DECLARED,
        findings=findings,
        answers=packed([[each.id, each.role, "digest", 0, [], None] for each in statements]),
    )
    number = monitor.database.value("select max(id) from deploy_ledger.deployment")
    with Target("target_db", monitor.database.url).session("test") as connection:
        evidence.record(connection, number, Kind.WORKLOAD, Workload(statements=statements))
        evidence.record(
            connection, number, Kind.WORKLOAD_PROOF, proof, version="20250101000000", location=Location.COPY
        )
