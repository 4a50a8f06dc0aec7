"""access.yaml: what a migration declares about access."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pg_deploy.migrations.errors import InvalidAccessFileError
from pg_deploy.migrations.manifest import Reason
from pg_deploy.migrations.strict_yaml import read_yaml

FILE = "access.yaml"


class Declared(BaseModel):
    """One entry of access.yaml: who gains or loses what, and why. `role` and `command` may be lists; `*` stands for any."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
    role: tuple[str, ...]
    target: str = Field(alias="object")
    command: tuple[str, ...]
    direction: Literal["gained", "lost", "both"] | None = None
    """Without it, the entry allows both directions, and a warning says so."""
    why: Reason

    @field_validator("role", "command", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    def covers(self, role: str, named: str, command: str, direction: str = "changed") -> bool:
        """Whether this entry declares that difference: the command of the role on the object `named`, in that direction."""
        return (
            self.target == named
            and (self.direction in (None, "both") or direction == self.direction)
            and ("*" in self.role or role in self.role)
            and ("*" in self.command or command.lower() in {word.lower() for word in self.command})
        )


class Unproven(BaseModel):
    """An object that is deployed although its access could not be proved, and why that is acceptable."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
    target: str = Field(alias="object")
    why: Reason


class AccessFile(BaseModel):
    """access.yaml: the new objects that the API reaches (`opened`), every difference if the manifest says `access: changed`
    (`changed`), and the objects that may stay `unproven`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    opened: tuple[Declared, ...] = ()
    changed: tuple[Declared, ...] = ()
    unproven: tuple[Unproven, ...] = ()


def read_access_file(companion: Path | None) -> AccessFile:
    """The access.yaml of a companion's folder; empty if there is none. Raises InvalidAccessFileError."""
    path = companion / FILE if companion is not None else None
    if path is None or not path.is_file():
        return AccessFile()
    try:
        loaded = read_yaml(path.read_text(encoding="utf-8"))
        return AccessFile.model_validate(loaded or {})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidAccessFileError(path, " ".join(str(error).split())) from error
    except ValidationError as error:
        problems = [
            f"'{'.'.join(str(part) for part in fault['loc'])}': {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        ]
        raise InvalidAccessFileError(path, "; ".join(problems)) from error
