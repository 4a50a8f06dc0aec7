"""What all DAGs of a project have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow.sdk import DAG

from pg_deploy.configuration.conf import Conf
from pg_deploy.configuration.dag_names import OWN
from pg_deploy.projects.project import May, Project
from pg_deploy.tasks.forms import form

TAG = "pg_deploy"
"""By this tag our pages know a DAG of ours, whatever project it belongs to."""

_MAY: Mapping[May, Mapping[str, set[str]]] = {
    "read": {"DAGs": {"can_read"}, "DAG Runs": {"can_read"}},
    "deploy": {"DAGs": {"can_read", "can_edit"}, "DAG Runs": {"can_read", "can_create"}},
}
"""The actions of the FAB auth manager on the DAG itself. What else a role needs: docs/projects.md."""


def common(project: Project, doc: str | None, kind: str, default_args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that each DAG of a project takes. `doc` is the runbook for the set of DAGs that has no project's name."""
    return {
        "catchup": False,
        "default_args": {"pool": project.pool, "owner": project.owner, **default_args},
        "doc_md": _for_project(doc or "", project),
        "tags": [TAG, "database", kind, *([project.name] if project.name else []), *project.tags],
        "access_control": {role: _MAY[may] for role, may in project.roles.items()} or None,
    }


def triggered_dag(dag_id: str, project: Project, conf: type[Conf], doc: str | None, kind: str) -> DAG:
    """A DAG of a project that people trigger, one run at a time; its tasks are not tried again."""
    return DAG(
        dag_id,
        schedule=None,
        max_active_runs=1,
        params=form(conf, project),
        **common(project, doc, kind, {"retries": 0}),
    )


def _for_project(doc: str, project: Project) -> str:
    """The runbook with the names of the project's DAGs and of its target."""
    if not project.name:
        return doc
    names = dict(zip(OWN.all, project.dags.all, strict=True)) | {"target_db": project.targets[0]}
    return re.sub("|".join(map(re.escape, names)), lambda found: names[found[0]], doc)
