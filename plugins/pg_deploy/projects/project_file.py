"""pg_deploy.yaml: a list of projects, with what holds for all of them under `common`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pg_deploy.migrations.strict_yaml import fault_in_words, read_yaml
from pg_deploy.projects.errors import InvalidProjectFileError
from pg_deploy.projects.project import Project, ProjectSettings, make_project

_Location = tuple[int | str, ...]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    common: dict[str, Any] = {}
    projects: dict[str, dict[str, Any]] = Field(min_length=1)


def read_projects(path: Path, roots: tuple[Path, ...]) -> tuple[Project, ...]:
    """The projects of a file, in its order. Relative paths are looked for below `roots`.

    Raises InvalidProjectFileError, which shows the line of the first fault with a caret.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidProjectFileError(path, f"it cannot be read ({error.strerror})", 0, 0, "") from None
    except UnicodeDecodeError:
        raise InvalidProjectFileError(path, "it is not UTF-8", 0, 0, "") from None
    try:
        loaded = read_yaml(text)
    except yaml.YAMLError as error:
        raise _at(path, text, getattr(error, "problem_mark", None), " ".join(str(error).split())) from None
    try:
        file = _File.model_validate(loaded if loaded is not None else {})
    except ValidationError as error:
        raise _faulty(path, text, error, _File) from None
    projects = []
    for name, own in file.projects.items():
        merged = {**file.common, **own}
        if isinstance(common := file.common.get("defaults"), dict) and isinstance(mine := own.get("defaults"), dict):
            merged["defaults"] = {**common, **mine}
        try:
            settings = ProjectSettings.model_validate(merged)
        except ValidationError as error:
            raise _faulty(path, text, error, ProjectSettings, ("projects", name), file.common) from None
        try:
            projects.append(make_project(name, settings, roots))
        except ValueError as error:
            raise _at(path, text, _mark(text, ("projects", name)), f"the project {name}: {error}") from None
    return tuple(projects)


def _faulty(
    path: Path,
    text: str,
    error: ValidationError,
    model: type[BaseModel],
    inside: _Location = (),
    common: Collection[str] = (),
) -> InvalidProjectFileError:
    # A misspelt key is also a missing one: the first says more.
    fault = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    mark, project = _mark(text, (*inside, *fault["loc"])), _mark(text, inside)
    # If the project itself has no such key, the value is the common one.
    if mark and project and mark.index == project.index and fault["loc"] and fault["loc"][0] in common:
        mark = _mark(text, ("common", *fault["loc"]))
    head = f"the project {inside[1]}: " if inside else ""
    return _at(path, text, mark, head + fault_in_words(fault, model))


def _at(path: Path, text: str, mark: yaml.Mark | None, problem: str) -> InvalidProjectFileError:
    lines = text.splitlines()
    if mark is None or mark.line >= len(lines):
        return InvalidProjectFileError(path, problem, 0, 0, "")
    return InvalidProjectFileError(path, problem, mark.line + 1, mark.column + 1, lines[mark.line])


def _mark(text: str, location: _Location) -> yaml.Mark | None:
    """Where a key stands in the text; if it is missing, where the last key on the way to it stands."""
    node, mark = yaml.compose(text, Loader=yaml.SafeLoader), None
    for part in location:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if getattr(key, "value", None) == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = (node.value[part], node.value[part])
        if found is None:
            break
        mark, node = found[0].start_mark, found[1]
    return mark


def settings_from(values: Mapping[str, Any]) -> ProjectSettings:
    """The settings of a call in Python. Raises ValueError with a sentence that names each fault."""
    try:
        return ProjectSettings.model_validate(dict(values))
    except ValidationError as error:
        raise ValueError("; ".join(fault_in_words(fault, ProjectSettings) for fault in error.errors())) from None
