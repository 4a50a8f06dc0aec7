"""Benchmarks: the goal is reported, the limit decides, and noise does neither."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from pg_deploy.deployment.benchmarks import RUNS, breaches, compare, measure
from pg_deploy.ledger.kinds.benchmark import Measurement
from pg_deploy.migrations.manifest import BenchmarkTerms
from pg_deploy.migrations.migration import Benchmark, Query, load_all, read_folder
from tests.building import write_migration
from tests.looking import Database

_QUERY = Query("q", "select 1", (), writes=False)


def _benchmark(name: str = "q", **terms: object) -> Benchmark:
    return Benchmark(name, _QUERY, None, BenchmarkTerms.model_validate(terms))


def _took(
    ms: float,
    blocks: int | None = 100,
    plan: str | None = "p",
    error: str | None = None,
    cost: float | None = 1.0,
    control: float | None = None,
) -> Measurement:
    return Measurement(ms, (ms,), blocks, cost, plan, error, control)


@pytest.mark.parametrize(
    ("before", "after", "breached"),
    [
        (_took(100), _took(400, blocks=1000), True),
        (_took(100), _took(400, plan="worse"), True),
        # Slower, but it read the same and did it the same way: somebody else was busy.
        (_took(100), _took(400), False),
        (_took(100), _took(400, blocks=105), False),
        # A better plan, or one as good: seen on a busy worker, 70.7 -> 109.2 ms, and a good migration was undone.
        (_took(70.7), _took(109.2, plan="another", cost=0.5), False),
        (_took(70.7), _took(109.2, plan="another", cost=0.5, blocks=50), False),
        (_took(100), _took(400, cost=1.05), False),
        (_took(100), _took(400, cost=2.0), True),
        # One quick run shows what it takes; the others stood in somebody's queue.
        (_took(100), Measurement(400, (400, 120, 380), 1000, 1.0, "worse"), False),
        (_took(100), Measurement(400, (400, 390, 380), 1000, 1.0, "worse"), True),
        # Seen on a worker that others kept busy: another plan, as dear and over as many blocks, and 8 times slower. So was all else.
        (_took(122, control=15), _took(978, plan="another", cost=1.01, control=118), False),
        (_took(122, control=15), _took(978, blocks=140, control=118), False),
        (_took(122, control=15), _took(978, plan="another", cost=1.01, control=30), True),
        # On a machine that is quieter than before it would have been quicker still.
        (_took(122, control=30), _took(200, plan="another", control=15), True),
        # The work itself grew beyond the limit: how busy the machine was changes nothing.
        (_took(100, control=15), _took(800, blocks=160, control=150), True),
        (_took(100, control=15), _took(800, cost=1.6, control=150), True),
        (_took(100, control=15), _took(800, plan="another"), True),
        (_took(100), _took(800, plan="another", control=150), True),
        # Within the limit of 1.5.
        (_took(100), _took(149, blocks=1000), False),
        (_took(100), _took(151, blocks=1000), True),
        # Ten times slower, and nobody could tell: less than 20 ms.
        (_took(1), _took(20, blocks=1000), False),
        (_took(1), _took(22, blocks=1000), True),
        # What EXPLAIN cannot run has its blocks, and where the server counts none, nothing that could decide.
        (_took(100, plan=None, cost=None), _took(400, blocks=1000, plan=None, cost=None), True),
        (_took(100, plan=None, cost=None), _took(400, plan=None, cost=None), False),
        (_took(100, blocks=None, plan=None, cost=None), _took(400, blocks=None, plan=None, cost=None), False),
        (_took(0, error="it did not exist"), _took(400), False),
        (None, _took(400), False),
    ],
)
def test_slower_is_a_breach_only_if_plan_or_blocks_got_worse(
    before: Measurement | None, after: Measurement, breached: bool
) -> None:
    """Else a busy moment would undo a good migration, or a worse plan stay in production."""
    assert breaches(_benchmark(), before, after) is breached


def test_a_breach_needs_a_second_measurement_that_agrees() -> None:
    """Else one bad minute would undo a good migration."""
    slow = {"q": _took(400, blocks=1000)}
    assert compare(_benchmark(), _took(100), slow).breached
    assert not compare(_benchmark(), _took(100), slow, agrees=False).breached
    assert "slower than its limit of 1.5 times" in compare(_benchmark(), _took(100), slow).why


def test_what_is_slower_for_no_known_reason_is_reported_and_decides_nothing() -> None:
    """Else a reader would wonder why a limit that was passed did nothing."""
    result = compare(_benchmark(), _took(100), {"q": _took(400)})
    assert not result.breached
    assert result.unexplained
    assert result.sentence.endswith(
        "over its limit, which decides nothing: neither its plan nor the blocks it read got worse"
    )
    assert "over its limit" not in compare(_benchmark(), _took(100), {"q": _took(120)}).sentence
    busy = compare(_benchmark(), _took(122, control=15), {"q": _took(978, plan="another", control=120)})
    assert not busy.breached
    assert busy.sentence.endswith("the machine was busy, a fixed computation took 8.0 times as long")


def test_a_breach_says_what_got_worse_besides_the_time() -> None:
    """Else a reader of the log could not tell a lost index from another plan."""
    assert "(it reads 1,000 blocks instead of 100)" in compare(_benchmark(), _took(100), {"q": _took(400, 1000)}).why
    dearer = {"q": _took(400, plan="another", cost=30.0)}
    assert "(another plan costs 30 instead of 1)" in compare(_benchmark(), _took(100), dearer).why


@pytest.mark.parametrize(
    "timed",
    ["call public.count_them()", "do 'begin perform count(*) from public.t; end'", "select count(*) from public.t"],
)
def test_the_blocks_of_every_kind_of_statement_are_counted(empty_database: str, tmp_path: Path, timed: str) -> None:
    """What EXPLAIN cannot run would have its time alone, and a busy machine would decide."""
    database = Database(empty_database)
    database.run("create table public.t as select g as id, repeat('x', 200) as text from generate_series(1, 2000) g")
    database.run("create procedure public.count_them() language sql as 'select count(*) from public.t'")
    write_migration(tmp_path / "m", "20250101000000_timed", "select 1;", benchmarks={"timed": f"{timed};"})
    (migration,) = load_all(read_folder(tmp_path / "m"))
    with psycopg.connect(database.url, autocommit=True) as connection:
        full = measure(connection, migration.benchmarks[0].after, timeout_s=30)
        database.run("delete from public.t where id > 10")
        database.run("create table public.other as select * from public.t")
        database.run("truncate public.t")
        database.run("insert into public.t select * from public.other")
        few = measure(connection, migration.benchmarks[0].after, timeout_s=30)
    assert full.error is None
    assert full.blocks is not None
    assert few.blocks is not None
    assert full.blocks - few.blocks > 40


def test_the_limit_of_the_manifest_decides() -> None:
    """Else an author could not allow a query to become slower on purpose."""
    slow = _took(400, blocks=1000)
    assert not breaches(_benchmark(limit={"times_slower": 5}), _took(100), slow)
    assert breaches(_benchmark(limit={"times_slower": 3}), _took(100), slow)


def test_a_query_that_fails_afterwards_is_a_breach() -> None:
    """Else a migration that breaks the application's query would pass."""
    result = compare(_benchmark(), _took(1), {"q": _took(0, error="column is gone")})
    assert result.breached
    assert result.why == "it failed afterwards"


