"""A real Airflow, started, triggered through REST, followed and stopped. The order of the tests saves starts."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

from launch import airflow, components, ports, processes
from launch.api import Api
from launch.deploy import await_dag
from launch.errors import DagMissingError, PortTakenError, RunningElsewhereError, StartError
from launch.settings import Place
from pg_deploy.migrations.folder import stamp
from tests.launch.conftest import Launcher
from tests.waiting import until

DEPLOY = "deploy_migrations"


def test_it_is_healthy_and_nothing_listens_beyond_the_loopback_address(
    launcher: Launcher, running: airflow.Running
) -> None:
    """Airflow binds all addresses by default, its log servers too: with admin/admin that would be an open door."""
    assert airflow.find_problem(running) is None
    assert str(running.port) == launcher.variables["AIRFLOW_PORT"]
    sockets = processes.connections(processes.list_members(running.pid), psutil.CONN_LISTEN)
    assert {(address, port) for _, address, port in sockets} == {("127.0.0.1", running.port)}


def test_a_second_start_finds_it_and_is_quick(launcher: Launcher, running: airflow.Running) -> None:
    """Every make target calls start: it must be harmless and take no time."""
    began = time.monotonic()
    assert airflow.start(launcher.where, launcher.variables) == running
    assert time.monotonic() - began < 2


def test_another_port_than_the_running_ones_is_refused(launcher: Launcher, running: airflow.Running) -> None:
    """A port that was asked for exactly must not be ignored because Airflow is up already."""
    with pytest.raises(RunningElsewhereError, match="make down"):
        airflow.start(launcher.where, {**launcher.variables, "AIRFLOW_PORT": str(running.port + 1)})


@pytest.mark.acceptance
def test_a_deployment_prints_each_task_the_report_and_the_page(launcher: Launcher, running: airflow.Running) -> None:
    """This is what a person sees of `make deploy`; the password must not be part of it."""
    code, output = launcher.deploy()
    assert code == 0, output
    assert "approval: none" in output
    assert "✓ preflight  " in output
    assert f"✓ carried {stamp(launcher.migrations)}" in output
    assert "::group::" not in output
    assert f"{running.url}/dags/{DEPLOY}/runs/make__" in output
    assert "login: admin / admin" in output
    assert "s3cret" not in output
    answer = Api(running.url)._get("/api/v2/connections/target_127.0.0.1_1_nothing")
    assert (answer["login"], answer["schema"]) == ("deployer", "nothing")


def test_a_failed_run_fails_the_command_and_says_why(launcher: Launcher, running: airflow.Running) -> None:
    """Scripts rely on the exit code; a person must not have to look for the reason in the UI."""
    code, output = launcher.deploy(CONF='{"fail": true}')
    assert code == 1, output
    assert "✗ preflight" in output
    assert '"toy" has no column "x": add it' in output
    assert "RuntimeError: nothing was deployed: look at preflight" in output


def test_a_conf_that_the_dag_refuses_is_told_in_a_sentence(launcher: Launcher, running: airflow.Running) -> None:
    """Airflow answers with a page of JSON schema."""
    code, output = launcher.deploy(CONF='{"approval": "maybe"}')
    assert code == 2
    assert "'maybe' is not one of" in output
    assert "Traceback" not in output


@pytest.mark.acceptance
def test_the_same_names_with_other_contents_are_waited_for(
    launcher: Launcher, running: airflow.Running, tmp_path: Path
) -> None:
    """A run that started before Airflow read the new files would deploy the old ones."""
    (launcher.migrations / "20260101000000_toy.sql").write_text("select 2;\n")
    code, output = launcher.deploy()
    assert code == 0, output
    assert f"✓ carried {stamp(launcher.migrations)}" in output
    other = tmp_path / "other"
    shutil.copytree(launcher.migrations, other)
    code, output = launcher.deploy(MIGRATIONS_DIR=str(other))
    assert code == 0, output
    assert f"✓ carried {other}@sha256:" in output


def test_a_waiting_approval_is_shown_refuses_others_and_survives_ctrl_c(
    launcher: Launcher, running: airflow.Running
) -> None:
    """Who watches must learn where to approve; who comes second must not change the folder below the run."""
    given = {"TARGET_URL": "postgresql://a:b@127.0.0.1:1/n", "MIGRATIONS_DIR": str(launcher.migrations)}
    watcher = launcher.start("deploy", CONF='{"approval": "all"}', **given)
    lines = []
    for line in watcher.stdout or ():
        lines.append(line)
        if "waiting for approval" in line:
            break
    assert "approve is waiting for approval: " in lines[-1], lines
    assert httpx.get(lines[-1].split()[-1], trust_env=False).status_code == 200
    code, refusal = launcher.deploy()
    assert code == 2
    assert "is still running: wait until it has ended" in refusal
    watcher.send_signal(signal.SIGINT)
    output, _ = watcher.communicate(timeout=300)
    assert watcher.returncode == 130
    assert "the run goes on" in output
    api = Api(running.url)
    [run] = api.open_runs(DEPLOY)
    path = f"/api/v2/dags/{DEPLOY}/dagRuns/{run.dag_run_id}/taskInstances/approve/-1/hitlDetails"
    api._send("PATCH", path, {"chosen_options": ["Approve"], "params_input": {}})
    until(lambda: api.run(DEPLOY, run.dag_run_id).state == "success", "the run has ended well")


def test_a_dag_that_cannot_be_imported_is_named_with_its_error(launcher: Launcher, running: airflow.Running) -> None:
    """Otherwise the command would only say that it waited in vain."""
    (launcher.where.dags / "broken.py").write_text("from airflow.sdk import DAG\nraise ValueError('no such module')\n")
    api = Api(running.url)
    until(api.import_errors, "the error is known", 20)
    with pytest.raises(DagMissingError, match="ValueError: no such module"):
        await_dag(api, DEPLOY, "/another@sha256:0", seconds=1)


@pytest.mark.acceptance
def test_one_that_lost_its_leader_is_replaced_and_stop_leaves_nothing(
    launcher: Launcher, running: airflow.Running
) -> None:
    """A machine that ran out of memory leaves halves: a start must give a whole one, and a stop nobody."""
    orphans = processes.list_members(running.pid)
    os.kill(running.pid, signal.SIGKILL)
    time.sleep(0.2)
    again = airflow.start(launcher.where, launcher.variables)
    assert again.pid != running.pid
    assert airflow.find_problem(again) is None
    alive = processes.list_all()
    assert not [one for one in orphans if one in alive]
    family = processes.list_members(again.pid)
    assert airflow.stop(launcher.where) is True
    alive = processes.list_all()
    assert not [one for one in family if one in alive]
    assert airflow.stop(launcher.where) is False
    assert airflow.stop(replace(launcher.where, home=launcher.where.home / "absent")) is False


@pytest.mark.acceptance
def test_one_that_nothing_remembers_is_known_by_its_home(launcher: Launcher) -> None:
    """Two Airflows on one metadata database would each run the same tasks."""
    first = airflow.start(launcher.where, launcher.variables)
    forgotten = processes.list_members(first.pid)
    launcher.where.state.unlink()
    second = airflow.start(launcher.where, launcher.variables)
    assert airflow.find_problem(second) is None
    alive = processes.list_all()
    assert not [one for one in forgotten if one in alive]
    launcher.where.state.unlink()
    assert airflow.stop(launcher.where) is True
    assert not [one for one in processes.list_all() if processes.working_folder(one) == launcher.where.home]


def test_only_what_is_airflows_and_serves_this_home_is_ended(launcher: Launcher, tmp_path: Path) -> None:
    """`make down` would end the editor of whoever looks at the logs, or another clone's Airflow."""
    where = replace(launcher.where, home=tmp_path / "home")
    other = tmp_path / "other"
    where.home.mkdir()
    other.mkdir()
    program = tmp_path / "airflow"
    program.symlink_to("/bin/sleep")

    def started(*command: str, cwd: Path, home: Path | None = None) -> subprocess.Popen[bytes]:
        variables = {"AIRFLOW_HOME": str(home)} if home else {}
        return subprocess.Popen(command, cwd=cwd, env={"PATH": "/usr/bin:/bin", **variables}, start_new_session=True)

    ours = [started(str(program), "60", cwd=where.home), started(str(program), "60", cwd=other, home=where.home)]
    foreign = [
        started("sleep", "60", cwd=where.home, home=where.home),
        started(str(program), "60", cwd=other),
        started(str(program), "60", cwd=where.home, home=other),
    ]
    reapers = [threading.Thread(target=each.wait, daemon=True) for each in ours]
    for reaper in reapers:
        reaper.start()
    try:
        assert airflow.stop(where) is True
        assert [each.poll() is None for each in foreign] == [True, True, True]
        for reaper in reapers:
            reaper.join(10)
        assert [each.poll() is not None for each in ours] == [True, True]
        assert airflow.stop(where) is False
    finally:
        for each in (*ours, *foreign):
            each.kill()


@pytest.mark.acceptance
def test_a_port_lost_to_another_program_while_starting_is_left_for_the_next(
    launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two clones that start together choose one port: the second must not use the first one's Airflow."""
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        thief.listen()
        lost = thief.getsockname()[1]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            free = probe.getsockname()[1]
        monkeypatch.setattr(ports, "choose", lambda demanded, name, first=0: free if first == lost + 1 else lost)
        launched = []

        def launch_nothing(where: Place, port: int, variables: dict[str, str]) -> psutil.Process:
            launched.append(port)
            return psutil.Process(subprocess.Popen(["sleep", "60"], start_new_session=True).pid)

        monkeypatch.setattr(components, "launch", launch_nothing)
        monkeypatch.setattr(airflow, "START_SECONDS", 2)
        with pytest.raises(StartError):
            airflow.start(replace(launcher.where, home=tmp_path / "home"), {})
        assert launched == [lost, free]
        with pytest.raises(PortTakenError):
            airflow.start(replace(launcher.where, home=tmp_path / "home"), {"AIRFLOW_PORT": str(lost)})
