"""`python -m launch up|down|deploy|baseline|rollback|restore|monitor|refresh`: the make targets of these names call it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial

from launch import airflow, demo, deploy, monitor
from launch.api import Api
from launch.errors import LaunchError
from launch.settings import LOGIN, PASSWORD, Place, place


def up(where: Place, variables: Mapping[str, str]) -> bool:
    """Start the demo target and Airflow, each if it is not running."""
    demo.up()
    running = airflow.start(where, variables)
    deploy.prepare_ui(where, running, variables)
    print(f"Airflow: {running.url}  (login: {LOGIN} / {PASSWORD})")
    return True


def down(where: Place) -> bool:
    """Stop Airflow, then the demo target."""
    running = airflow.find(where)
    if running and not airflow.find_problem(running):
        for run in Api(running.url).open_runs("~"):
            print(
                f'run "{run.dag_run_id}" of "{run.dag_id}" is {run.state}: it is cut off, and goes on after `make up`'
            )
    print("stopping Airflow and the demo target", flush=True)
    try:
        airflow.stop(where)
    finally:
        demo.down()
    return True


def main(arguments: list[str], variables: Mapping[str, str]) -> int:
    """The exit code of one command: 0 done, 1 the run did not succeed or an alert is open, 2 it could not be tried, 130 interrupted."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that knows no check mark must not end the command.
        sys.stdout.reconfigure(errors="replace")
    where = place(variables)
    commands: dict[str, Callable[[], bool]] = {
        "up": lambda: up(where, variables),
        "down": lambda: down(where),
        "monitor": lambda: monitor.monitor(where, variables),
        "refresh": lambda: monitor.refresh(where, variables),
        **{name: partial(deploy.run, dag_id, where, variables) for name, dag_id in deploy.DAGS.items()},
    }
    if len(arguments) != 1 or arguments[0] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return 0 if commands[arguments[0]]() else 1
    except LaunchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
