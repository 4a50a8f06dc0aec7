"""A real Airflow, its metadata in PostgreSQL: its processes are killed in the middle of apply, or a person stops the task.

The run itself, by its retries, or at most one new run ends deployed, and the update was made once.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import pytest

from launch import airflow, ports, processes
from launch.api import Api
from launch.settings import CHECKOUT, Place, place
from tests.building import write_migration
from tests.faults.scenarios import CHECKS, STEM, TEMPLATE, VERSION, our_backends
from tests.faults.server import Server
from tests.launch.conftest import environment
from tests.looking import Database
from tests.waiting import until

pytestmark = pytest.mark.faults

ROUNDS = int(os.environ.get("FAULTS_AIRFLOW_ROUNDS", "2"))
DAG = "deploy_migrations"
# Backup and rehearsal change nothing on the target, and would only take their time here.
CONF = '{"backup": "none", "rehearse": "none", "approval": "none"}'


@dataclass
class Home:
    """An Airflow of the tests' own, and how to deploy with it."""

    where: Place
    variables: dict[str, str]
    running: airflow.Running

    def deploy(self, url: str, folder: Path) -> subprocess.Popen[str]:
        """`make deploy` to that target, running."""
        return subprocess.Popen(
            [sys.executable, "-m", "launch", "deploy"],
            env={**self.variables, "TARGET_URL": url, "MIGRATIONS_DIR": str(folder), "CONF": CONF},
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def task_process(self, client_port: int) -> psutil.Process:
        """The process of this Airflow that holds the connection with that port of its own."""
        held = processes.connections(processes.list_members(self.running.pid), psutil.CONN_ESTABLISHED)
        for process, _, port in held:
            if port == client_port:
                return process
        raise AssertionError(f"no process of Airflow holds port {client_port}, but {held}")


@pytest.fixture(scope="module")
def home(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """That Airflow, up; stopped at the end whatever happened."""
    metadata = server.create("airflow_metadata").replace("postgresql://", "postgresql+psycopg2://")
    variables = environment(
        LAUNCH_HOME=str(tmp_path_factory.mktemp("airflow") / "home"),
        LAUNCH_METADATA_URL=metadata,
        LAUNCH_HEARTBEAT_TIMEOUT="15",
        AIRFLOW_PORT=str(ports.choose(None, "AIRFLOW_PORT", first=8700)),
        PG_DEPLOY_GOOD_FOR="20 s",
    )
    with psycopg.connect(server.url("airflow_metadata", "admin"), autocommit=True) as connection:
        # As docs/production.md advises: the workers of a killed scheduler keep its connection, and any lock that it held.
        connection.execute("alter database airflow_metadata set idle_in_transaction_session_timeout = '30s'")
    where = place(variables)
    try:
        yield Home(where, variables, airflow.start(where, variables))
    finally:
        airflow.stop(where)


WAYS = ("task process", "worker", "scheduler", "marked failed", "cleared")


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.parametrize("way", WAYS)
def test_whatever_of_airflow_is_killed_the_migration_is_deployed_once(
    home: Home, server: Server, tmp_path: Path, way: str, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else an out-of-memory killer, a redeployed scheduler or a person's click would leave a target half changed."""
    database = Database(server.create(f"airflow_{secrets.token_hex(4)}", TEMPLATE))
    write_migration(
        tmp_path / "m",
        STEM,
        "update public.counter set x = x + 1;\nselect pg_sleep(6);\n"
        "create index concurrently item_note on public.item (note);\n",
        rollback="drop index concurrently if exists public.item_note;\nupdate public.counter set x = x - 1;\n",
        checks=CHECKS,
    )
    first = home.deploy(database.url, tmp_path / "m")
    started = time.monotonic()
    until(lambda: bool(_applying(database)), "apply sleeps in the server", 240)
    _disturb(way, home, _applying(database)[0])
    output, _ = first.communicate(timeout=300)
    runs = 1
    if first.returncode != 0:
        again = home.deploy(database.url, tmp_path / "m")
        second, _ = again.communicate(timeout=300)
        output += "\n=== a new trigger\n" + second
        runs += 1
        assert again.returncode == 0, output[-6000:]
    with capsys.disabled():
        print(
            f"{way}, round {number + 1}: deployed after {runs} run(s), {time.monotonic() - started:.0f} s", flush=True
        )
    assert database.value("select x from public.counter") == 1, output[-6000:]
    assert database.history == [VERSION]
    assert database.attempts[-1][1] == "verified"
    assert {state for _, state in database.attempts[:-1]} <= {"rolled_back"}
    assert database.invalid_indexes == []
    assert "open" not in database.deployments
    assert database.deployments[-1] == "deployed"
    until(lambda: not our_backends(database), "every backend of ours is gone", 20)


def _applying(database: Database) -> list[int]:
    """The client's port of the session that sleeps in the migration."""
    rows = database.rows(
        """select client_port from pg_stat_activity
        where datname = current_database() and state = 'active' and query = 'select pg_sleep(6)'"""
    )
    return [row[0] for row in rows]


def _disturb(way: str, home: Home, client_port: int) -> None:
    task = home.task_process(client_port)
    if way == "task process":
        os.kill(task.pid, signal.SIGKILL)
    elif way == "worker":
        os.kill(task.ppid(), signal.SIGKILL)
    elif way == "scheduler":
        os.kill(psutil.Process(task.ppid()).ppid(), signal.SIGKILL)
    else:
        _by_hand(way, Api(home.running.url))


def _by_hand(way: str, api: Api) -> None:
    (run,) = api.open_runs(DAG)
    run_id = run.dag_run_id
    if way == "marked failed":
        path = f"/api/v2/dags/{DAG}/dagRuns/{quote(run_id, safe='')}/taskInstances/{STEM}.apply"
        answer = api._send("PATCH", path, {"new_state": "failed"})
    else:
        path = f"/api/v2/dags/{DAG}/clearTaskInstances"
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [f"{STEM}.apply"], "only_failed": False}
        answer = api._send("POST", path, body)
    assert answer.is_success, answer.text
