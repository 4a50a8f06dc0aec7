"""The limits' file, and the scaffold of a new measure."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pg_deploy.monitor.errors import NewMonitorRefused, ThresholdsError
from pg_deploy.monitor.measures import measure_files, run_measure
from pg_deploy.monitor.scaffold import new_monitor
from pg_deploy.monitor.thresholds import DEFAULTS, NAME, read_thresholds
from pg_deploy.postgres.session import Target

OURS = Path(__file__).resolve().parents[3] / "sql" / "monitors"


@pytest.mark.parametrize("file", [OURS / NAME, DEFAULTS], ids=["of the repository", "of the package"])
def test_every_measure_has_its_entry_and_says_what_to_do(file: Path) -> None:
    """Else an alert wakes somebody and leaves them without a next step."""
    limits = read_thresholds(file)

    missing = [file.stem for file in measure_files() if file.stem not in limits.measures]
    silent = [
        name
        for name, limit in limits.measures.items()
        if (limit.above is not None or limit.below is not None) and "do" not in limit.model_fields_set
    ]
    assert missing == []
    assert silent == []


def test_the_repository_and_the_package_have_the_same_limits() -> None:
    """Else what our own set-up shows is not what a team gets that installs the package."""
    ours, theirs = ((file.read_text(encoding="utf-8")).partition("\nmeasures:\n") for file in (OURS / NAME, DEFAULTS))

    assert ours[2].splitlines() == theirs[2].splitlines()
    assert read_thresholds(OURS / NAME) == read_thresholds(DEFAULTS)


def test_the_shipped_limits_find_what_the_guide_fears() -> None:
    """Else ten minutes of an idle transaction, or nine of ten connections, are called healthy."""
    limits = read_thresholds()

    assert limits.of("idle_in_transaction").breached_by(600)
    assert limits.of("connections").breached_by(90)
    assert limits.of("api_latency").breached_by(201)
    assert not limits.of("connections").breached_by(50)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("measures: {connections: {abvoe: 3}}", "measures.connections.abvoe: extra inputs are not permitted"),
        ("retention: 14", "retention: must be a duration with a unit"),
        ("statements: {calls: many}", "statements.calls"),
        ("- a list", "it holds no mapping"),
        ("a: [", "while parsing"),
        ("measures: {a: {above: 1}, a: {above: 2}}", "a stands twice"),
    ],
)
def test_a_fault_in_the_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    """Else a typing error turns an alert off, and nobody notices."""
    file = tmp_path / "thresholds.yaml"
    file.write_text(text)

    with pytest.raises(ThresholdsError, match=r"thresholds\.yaml") as refused:
        read_thresholds(file)
    assert said in str(refused.value)


def test_a_new_measure_runs_as_it_is_written(tmp_path: Path, empty_database: str) -> None:
    """Else the scaffold would cost its author the first hour."""
    shutil.copytree(OURS, tmp_path / "sql" / "monitors")
    (tmp_path / "tests" / "core" / "monitor").mkdir(parents=True)

    query, limits, test = new_monitor("long_queues", tmp_path)

    assert read_thresholds(limits).of("long_queues").above == 0
    compile(test.read_text(), str(test), "exec")
    with Target("x", empty_database).session("test") as connection:
        assert run_measure(connection, query).problem is None
    with pytest.raises(NewMonitorRefused, match="is taken"):
        new_monitor("long_queues", tmp_path)
    with pytest.raises(NewMonitorRefused, match="is not a measure's name"):
        new_monitor("Long-Queues", tmp_path)


def test_a_file_off_the_contract_is_named_and_makes_the_run_red(tmp_path: Path, empty_database: str) -> None:
    """Else a measure that was never right is shown as healthy."""
    wrong, broken = tmp_path / "wrong.sql", tmp_path / "broken.sql"
    wrong.write_text("select 1 as one")
    broken.write_text("select 1 / 0 as object, 1 as value, '' as unit, '{}'::jsonb as detail")

    with Target("x", empty_database).session("test") as connection:
        found = [run_measure(connection, file) for file in (wrong, broken)]

    assert [one.failed for one in found] == [True, True]
    assert found[0].problem == "its columns are one, not object, value, unit, detail"
    assert "division by zero" in str(found[1].problem)
