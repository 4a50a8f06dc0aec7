"""`python -m launch up|down|deploy|baseline`: what the make targets of these names call."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from launch import airflow, demo, deploy
from launch.errors import LaunchError
from launch.settings import LOGIN, PASSWORD, Place, place

DAGS = {"deploy": "deploy_migrations", "baseline": "baseline_migrations"}


def up(where: Place, variables: Mapping[str, str]) -> bool:
    """Start the demo target and Airflow, each where it is not running."""
    demo.call("up")
    running = airflow.start(where, variables)
    deploy.offer(where, running)
    print(f"Airflow: {running.url}  (login: {LOGIN} / {PASSWORD})")
    return True


def down(where: Place) -> bool:
    """Stop Airflow, then the demo target."""
    print("stopping Airflow and the demo target", flush=True)
    try:
        airflow.stop(where)
    finally:
        demo.call("down")
    return True


def main(arguments: list[str], variables: Mapping[str, str]) -> int:
    """The exit code of one command: 0 done, 1 the run did not succeed, 2 it could not be tried, 130 interrupted."""
    where = place(variables)
    match arguments:
        case ["up"]:
            command = lambda: up(where, variables)  # noqa: E731
        case ["down"]:
            command = lambda: down(where)  # noqa: E731
        case [name] if name in DAGS:
            command = lambda: deploy.run(DAGS[name], where, variables)  # noqa: E731
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    try:
        return 0 if command() else 1
    except LaunchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
