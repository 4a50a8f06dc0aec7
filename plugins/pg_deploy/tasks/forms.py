"""The trigger forms, made of the confs that the tasks read: typed, described, each on one page."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from pg_deploy.configuration.conf import Conf
from pg_deploy.migrations.folder import migrations_dir, stamp
from pg_deploy.tasks.groups import group_stems

_NULL = {"type": "null"}
_SHOWN = ("type", "anyOf", "minLength", "enum", "items", "examples", "title", "description_md")


def form(conf: type[Conf]) -> dict[str, Param]:
    """The Params of a DAG with that conf; values change only when the folder of migrations does.

    Reads names and bytes, never raises.
    """
    return {name: _param(name, field) for name, field in conf.model_json_schema()["properties"].items()}


def _param(name: str, field: dict[str, Any]) -> Param:
    if name == "migrations":
        field["examples"] = list(group_stems())
    if name == "migrations_folder":
        field["default"] = stamp(migrations_dir())
    kinds = field.pop("anyOf", [])
    if _NULL in kinds:
        # A text that may be empty. Not every type in one `type`: the UI shows a field of two as a large text area.
        kinds = [{"type": ["null", "string"]}, *(each for each in kinds if each not in (_NULL, {"type": "string"}))]
    field |= {"anyOf": kinds} if len(kinds) > 1 else dict(*kinds)
    shown = {key: field[key] for key in _SHOWN if key in field}
    return Param(field["default"], field.get("description"), **shown)
