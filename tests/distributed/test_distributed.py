"""The production shape, run without Docker: the services of docker-compose.yaml with their own commands and settings.

Two Celery workers share no disk but BACKUP_URI. A worker is lost in the middle of an index build: the deployment ends right,
and does each thing once.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from demo import cluster
from demo.cluster import Cluster
from launch import processes
from launch.api import Api
from launch.deploy import await_dag
from launch.target import parse_target
from pg_deploy.migrations.folder import stamp
from tests import signing_in
from tests.building import write_migration
from tests.distributed.stack import PASSWORD, USER, Stack, stack, until
from tests.looking import Database

pytestmark = pytest.mark.acceptance

OURS = Path(__file__).resolve().parents[2] / "sql" / "migrations"
FIRST = "20251118000000_add_analytics_composite_indexes"
DAG = "deploy_migrations"
ASKED = "20250101000000_make_t"
APPROVAL = {"chosen_options": ["Approve"], "params_input": {}}


@pytest.fixture(scope="module")
def target_url(demo_cluster: Cluster) -> str:
    """The demo target, as new when the stack starts: the connection target_db of every test here."""
    return cluster.reset(demo_cluster).url()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, target_url: str) -> Iterator[Stack]:
    """The stack, with a copy of our migrations; the target's connection comes from the secrets backend alone."""
    # Not below pytest's folder: the account of PostgreSQL must reach its data.
    folder = Path(tempfile.mkdtemp(prefix="pg-deploy-distributed-"))
    migrations = Path(shutil.copytree(OURS, tmp_path_factory.mktemp("distributed") / "migrations"))
    try:
        with stack(folder, migrations, f"target_db: {target_url.replace('postgresql:', 'postgres:', 1)}\n") as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_the_four_migrations_are_deployed_once_though_a_worker_is_lost_in_an_index_build(
    running: Stack, target_url: str
) -> None:
    """Else whoever runs several workers has a half-built index, or two, after the first host that dies at night."""
    database = Database(target_url)
    api = Api(running.url)
    served = stamp(running.migrations)
    await_dag(api, DAG, served, seconds=180)
    with _an_old_transaction(target_url):
        # The build waits for it, as it would for any report that runs for long.
        run = api.trigger(DAG, "distributed", {"approval": "none", "migrations_folder": served})
        until(lambda: bool(_building(database)), "an index is being built", 400, running)
        lost = _worker_of(running, _building(database)[0])
        running.kill(lost)
        until(lambda: _reattached(running, lost), "the other worker has taken the task up", 240, running)
        assert len(_building(database)) == 1, "a second build was begun beside the first"
    assert _ended(running, api, run.dag_run_id) == "success", _states(api, run.dag_run_id)
    assert database.history == sorted(path.name[:14] for path in OURS.glob("*.sql"))
    assert [state for _, state in database.attempts] == ["verified"] * 4
    assert database.deployments == ["deployed"]
    assert database.invalid_indexes == []
    tries = "select max(try) from deploy_ledger.statement_run where not transactional and direction = 'apply'"
    assert database.value(tries) == 2, "the second worker did not go on where the first one was lost"
    assert list(running.backups.rglob("manifest.json")), "no backup was written where every worker can read it"
    homes = [sorted(path.name for path in running.home(name).iterdir()) for name in ("worker-1", "worker-2")]
    assert all("backups" not in home for home in homes), homes
    running.start(lost)


def test_who_may_trigger_approve_and_read_is_what_the_role_says(running: Stack, empty_database: str) -> None:
    """Else docs/security.md promises a separation that the installation does not have."""
    url = empty_database
    for name, role in (("ann", "User"), ("bob", "User"), ("vera", "Viewer")):
        _new_user(running, name, role)
    people = {name: _client(running.url, name) for name in ("ann", "bob", "vera")}
    admin, conf = _one_that_asks(running, url)
    runs = f"/api/v2/dags/{DAG}/dagRuns"
    body = {"logical_date": None, "conf": {**conf, "four_eyes": True}}
    assert people["vera"].get(runs).status_code == 200
    assert people["vera"].post(runs, json={**body, "dag_run_id": "by_vera"}).status_code == 403
    for approver, ending in (("ann", ("failed", False)), ("bob", ("success", True))):
        run_id = f"by_ann_for_{approver}"
        assert people["ann"].post(runs, json={**body, "dag_run_id": run_id}).is_success
        until(lambda run_id=run_id: bool(admin.approvals(DAG, run_id)), "an approval waits", 240, running)  # type: ignore[misc]
        answer = f"{runs}/{run_id}/taskInstances/{ASKED}.approve/-1/hitlDetails"
        assert people["vera"].patch(answer, json=APPROVAL).status_code == 403
        assert people[approver].patch(answer, json=APPROVAL).is_success
        assert (_ended(running, admin, run_id), Database(url).has("app.t")) == ending, approver
    assert Database(url).rows("select actor from deploy_ledger.deployment") == [("ann",)] * 2
    assert Database(url).evidence("approval") == [
        (ASKED, "refused: approved by who triggered"),
        (ASKED, "approved"),
    ]