@pytest.mark.parametrize(
    ("goal", "before", "after", "met"),
    [
        ({"faster_percent": 50}, _took(100), _took(50), True),
        ({"faster_percent": 50}, _took(100), _took(51), False),
        ({"times_faster": 10}, _took(100), _took(10), True),
        ({"times_faster": 10}, _took(100), _took(11), False),
        ({"max_ms": 50}, None, _took(50), True),
        ({"max_ms": 50}, None, _took(51), False),
        ({"faster_percent": 50, "max_ms": 10}, _took(100), _took(20), False),
        ({"faster_percent": 50}, None, _took(20), None),
        ({"within": {"of": "other", "times": 1.3}}, None, _took(13), True),
        ({"within": {"of": "other", "times": 1.2}}, None, _took(13), False),
        ({"within": {"of": "absent", "times": 1.2}}, None, _took(13), None),
    ],
)
def test_what_a_goal_says(
    goal: dict[str, object], before: Measurement | None, after: Measurement, met: bool | None
) -> None:
    """Else the report would praise what was missed. A missed goal never leads to rollback."""
    result = compare(_benchmark(goal=goal), before, {"q": after, "other": _took(10)})
    assert result.goal_met is met
    assert not result.breached


def test_a_measurement_runs_at_most_five_times_and_leaves_no_trace(empty_database: str, tmp_path: Path) -> None:
    """Else measuring would load production, or change it."""
    database = Database(empty_database)
    database.run("create table public.t (id int)")
    database.run("create sequence public.runs")
    text = "-- benchmark: writes\nselect nextval('public.runs');\ninsert into public.t values (1);\n"
    write_migration(tmp_path / "m", "20250101000000_timed", "select 1;", benchmarks={"timed": text})
    (migration,) = load_all(read_folder(tmp_path / "m"))

    with psycopg.connect(database.url, autocommit=True) as connection:
        found = measure(connection, migration.benchmarks[0].after, timeout_s=10)

    assert found.error is None
    # Without it nothing would tell a busy machine from a slower query.
    assert found.control_ms
    assert len(found.runs_ms) == RUNS == 5
    # Sequences do not come back: they count the runs.
    assert database.value("select last_value from public.runs") == 5
    assert database.rows("select * from public.t") == []


def test_a_measurement_ends_in_time_and_says_why(empty_database: str, tmp_path: Path) -> None:
    """Else a benchmark that became endless would hang the deployment."""
    text = "select pg_catalog.pg_sleep(20);"
    write_migration(tmp_path / "m", "20250101000000_timed", "select 1;", benchmarks={"timed": text})
    (migration,) = load_all(read_folder(tmp_path / "m"))

    with psycopg.connect(empty_database, autocommit=True) as connection:
        found = measure(connection, migration.benchmarks[0].after, timeout_s=0.5)

    assert "statement timeout" in str(found.error)
    assert found.runs_ms == ()
