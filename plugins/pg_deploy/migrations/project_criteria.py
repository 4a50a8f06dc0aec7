"""criteria.yaml, beside the folder of migrations: what counts as success for this project, its timeline, and what comes after."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pg_deploy.configuration.duration import parse_duration
from pg_deploy.migrations.errors import InvalidCriteriaError, UnknownCriterionError
from pg_deploy.migrations.migration import Migration
from pg_deploy.migrations.strict_yaml import fault_in_words, read_yaml
from pg_deploy.migrations.text_files import read_text

FILE = "criteria.yaml"
Judge = Literal["deployed", "backup", "proofs", "access", "person"]
NextStep = Literal["cache_hits", "slow_queries"]

_STRICT = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class StatedCriterion(BaseModel):
    """One criterion: its text, and which evidence judges it.

    `deployed`: every migration of the run is applied and verified. `backup`: the backup was restored and compared. `proofs`: the
    checks and benchmarks that migrations name for it under `criteria:` in their migration.yaml. `access`: the access proof, and
    what migrations name for it. `person`: no evidence does; `look` says where to look.
    """

    model_config = _STRICT
    text: str = Field(min_length=1)
    judged_by: Judge
    name: str = ""
    look: str = ""

    @model_validator(mode="after")
    def _has_what_judges_it(self) -> StatedCriterion:
        if self.judged_by == "proofs" and not self.name:
            raise ValueError("judged_by: proofs needs a name, under which a migration.yaml says what proves it")
        if self.name and self.judged_by not in ("proofs", "access"):
            raise ValueError(f"a name means nothing with judged_by: {self.judged_by}; take it out")
        if self.look and self.judged_by != "person":
            raise ValueError(f"look means nothing with judged_by: {self.judged_by}; take it out")
        return self


class Timeline(BaseModel):
    """How long the procedure that this replaces takes beside its migrations, and `by` whom that is planned."""

    model_config = _STRICT
    by: str = Field(min_length=1)
    preparation: str | None = None
    verification: str | None = None

    @field_validator("preparation", "verification")
    @classmethod
    def _is_duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value


class NextSteps(BaseModel):
    """What the last page of the watch says to do: `judged` is said also if nothing is to be done, `lines` as they stand."""

    model_config = _STRICT
    judged: tuple[NextStep, ...] = ()
    lines: tuple[str, ...] = ()


class ProjectCriteria(BaseModel):
    """The whole file; every key may be left out, an unknown key is refused. `versions`: the runs that it is about; none: all."""

    model_config = _STRICT
    versions: tuple[str, ...] = ()
    criteria: tuple[StatedCriterion, ...] = ()
    timeline: Timeline | None = None
    next_steps: NextSteps = NextSteps()

    @field_validator("criteria")
    @classmethod
    def _names_each_once(cls, value: tuple[StatedCriterion, ...]) -> tuple[StatedCriterion, ...]:
        names = [each.name for each in value if each.name]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} stands twice; give each criterion a name of its own")
        return value

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which migrations speak for a criterion."""
        return tuple(each.name for each in self.criteria if each.name)

    def is_about(self, versions: Collection[str]) -> bool:
        """Whether a run of these versions is judged by it."""
        return not self.versions or not set(self.versions).isdisjoint(versions)


def read_criteria(folder: Path, versions: Collection[str]) -> ProjectCriteria | None:
    """The criteria.yaml beside `folder`, which holds migrations of `versions`; None if there is none.

    Raises InvalidCriteriaError, UnreadableFileError or NotUtf8Error.
    """
    path = Path(os.path.abspath(folder)).parent / FILE
    if not os.path.lexists(path):
        return None
    try:
        loaded = read_yaml(read_text(path))
        found = ProjectCriteria.model_validate({} if loaded is None else loaded)
    except yaml.YAMLError as error:
        raise InvalidCriteriaError(path, " ".join(str(error).split())) from error
    except ValidationError as error:
        faults = [fault_in_words(fault, ProjectCriteria) for fault in error.errors()]
        raise InvalidCriteriaError(path, "; ".join(faults)) from error
    strange = [version for version in found.versions if version not in versions]
    # If it names none of them it is another folder's, such as ours beside a folder that is mounted in the place of our own.
    if strange and found.is_about(versions):
        raise InvalidCriteriaError(path, f"'versions' names {', '.join(strange)}, and the folder has no such migration")
    return found


def unknown_criteria(criteria: ProjectCriteria, migrations: Iterable[Migration]) -> list[UnknownCriterionError]:
    """A fault for each criterion that a migration speaks for and the project does not state."""
    return [
        UnknownCriterionError(name, migration.stem, criteria.names)
        for migration in migrations
        for name in migration.manifest.criteria
        if name not in criteria.names
    ]