def test_who_may_mark_tasks_and_not_approve_cannot_approve_by_marking(running: Stack, empty_database: str) -> None:
    """FAB has two rights for the same thing: this role may not answer, but it may mark the task that asks as done."""
    boss = _client(running.url, USER, PASSWORD)
    may = boss.get("/auth/fab/v1/roles/User").json()["actions"]
    answers = {"action": {"name": "can_edit"}, "resource": {"name": "HITL Detail"}}
    assert answers in may
    made = boss.post(
        "/auth/fab/v1/roles", json={"name": "Triggers", "actions": [each for each in may if each != answers]}
    )
    assert made.is_success, made.text
    _new_user(running, "carl", "Triggers")
    carl = _client(running.url, "carl")
    admin, conf = _one_that_asks(running, empty_database)
    runs = f"/api/v2/dags/{DAG}/dagRuns"
    assert carl.post(runs, json={"logical_date": None, "conf": conf, "dag_run_id": "by_carl"}).is_success
    until(lambda: bool(admin.approvals(DAG, "by_carl")), "an approval waits", 240, running)
    tasks = f"{runs}/by_carl/taskInstances"
    assert carl.patch(f"{tasks}/{ASKED}.approve/-1/hitlDetails", json=APPROVAL).status_code == 403
    marked = carl.patch(f"{tasks}/{ASKED}.approve", json={"new_state": "success"})
    assert marked.is_success, marked.text
    assert _ended(running, admin, "by_carl") == "failed"
    assert not Database(empty_database).has("app.t")
    assert Database(empty_database).evidence("approval") == []


def _one_that_asks(running: Stack, url: str) -> tuple[Api, dict[str, Any]]:
    """Serve one migration that a person is asked about; the API, and the conf that deploys it to that target."""
    shutil.rmtree(running.migrations)
    write_migration(
        running.migrations,
        ASKED,
        "create schema app;\ncreate table app.t (id int);\n",
        rollback="drop table app.t;\ndrop schema app;\n",
        manifest="risk: high\n",
    )
    api, target, served = Api(running.url), parse_target(url), stamp(running.migrations)
    api.keep_connection(target)
    await_dag(api, DAG, served, seconds=180)
    return api, {"target": target.connection_id, "backup": "none", "rehearse": "none", "migrations_folder": served}


def _new_user(running: Stack, name: str, role: str) -> None:
    running.run(
        "api-server", "airflow", "users", "create", "--username", name, "--password", f"{name}-secret", "--role", role,
        "--firstname", name, "--lastname", "X", "--email", f"{name}@localhost",
    )  # fmt: skip


def _client(url: str, name: str, password: str = "") -> httpx.Client:
    return signing_in.client(url, name, password or f"{name}-secret")


def _ended(made: Stack, api: Api, run_id: str) -> str:
    until(lambda: api.run(DAG, run_id).state in {"success", "failed"}, "the run has ended", 900, made)
    return str(api.run(DAG, run_id).state)


def _states(api: Api, run_id: str) -> dict[str, str | None]:
    return {task.task_id: task.state for task in api.tasks(DAG, run_id)}


@contextlib.contextmanager
def _an_old_transaction(url: str) -> Iterator[None]:
    with psycopg.connect(url) as connection:
        connection.execute("set transaction isolation level repeatable read")
        connection.execute("select count(*) from public.organizations")
        yield
        connection.rollback()


def _building(database: Database) -> list[int]:
    """The client's port of each session that builds an index and has come to its last wait."""
    rows = database.rows(
        """select a.client_port from pg_stat_progress_create_index p join pg_stat_activity a using (pid)
        where p.datname = current_database() and p.phase = 'waiting for old snapshots' and a.client_port is not null"""
    )
    return [row[0] for row in rows]


def _worker_of(made: Stack, client_port: int) -> str:
    """Which worker holds the connection with that port of its own."""
    for name in ("worker-1", "worker-2"):
        family = processes.list_members(made.running[name].pid)
        if client_port in {port for _, _, port in processes.connections(family, psutil.CONN_ESTABLISHED)}:
            return name
    raise AssertionError(f"no worker holds port {client_port}")


def _reattached(made: Stack, lost: str) -> bool:
    """Whether the other worker's task says that it waits for the build that goes on."""
    other = made.home("worker-2" if lost == "worker-1" else "worker-1")
    logs = other.glob(f"logs/**/task_id={FIRST}.apply/*.log")
    return any("an earlier try is still at work" in log.read_text(errors="replace") for log in logs)
