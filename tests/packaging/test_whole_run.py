"""The wheel in somebody else's Airflow, from `pip install` to `pip uninstall`: the lowest minor that it promises, and ours."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from launch.api import Api
from launch.deploy import await_dag
from launch.target import parse_target
from pg_deploy.configuration.dag_names import KINDS
from pg_deploy.migrations.folder import stamp
from tests.looking import Database
from tests.packaging.building import CHECKOUT, LOCK, build, locked_version
from tests.packaging.team import Team, team

pytestmark = pytest.mark.acceptance

DAG = "deploy_shop"
OURS = {f"{kind}_{project}" for kind in KINDS for project in ("shop", "billing")}


AIRFLOWS: Mapping[str, tuple[str, Path]] = {
    "lowest": ("3.1.0", CHECKOUT / "tests" / "packaging" / "airflow-3.1.txt"),
    "highest": (locked_version("apache-airflow"), LOCK),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build(CHECKOUT, tmp_path_factory.mktemp("dist"), "wheel")["wheel"]


@pytest.fixture(params=sorted(AIRFLOWS))
def theirs(request: pytest.FixtureRequest) -> Iterator[Team]:
    """A team with a stock Airflow of that version, in a folder that other accounts may enter."""
    folder = Path(tempfile.mkdtemp(prefix="pg-deploy-team-"))
    folder.chmod(0o755)
    with team(folder, *AIRFLOWS[request.param]) as made:
        yield made


@pytest.mark.timeout(3600)
def test_a_team_installs_the_wheel_deploys_and_removes_it(
    theirs: Team, wheel: Path, demo_url: str, empty_database: str
) -> None:
    """Whoever has an Airflow already gets one command and a file of four lines, and a package that leaves nothing behind."""
    before = theirs.files()
    installed = set(theirs.pip("freeze").splitlines())
    theirs.pip("install", "--quiet", "--constraint", str(theirs.constraints), str(wheel))
    assert "No broken requirements found" in theirs.pip("check")
    # Not one package of the Airflow that was there was moved.
    assert installed - set(theirs.pip("freeze").splitlines()) == set()
    _sees_nothing_of_this_checkout(theirs)
    with theirs.up() as api:
        _is_known_to_airflow(theirs, api)
        for name, url in (("shop_db", demo_url), ("billing_db", empty_database)):
            api.keep_connection(parse_target(url, name))
        billing = _begins_billing(theirs, api)
        _deploys(theirs, api, demo_url)
        _billing_is_deployed(theirs, api, billing, empty_database)
        _is_watched(theirs, api)
    theirs.pip("uninstall", "--quiet", "--yes", "pg-deploy")
    left = {name for name in theirs.files() - before if "pg_deploy" in name}
    assert left == set()
    assert "pg-deploy" not in theirs.pip("freeze")


def _sees_nothing_of_this_checkout(theirs: Team) -> None:
    said = theirs.run("python", "-c", "import pg_deploy, sys; print(pg_deploy.__file__, *sys.path, sep='\\n')")
    assert f"{CHECKOUT}/" not in said
    assert said.startswith(str(theirs.packages))


def _is_known_to_airflow(theirs: Team, api: Api) -> None:
    plugins = [plugin for plugin in theirs.listed("plugins") if plugin["name"] == "pg_deploy"]
    assert len(plugins) == 1
    assert "pg-deploy" in plugins[0]["source"]
    providers = [one for one in theirs.listed("providers", "list") if one["package_name"] == "pg-deploy"]
    assert [one["version"] for one in providers] == [theirs.run("python", "-c", _VERSION).strip()]
    theirs.until(lambda: all(api.dag(name) for name in OURS), "our DAGs are listed", 240)
    assert theirs.listed("dags", "list-import-errors") == []


_VERSION = "from importlib.metadata import version; print(version('pg-deploy'))"


def _deploys(theirs: Team, api: Api, url: str) -> None:
    """A whole run: backup, rehearsal, a person's approval, four migrations, a page."""
    database, served = Database(url), stamp(theirs.migrations, "shop/migrations")
    await_dag(api, DAG, served, seconds=240)
    conf = {"migrations_folder": served, "approval": "all"}
    run = api.trigger(DAG, "by_the_team", conf).dag_run_id
    client = theirs.client()
    asked: set[str] = set()
    deadline = time.monotonic() + 2000
    while api.run(DAG, run).state not in {"success", "failed"} and time.monotonic() < deadline:
        theirs.refuse_ended("the shop is deployed")
        for approval in api.approvals(DAG, run):
            task = approval.task_instance.task_id
            page = client.get(f"/pg-deploy/runs/{DAG}/{run}")
            assert page.status_code == 200, theirs.said("api-server")
            answered = client.patch(
                f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances/{task}/-1/hitlDetails",
                json={"chosen_options": ["Approve"], "params_input": {}},
            )
            if answered.is_success and task not in asked:
                asked.add(task)
                assert "waits for" in page.text, page.text
        time.sleep(2)
    states = {task.task_id: task.state for task in api.tasks(DAG, run)}
    assert api.run(DAG, run).state == "success", "\n".join([str(states), *_logs(api, run)])
    assert len(asked) == 4
    assert database.history == sorted(path.name[:14] for path in theirs.migrations.glob("*.sql"))
    assert [state for _, state in database.attempts] == ["verified"] * 4
    assert database.deployments == ["deployed"]
    _pages_answer(client, run)


