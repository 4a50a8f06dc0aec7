"""The DAGs of projects. A team's own DAG file makes them:

    \"\"\"The databases of our services, deployed by Airflow.\"\"\"
    from pg_deploy.dags import deployment_dags
    deployment_dags("shop", target="shop_db", migrations="shop/supabase/migrations")

Airflow parses only files that hold the words "dag" and "airflow", so the file says "Airflow" somewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from airflow.sdk import DAG, get_parsing_context

from pg_deploy.configuration.dag_names import KINDS, Kind
from pg_deploy.dags.baseline import baseline_dag
from pg_deploy.dags.deploy import deploy_dag
from pg_deploy.dags.monitor import monitor_dag
from pg_deploy.dags.restore import restore_dag
from pg_deploy.dags.rollback import rollback_dag
from pg_deploy.projects.errors import InvalidProjectError
from pg_deploy.projects.project import Project, make_project
from pg_deploy.projects.project_file import read_projects, settings_from
from pg_deploy.projects.registry import register

__all__ = ["deployment_dags", "project_dags"]

_MADE = "_pg_deploy_projects"
"""Where a DAG file's own names hold which projects it made: Airflow makes the module anew each time it parses the file."""


def deployment_dags(name: str, *, target: str, migrations: str, **settings: Any) -> tuple[DAG, ...]:
    """Make the DAGs of one project: `deploy_<name>`, `rollback_<name>`, `baseline_<name>`, `restore_<name>`, `monitor_<name>`.

    `target` is an Airflow connection of type Postgres, `migrations` the folder, relative to the DAG file or to the root of its
    DAG bundle. `settings` are the other fields of `projects.project.ProjectSettings`. Airflow finds the DAGs by itself; they are
    returned too. Raises InvalidProjectError, which Airflow shows as the file's import error.
    """
    file = _calling_file()
    _refuse_second(name)
    try:
        project = make_project(
            name, settings_from({"target": target, "migrations": migrations, **settings}), _roots(file)
        )
    except ValueError as error:
        raise InvalidProjectError(name, str(error)) from None
    return _make(project)


def project_dags(file: str = "pg_deploy.yaml") -> tuple[DAG, ...]:
    """Make the DAGs of all projects of a file, which lies beside the DAG file or at the root of its bundle.

    Raises InvalidProjectFileError, which Airflow shows as the DAG file's import error.
    """
    roots = _roots(_calling_file())
    path = next((root / file for root in roots if (root / file).exists()), roots[0] / file)
    projects = read_projects(path, tuple(dict.fromkeys((path.parent, *roots))))
    return tuple(dag for project in projects for dag in _make(project))


def own_dag(kind: Kind) -> DAG:
    """Make one of the DAGs without a project's name, whose folder of migrations and target the settings and confs choose."""
    project = Project()
    register(project)
    return _MAKERS[kind](project)


_MAKERS: Mapping[Kind, Callable[[Project], DAG]] = {
    "deploy": deploy_dag,
    "rollback": rollback_dag,
    "baseline": baseline_dag,
    "restore": restore_dag,
    "monitor": monitor_dag,
}


def _make(project: Project) -> tuple[DAG, ...]:
    register(project)
    # A task's process parses the file for one DAG of it, and must not pay for all the others.
    wanted = get_parsing_context().dag_id
    makers = zip(project.dags.all, (_MAKERS[kind] for kind in KINDS), strict=True)
    return tuple(make(project) for dag_id, make in makers if wanted in (None, dag_id))


def _caller() -> FrameType:
    """The first frame that is not of this module."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame


def _calling_file() -> Path:
    """The DAG file that called."""
    return Path(_caller().f_code.co_filename).resolve()


def _refuse_second(name: str) -> None:
    """Raise InvalidProjectError if the DAG file made a project of that name already: Airflow would keep the second one's DAGs."""
    frame = _caller()
    if frame.f_code.co_name != "<module>":
        # The names of a module that is imported once outlive a parse.
        return
    made: set[str] = frame.f_globals.setdefault(_MADE, set())
    if name in made:
        raise InvalidProjectError(name, "it is made twice in this file")
    made.add(name)


def _roots(file: Path) -> tuple[Path, ...]:
    """The folders that a relative path may start from: the file's own, then the bundle's root, which Airflow puts on sys.path."""
    on_path: Iterable[Path] = (Path(entry).resolve() for entry in sys.path if entry)
    return tuple(dict.fromkeys((file.parent, *(root for root in on_path if root in file.parents))))
