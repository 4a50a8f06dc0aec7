"""What happens behind the pages, in a process of its own: real DAG runs against the metadata database of the tests' server.

Reads one JSON object a line, answers with one. Started by conftest.py with Airflow's settings in its environment.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Answer until the input ends."""
    # This comes before Airflow is imported: what Airflow prints goes to the log, and only answers go to whoever asks.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from airflow.utils.db import initdb

    initdb()
    _answer(out, {"ready": True})
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            _answer(out, {"done": globals()[f"do_{asked.pop('do')}"](**asked)})
        except BaseException as error:
            _answer(out, {"error": f"{type(error).__name__}: {error}"})


def _answer(out: Any, found: object) -> None:
    out.write(json.dumps(found) + "\n")
    out.flush()


def do_connection(name: str, url: str) -> None:
    """Make or change an Airflow connection."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(url)
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id == name).delete()
        session.add(
            Connection(
                conn_id=name,
                conn_type="postgres",
                host=str(parts["host"]),
                port=int(str(parts["port"])),
                login=str(parts["user"]),
                password=str(parts["password"]),
                schema=str(parts["dbname"]),
            )
        )


def do_run(dag_id: str, url: str, folder: str, conf: dict[str, Any], answer: str | None = None) -> list[str]:
    """Run a DAG to its end; its run id and state."""
    from tests.dags.harness import run_dag

    result = run_dag(dag_id, url, Path(folder), conf, answer=answer)
    return [_newest_run(dag_id), result.state]


def do_admin() -> None:
    """Make FAB's roles, and the first user."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        manager = builder.sm
        manager.sync_roles()
        manager.add_user("admin", "First", "Admin", "admin@localhost", manager.find_role("Admin"), password="admin")


def do_projects(folder: str, urls: dict[str, str], settings: dict[str, Any]) -> None:
    """Make projects and their DAGs, as a DAG processor does that reads a team's file."""
    from tests.dags.harness import load_dags
    from tests.dags.projects import make_projects, save_dags

    made = make_projects(Path(folder), urls)
    made.write(**settings)
    save_dags(load_dags(made.file))


def do_forget_projects() -> None:
    """Take the DAGs of projects away, as if their file were gone."""
    from airflow.models.dag import DagModel, DagTag
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        named = select(DagTag.dag_id).where(DagTag.name.in_(["shop", "billing"]))
        for dag in session.scalars(select(DagModel).where(DagModel.dag_id.in_(named))):
            dag.is_stale = True


def do_project_run(folder: str, dag_id: str, conf: dict[str, Any], answer: str | None = None) -> list[str]:
    """Run a project's DAG to its end; its run id and state."""
    from tests.dags.projects import Projects

    result = Projects(Path(folder), {}).run(dag_id, conf, answer=answer)
    return [_newest_run(dag_id), result.state]


def do_routes() -> list[list[str]]:
    """Every route of the API server with each of its methods, whether its description names it or not."""
    from airflow.api_fastapi.app import create_app

    found: set[tuple[str, str]] = set()

    def collect(routes: Any, before: str) -> None:
        for route in routes:
            path = before + getattr(route, "path", "")
            if getattr(route, "methods", None):
                found.update((method, path) for method in route.methods - {"HEAD", "OPTIONS"})
            elif getattr(route, "routes", None):
                collect(route.routes, path)

    collect(create_app().routes, "")
    return sorted(map(list, found))


def _newest_run(dag_id: str) -> str:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return str(
            session.scalars(
                select(DagRun.run_id).where(DagRun.dag_id == dag_id).order_by(DagRun.id.desc()).limit(1)
            ).one()
        )


def do_plain_run(dag_id: str, run_id: str, conf: dict[str, Any], state: str) -> None:
    """Write a run without running it: what is behind it is in the ledger only."""
    from airflow._shared.timezones.timezone import utcnow
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    with create_session() as session:
        session.add(
            DagRun(
                dag_id=dag_id,
                run_id=run_id,
                run_type=DagRunType.MANUAL,
                state=DagRunState(state),
                conf=conf,
                logical_date=None,
                run_after=utcnow(),
                start_date=utcnow(),
                triggered_by=DagRunTriggeredByType.TEST,
                triggering_user_name="tester",
            )
        )


if __name__ == "__main__":
    main()
