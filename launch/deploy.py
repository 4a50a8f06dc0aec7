"""From a make target to a finished run: demo target, Airflow, migrations, connection, conf, trigger, follow."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from launch import airflow, demo
from launch.airflow_answers import DagAnswer
from launch.api import Api
from launch.errors import ConfError, DagMissingError, FolderMissingError, RunOpenError
from launch.follow import follow_run, run_url
from launch.settings import Place
from launch.target import DEMO_CONNECTION, Target, parse_target
from pg_deploy.migrations.folder import stamp

# Make target and DAG. While one of these runs, the folder of migrations and the target must not be changed.
DAGS = {
    "deploy": "deploy_migrations",
    "baseline": "baseline_migrations",
    "rollback": "rollback_migrations",
    "restore": "restore_backup",
}
FOLDER_PARAM = "migrations_folder"
DAG_SECONDS = 90


def run(dag_id: str, where: Place, variables: Mapping[str, str]) -> bool:
    """Trigger the DAG as CONF, TARGET_URL and MIGRATIONS_DIR say and follow it; True only if the run succeeded.

    Starts Airflow, and the demo target unless TARGET_URL is given, if they are not running, and leaves them running.
    Raises LaunchError.
    """
    conf = read_conf(variables.get("CONF", ""))
    folder = migrations_folder(where, variables.get("MIGRATIONS_DIR", ""))
    target = read_target(variables.get("TARGET_URL", ""), conf)
    # This comes before anything is started, because a start may replace an outdated Airflow.
    refuse_while_open(airflow.find(where))
    if target is None:
        demo.up()
        target = parse_target(demo.url(), DEMO_CONNECTION)
    else:
        conf["target"] = target.connection_id
    running = airflow.start(where, variables)
    refuse_while_open(running)
    api = Api(running.url)
    set_folder(where, folder)
    dag = await_dag(api, dag_id, stamp(folder))
    api.keep_connection(target)
    if "approval" in (dag.params or {}) and "approval" not in conf:
        conf["approval"] = "none"
        print('approval: none (nothing waits for a person; CONF=\'{"approval": "all"}\' asks in the UI)')
    _announce(target, folder, conf)
    run_id = f"make__{datetime.now(timezone.utc):%Y-%m-%dT%H-%M-%S}_{secrets.token_hex(2)}"
    api.trigger(dag_id, run_id, conf)
    page = run_url(api.url, dag_id, run_id)
    print(f"{dag_id} is running: {page}", flush=True)
    try:
        return follow_run(api, dag_id, run_id)
    except KeyboardInterrupt:
        print(f"\nstopped watching; the run goes on: {page}")
        raise


def _announce(target: Target, folder: Path, conf: Mapping[str, object]) -> None:
    """Print what the run works with."""
    print(f"migrations: {folder}")
    if conf.get("target", target.connection_id) == target.connection_id:
        print(f"target: {target.database} at {target.host}:{target.port} (connection {target.connection_id})")
        if target.connection_id == DEMO_CONNECTION:
            print(
                f"PG_DEPLOY_WITHOUT_WALL={DEMO_CONNECTION}: its copy may run even if this machine grants no namespaces"
            )
    else:
        print(f"target: connection {conf['target']}")


def prepare_ui(where: Place, running: airflow.Running, variables: Mapping[str, str]) -> None:
    """Give the UI what a person needs to trigger runs: the connection of the demo target if there is one, and the migrations.

    Without MIGRATIONS_DIR the folder that was chosen last stays; at first that is our own. Raises LaunchError.
    """
    api = Api(running.url)
    # Who measures a target of their own may never have made the demo's.
    if demo.exists():
        api.keep_connection(parse_target(demo.url(), DEMO_CONNECTION))
    named = variables.get("MIGRATIONS_DIR", "")
    if named.strip() or not where.pointer.exists():
        folder = migrations_folder(where, named)
        refuse_while_open(running)
        set_folder(where, folder)


def read_conf(text: str) -> dict[str, object]:
    """CONF as an object; empty is {}. Raises ConfError."""
    if not text.strip():
        return {}
    try:
        conf = json.loads(text)
    except ValueError as error:
        raise ConfError(f"is not JSON ({error})") from error
    if not isinstance(conf, dict):
        raise ConfError(f"is a JSON {type(conf).__name__}, not an object")
    return conf


def read_target(url: str, conf: Mapping[str, object]) -> Target | None:
    """The target of TARGET_URL, or None for the demo target. Raises TargetUrlError, ConfError."""
    if not url.strip():
        return None
    if "target" in conf:
        raise ConfError("names a target while TARGET_URL gives another: leave one of them out")
    return parse_target(url)


def migrations_folder(where: Place, named: str) -> Path:
    """The folder that MIGRATIONS_DIR names, else the checkout's own; absolute. Raises FolderMissingError."""
    folder = Path(named).expanduser().resolve() if named.strip() else where.checkout / "sql" / "migrations"
    if not folder.is_dir():
        raise FolderMissingError(str(folder))
    return folder


def refuse_while_open(running: airflow.Running | None) -> None:
    """Raise RunOpenError while a run that reads migrations is queued or running, because its folder would change under it.

    If Airflow does not answer nothing is raised: airflow.start deals with that.
    """
    if running is None or airflow.find_problem(running):
        return
    api = Api(running.url)
    for dag_id in DAGS.values():
        for open_run in api.open_runs(dag_id):
            page = run_url(running.url, dag_id, open_run.dag_run_id)
            raise RunOpenError(dag_id, open_run.dag_run_id, open_run.state, page)


def set_folder(where: Place, folder: Path) -> None:
    """Tell a running Airflow which folder of migrations to read. Atomic."""
    temporary = where.pointer.with_name(where.pointer.name + ".new")
    temporary.write_text(f"{folder}\n", encoding="utf-8")
    temporary.replace(where.pointer)


def await_dag(api: Api, dag_id: str, wanted: str, *, seconds: float = DAG_SECONDS) -> DagAnswer:
    """The DAG, once Airflow serves it as parsed from the wanted folder with the wanted contents. Raises DagMissingError.

    A DAG that has no Param for the folder counts as soon as it is there.
    """
    began = time.monotonic()
    is_announced = False
    asked_at = float("-inf")
    while True:
        dag = api.dag(dag_id)
        found = "nothing"
        if dag is not None and dag.file_token:
            param = (dag.params or {}).get(FOLDER_PARAM)
            found = wanted if param is None else str(param.value)
            if found == wanted and not dag.has_import_errors:
                if dag.is_paused:
                    api.unpause(dag_id)
                return dag
            if time.monotonic() - asked_at > 3:
                asked_at = time.monotonic()
                api.reparse(dag)
        if time.monotonic() - began > seconds:
            raise DagMissingError(dag_id, seconds, wanted, found, api.import_errors())
        if not is_announced and time.monotonic() - began > 2:
            is_announced = True
            print("waiting until Airflow has read the migrations", flush=True)
        time.sleep(0.3)
