"""A real Airflow of the tests' own: its home in a temporary folder, its port chosen here, the toy DAG of dags/."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from launch import airflow, ports, processes
from launch.settings import CHECKOUT, Place, place

NOWHERE = "postgresql://deployer:s3cret%24@127.0.0.1:1/nothing"


@dataclass(frozen=True)
class Launcher:
    """`python -m launch` as the Makefile calls it, against the tests' own Airflow."""

    variables: dict[str, str]
    where: Place
    migrations: Path

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """The command, running, with one stream of output."""
        return subprocess.Popen(
            [sys.executable, "-m", "launch", *arguments],
            env={**self.variables, **variables},
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def deploy(self, **variables: str) -> tuple[int, str]:
        """Exit code and output of a deployment to a database that the toy DAG never opens."""
        given = {"TARGET_URL": NOWHERE, "MIGRATIONS_DIR": str(self.migrations), **variables}
        process = self.start("deploy", **given)
        output, _ = process.communicate(timeout=300)
        return process.returncode, output


def environment(**more: str) -> dict[str, str]:
    """The environment of the tests without what a person sets for `make deploy`, and with `more`."""
    dropped = {"CONF", "TARGET_URL", "MIGRATIONS_DIR", "AIRFLOW_PORT"}
    return {name: value for name, value in os.environ.items() if name not in dropped} | {
        "PYTHONPATH": "plugins",
        **more,
    }


@pytest.fixture(scope="package")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """A launcher whose Airflow is stopped at the end, whatever happened."""
    root = tmp_path_factory.mktemp("launch")
    shutil.copytree(Path(__file__).parent / "dags", root / "dags")
    migrations = root / "migrations"
    migrations.mkdir()
    (migrations / "20260101000000_toy.sql").write_text("select 1;\n")
    variables = environment(
        LAUNCH_HOME=str(root / "home"),
        LAUNCH_DAGS=str(root / "dags"),
        AIRFLOW_PORT=str(ports.choose(None, "AIRFLOW_PORT", first=8500)),
    )
    where = place(variables)
    yield Launcher(variables, where, migrations)
    airflow.stop(where)
    assert not [one for one in processes.list_all() if processes.working_folder(one) == where.home]


@pytest.fixture(scope="package")
def running(launcher: Launcher) -> airflow.Running:
    """The tests' Airflow, up."""
    return airflow.start(launcher.where, launcher.variables)
