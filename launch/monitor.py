"""`make monitor` and `make refresh`: one run of monitor_database, and an exit code for scripts."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping
from datetime import datetime, timezone
from urllib.parse import urlsplit

from launch import airflow, demo
from launch.api import Api
from launch.deploy import await_dag, prepare_ui, read_conf, read_target
from launch.follow import follow_run, run_url
from launch.settings import Place
from launch.target import DEMO_CONNECTION, parse_target

DAG_ID = "monitor_database"


def monitor(where: Place, variables: Mapping[str, str]) -> bool:
    """Measure the target; True only if everything could be measured and no alert is open. Raises LaunchError."""
    api, run_id, succeeded = _run(where, variables, {})
    found = api.xcom(DAG_ID, run_id, "report")
    count = found.get("open") if isinstance(found, dict) else None
    if not succeeded and not variables.get("TARGET_URL") and not _listens(demo.url()):
        print("the demo target does not run: make up starts it", flush=True)
    if succeeded and count:
        print(f"✗ {count} alert{'s' if count != 1 else ''} open", flush=True)
    return succeeded and count == 0


def refresh(where: Place, variables: Mapping[str, str]) -> bool:
    """Refresh all materialized views through the same DAG; True only if each was refreshed. Raises LaunchError."""
    api, run_id, succeeded = _run(where, variables, {"refresh": "all"})
    found = api.xcom(DAG_ID, run_id, "refresh_stale_views")
    outcomes = {str(view): str(outcome) for view, outcome in found.items()} if isinstance(found, dict) else {}
    for view, outcome in outcomes.items():
        print(f"{view}: {outcome}", flush=True)
    if succeeded and not outcomes:
        print("there is no materialized view to refresh", flush=True)
    return succeeded and not any(outcome.startswith("not refreshed") for outcome in outcomes.values())


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), 2).close()
    except OSError:
        return False
    return True


def _run(where: Place, variables: Mapping[str, str], chosen: Mapping[str, object]) -> tuple[Api, str, bool]:
    """Start what is not running, trigger, follow. This does not disturb a deployment that is under way."""
    conf = {**read_conf(variables.get("CONF", "")), **chosen}
    target = read_target(variables.get("TARGET_URL", ""), conf)
    if target is None:
        # The demo target is started only if nothing runs yet: else the monitor would never see that it fell over.
        if airflow.find(where) is None or not demo.exists():
            demo.up()
        target = parse_target(demo.url(), DEMO_CONNECTION)
    else:
        conf["target"] = target.connection_id
    running = airflow.start(where, variables)
    if not where.pointer.exists():
        prepare_ui(where, running, {})
    api = Api(running.url)
    await_dag(api, DAG_ID, "")
    api.keep_connection(target)
    print(f"target: connection {conf.get('target', target.connection_id)}")
    run_id = f"make__{datetime.now(timezone.utc):%Y-%m-%dT%H-%M-%S}_{secrets.token_hex(2)}"
    api.trigger(DAG_ID, run_id, conf)
    print(f"{DAG_ID} is running: {run_url(api.url, DAG_ID, run_id)}", flush=True)
    return api, run_id, follow_run(api, DAG_ID, run_id)
