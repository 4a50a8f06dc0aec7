"""The trigger forms, made of the confs that the tasks read: typed, described, each on one page."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from pg_deploy.configuration.conf import Conf
from pg_deploy.projects.project import Project, defaults_of
from pg_deploy.tasks.groups import group_stems

_NULL = {"type": "null"}
PROJECT_KEY = "x-pg-deploy"
"""In the schema of the Param `target`: what the web server, which reads no DAG file, has to know of the project."""
_SHOWN = ("type", "anyOf", "minLength", "enum", "items", "examples", "title", "description_md", PROJECT_KEY)


def form(conf: type[Conf], project: Project) -> dict[str, Param]:
    """The Params of a project's DAG with that conf; values change only when the project or its folder of migrations does.

    Reads names and bytes, never raises.
    """
    fields = conf.model_json_schema()["properties"]
    for name, value in defaults_of(project.defaults, conf).items():
        fields[name]["default"] = value
    return {name: _param(name, field, project) for name, field in fields.items()}


def _param(name: str, field: dict[str, Any], project: Project) -> Param:
    if name == "target" and project.targets:
        field |= {"default": project.targets[0], "enum": list(project.targets), PROJECT_KEY: _carried(project)}
    if name == "migrations":
        field["examples"] = list(group_stems(project.migrations))
    if name == "migrations_folder":
        field["default"] = project.stamp
    kinds = field.pop("anyOf", [])
    if _NULL in kinds:
        # A text that may be empty. Not every type in one `type`: the UI shows a field of two as a large text area.
        kinds = [{"type": ["null", "string"]}, *(each for each in kinds if each not in (_NULL, {"type": "string"}))]
    field |= {"anyOf": kinds} if len(kinds) > 1 else dict(*kinds)
    shown = {key: field[key] for key in _SHOWN if key in field}
    return Param(field["default"], field.get("description"), **shown)


def _carried(project: Project) -> dict[str, Any]:
    return {
        "name": project.name,
        "targets": list(project.targets),
        "migrations": str(project.migrations),
        "thresholds": str(project.thresholds) if project.thresholds else None,
        "ledger": project.ledger,
    }
