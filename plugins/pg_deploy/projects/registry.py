"""Which project a DAG belongs to. A process that runs a task has parsed the DAG's file, and that call has noted the project here."""

from __future__ import annotations

from pg_deploy.projects.errors import NoProjectError
from pg_deploy.projects.project import Project

_projects: dict[str, Project] = {}


def register(project: Project) -> None:
    """Note whose DAGs these are; a file that is parsed again replaces what it noted before."""
    for dag_id in project.dags.all:
        _projects[dag_id] = project


def project_of(dag_id: str) -> Project:
    """The project that has this DAG. Raises NoProjectError."""
    found = _projects.get(dag_id)
    if found is None:
        raise NoProjectError(dag_id)
    return found