def _pages_answer(client: httpx.Client, run: str) -> None:
    page = client.get(f"/pg-deploy/runs/{DAG}/{run}")
    assert page.status_code == 200
    assert "20251118000002_optimize_rls_joins" in page.text
    assert client.get("/pg-deploy/static/pages.css").status_code == 200
    assert client.get(f"/pg-deploy/runs/{DAG}/{run}/report.md").status_code == 200
    assert client.get("/pg-deploy/database?project=shop").status_code == 200
    overview = client.get("/pg-deploy/projects").text
    assert "shop_db" in overview
    assert "billing_db" in overview
    stranger = httpx.get(f"{client.base_url}/pg-deploy/runs/{DAG}/{run}", trust_env=False)
    assert stranger.status_code in {401, 403}


def _begins_billing(theirs: Team, api: Api) -> str:
    await_dag(api, "deploy_billing", stamp(theirs.dags / "billing" / "migrations", "billing/migrations"), seconds=240)
    return api.trigger("deploy_billing", "by_the_team", {"approval": "none"}).dag_run_id


def _billing_is_deployed(theirs: Team, api: Api, run: str, url: str) -> None:
    """The other project, which was deployed meanwhile: its own migration and nothing else."""
    over = {"success", "failed"}
    theirs.until(lambda: api.run("deploy_billing", run).state in over, "billing is deployed", 600)
    assert api.run("deploy_billing", run).state == "success", _logs(api, run, "deploy_billing")
    assert Database(url).history == ["20250101000000"]


def _is_watched(theirs: Team, api: Api) -> None:
    """The monitor runs by the limits that the package brings."""
    await_dag(api, "monitor_shop", "", seconds=120)
    run = api.trigger("monitor_shop", "by_the_team", {}).dag_run_id
    theirs.until(lambda: api.run("monitor_shop", run).state in {"success", "failed"}, "the monitor ran", 400)
    states = {task.task_id: task.state for task in api.tasks("monitor_shop", run)}
    assert api.run("monitor_shop", run).state == "success", states
    assert "Alerts" in theirs.client().get("/pg-deploy/database?project=shop").text


def _logs(api: Api, run: str, dag: str = DAG) -> list[str]:
    failed = [task for task in api.tasks(dag, run) if task.state == "failed"]
    return [f"{task.task_id}: {line.event}" for task in failed for line in api.log(dag, run, task)[-60:]]


def test_the_plugins_folder_and_the_wheel_show_the_pages_once(wheel: Path, tmp_path: Path) -> None:
    """Who used the folder before, and installs the wheel, has two ways in: a page twice, or a plugin's error, would be the thanks."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    shutil.copy(CHECKOUT / "plugins" / "pg_deploy_plugin.py", folder)
    with team(tmp_path / "team", *AIRFLOWS["highest"]) as made:
        made.pip("install", "--quiet", "--constraint", str(made.constraints), str(wheel))
        shutil.move(folder, made.folder / "plugins")
        plugins = [plugin for plugin in made.listed("plugins") if plugin["name"] == "pg_deploy"]
        assert len(plugins) == 1
        said = made.run(
            "python", "-c", "from airflow import plugins_manager as p; p.get_plugin_info(); print(p._get_plugins()[1])"
        )
        assert said.strip().splitlines()[-1] == "{}"
