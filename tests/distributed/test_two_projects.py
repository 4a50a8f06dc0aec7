"""Two projects of one DAG file on two databases, on Celery's workers that have our wheel: both deploy, each its own and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from demo import cluster
from launch.api import Api
from launch.deploy import await_dag
from pg_deploy.migrations.folder import stamp
from tests import signing_in
from tests.building import write_migration
from tests.distributed.stack import PASSWORD, USER, Stack, stack, until
from tests.looking import Database
from tests.packaging.building import CHECKOUT, LOCK, build, locked_version, make_venv

pytestmark = pytest.mark.acceptance

PROJECTS = ("shop", "billing")
VERSIONS = {"shop": "20250101000000", "billing": "20250102000000"}
DAG_FILE = "# In Airflow.\nfrom pg_deploy.dags import deployment_dags\n" + "".join(
    f'deployment_dags("{name}", target="{name}_db", migrations="{name}/migrations")\n' for name in PROJECTS
)


@pytest.fixture
def urls(empty_database: str, demo_cluster: cluster.Cluster) -> Iterator[dict[str, str]]:
    """Two databases, by project."""
    yield {"shop": empty_database, "billing": cluster.empty(demo_cluster, "two_projects_billing")}
    with psycopg.connect(demo_cluster.admin_url("postgres"), autocommit=True) as admin:
        admin.execute("drop database two_projects_billing with (force)")


@pytest.fixture
def running(tmp_path: Path, urls: dict[str, str]) -> Iterator[Stack]:
    """The stack, with the file of the two projects in its folder of DAGs and each connection in the secrets backend."""
    # Not below pytest's folder: the account of PostgreSQL must reach its data.
    folder = Path(tempfile.mkdtemp(prefix="pg-deploy-distributed-"))
    folder.chmod(0o755)
    dags = tmp_path / "dags"
    for name in PROJECTS:
        write_migration(
            dags / name / "migrations",
            f"{VERSIONS[name]}_{name}",
            f"create table public.{name}_rows (id bigint primary key);\n"
            f"revoke all on public.{name}_rows from anon, authenticated;\n",
        )
    (dags / "databases.py").write_text(DAG_FILE, encoding="utf-8")
    secrets = "".join(f"{name}_db: {url.replace('postgresql:', 'postgres:', 1)}\n" for name, url in urls.items())
    try:
        venv = _venv_with_the_wheel(folder, build(CHECKOUT, tmp_path / "dist", "wheel")["wheel"])
        with stack(folder, dags / "shop" / "migrations", secrets, dags=dags, venv=venv) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _venv_with_the_wheel(folder: Path, wheel: Path) -> Path:
    """A stock Airflow with Celery, and our wheel; what is installed cannot come from this checkout."""
    venv = folder / "venv"
    make_venv(
        venv, LOCK, f"apache-airflow[celery,fab,postgres]=={locked_version('apache-airflow')}", "redis", str(wheel)
    )
    found = [str(venv / "bin" / "python"), "-c", "import pg_deploy, sys; print(pg_deploy.__file__, *sys.path)"]
    said = subprocess.run(found, check=True, capture_output=True, text=True, env={}, cwd=folder).stdout
    assert said.startswith(str(venv))
    assert f"{CHECKOUT}/" not in said
    return venv


def test_two_projects_deploy_side_by_side_each_its_own(running: Stack, urls: dict[str, str]) -> None:
    """With a backup and a rehearsal each: a team with many databases has one Airflow, and its workers serve all of them."""
    api = Api(running.url)
    for name in PROJECTS:
        await_dag(
            api,
            f"deploy_{name}",
            stamp(running.dags / name / "migrations", f"{name}/migrations"),
            seconds=240,
        )
    runs = {name: api.trigger(f"deploy_{name}", "side_by_side", {"approval": "none"}).dag_run_id for name in PROJECTS}
    for name in PROJECTS:
        until(lambda name=name: _is_over(api, name, runs[name]), "both ended", 900, running)  # type: ignore[misc]
        states = {task.task_id: task.state for task in api.tasks(f"deploy_{name}", runs[name])}
        assert api.run(f"deploy_{name}", runs[name]).state == "success", states
        assert (states["backup"], states["rehearse"]) == ("success", "success")
    for name, url in urls.items():
        assert Database(url).history == [VERSIONS[name]]
        assert Database(url).value("select count(*) from pg_tables where right(tablename, 5) = '_rows'") == 1
    pages = signing_in.client(running.url, USER, PASSWORD)
    for name in PROJECTS:
        page = pages.get(f"/pg-deploy/runs/deploy_{name}/{runs[name]}")
        assert page.status_code == 200
        assert f"{VERSIONS[name]}_{name}" in page.text
        await_dag(api, f"monitor_{name}", "", seconds=120)
        watched = api.trigger(f"monitor_{name}", "side_by_side", {}).dag_run_id
        until(lambda name=name, run=watched: _is_over(api, name, run, "monitor"), "it is watched", 400, running)  # type: ignore[misc]
        assert api.run(f"monitor_{name}", watched).state == "success"
        assert "Alerts" in pages.get(f"/pg-deploy/database?project={name}").text


def _is_over(api: Api, project: str, run: str, kind: str = "deploy") -> bool:
    return api.run(f"{kind}_{project}", run).state in {"success", "failed"}
