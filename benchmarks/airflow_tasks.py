"""Airflow's own cost for each task: a chain of empty tasks under LocalExecutor (as `make up` starts it) and under Celery.

The production shape is that of docker-compose.yaml, started without Docker. We cannot make any of this quicker: it shows which part
of a deployment's time is not ours.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from launch import airflow, ports
from launch.api import Api
from launch.settings import place
from tests.distributed.stack import stack

TASKS = 30
ROUNDS = 2
DAG = "chain_of_nothing"
_FILE = f'''
from airflow.sdk import DAG, chain, task

with DAG("{DAG}", schedule=None, catchup=False, is_paused_upon_creation=False):

    @task
    def nothing() -> None:
        pass

    chain(*[nothing.override(task_id=f"nothing_{{n}}")() for n in range({TASKS})])
'''


def per_task_s(url: str) -> float:
    """Seconds from the trigger to the run's end, for each task; of the quickest round."""
    api = Api(url)
    deadline = time.monotonic() + 120
    while api.dag(DAG) is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{DAG} was not read")
        time.sleep(0.5)
    took = []
    for number in range(ROUNDS):
        began = time.monotonic()
        run = api.trigger(DAG, f"round_{number}", {})
        while api.run(DAG, run.dag_run_id).state not in {"success", "failed"}:
            time.sleep(0.2)
        took.append((time.monotonic() - began) / TASKS)
    return min(took)


def local(folder: Path) -> float:
    """Under LocalExecutor, with the settings of `make up`."""
    (folder / "dags").mkdir()
    (folder / "dags" / "chain.py").write_text(_FILE)
    variables = {
        "LAUNCH_HOME": str(folder / "home"),
        "LAUNCH_DAGS": str(folder / "dags"),
        "AIRFLOW_PORT": str(ports.choose(None, "AIRFLOW_PORT", first=8900)),
        "PATH": "/usr/bin:/bin",
    }
    where = place(variables)
    try:
        return per_task_s(airflow.start(where, variables).url)
    finally:
        airflow.stop(where)


def distributed(folder: Path) -> float:
    """Under Celery, with the settings of docker-compose.yaml and this DAG beside ours."""
    dags = folder / "dags"
    dags.mkdir()
    (dags / "chain.py").write_text(_FILE)
    (folder / "migrations").mkdir()
    with stack(folder, folder / "migrations", "{}\n", dags=dags) as made:
        return per_task_s(made.url)


def main() -> int:
    """Always 0: there is no goal that we could miss."""
    figures = {}
    for name, measure in (("LocalExecutor", local), ("CeleryExecutor", distributed)):
        folder = Path(tempfile.mkdtemp(prefix="pg-deploy-bench-"))
        try:
            figures[name] = measure(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"Airflow's own cost, a chain of {TASKS} empty tasks, the best of {ROUNDS} runs:")
    for name, seconds in figures.items():
        print(f"  {name:<16} {seconds:.2f} s a task; a group of our DAG has 5 to 7 of them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
