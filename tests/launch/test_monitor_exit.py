"""`make monitor` in a shell: its exit code is what a cron job or a pipeline goes by."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from launch import airflow
from launch.settings import CHECKOUT, place
from tests.looking import Database


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An Airflow of the test's own, with the project's DAGs; stopped at the end."""
    dropped = ("CONF", "TARGET_URL", "MIGRATIONS_DIR", "MAKEFLAGS", "MAKELEVEL", "AIRFLOW", "_AIRFLOW")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    variables = {**kept, "LAUNCH_HOME": str(tmp_path / "home")}
    yield variables
    airflow.stop(place(variables))


def make_monitor(environment: dict[str, str], url: str) -> tuple[int, str]:
    """Exit code and output."""
    done = subprocess.run(
        ["make", "monitor"],
        env={**environment, "TARGET_URL": url},
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.acceptance
def test_make_monitor_exits_1_while_an_alert_is_open_and_2_if_it_cannot_be_tried(
    environment: dict[str, str], empty_database: str
) -> None:
    """GNU make ends with 2 for every failing recipe: a script could not tell an alert from a typing error."""
    database = Database(empty_database)
    healthy = make_monitor(environment, empty_database)
    database.run("create schema app; create table app.t (a int); insert into app.t values (1), (1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.run("create unique index concurrently broken on app.t (a)")
    alerting = make_monitor(environment, empty_database)
    unreachable = make_monitor(environment, "postgresql://deployer:s3cret@127.0.0.1:1/nothing")
    mistyped = make_monitor(environment, "nonsense")

    runs = (healthy, alerting, unreachable, mistyped)
    assert [code for code, _ in runs] == [0, 1, 1, 2], runs
    for (_, output), alerts in zip(runs, (0, 1, 1, 0), strict=True):
        assert len([line for line in output.splitlines() if line.startswith("ALERT")]) == alerts, output
    assert "ALERT invalid_indexes app.broken: " in alerting[1]
    assert "s3cret" not in unreachable[1]
