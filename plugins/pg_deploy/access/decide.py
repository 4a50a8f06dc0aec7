"""Whether the differences found are those that a migration declares; access.yaml is where it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pg_deploy.access.change import AccessChange, words
from pg_deploy.access.drilldown import RowDifference
from pg_deploy.access.proof import Proof
from pg_deploy.errors import InvalidAccessFileError
from pg_deploy.migrations.manifest import Access

FILE = "access.yaml"
Outcome = Literal["unchanged", "as declared", "undeclared", "different"]
Found = AccessChange | RowDifference


class Declared(BaseModel):
    """One entry of access.yaml: who gets or loses what, and why. `role` and `command` may be lists; `*` is any."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
    role: tuple[str, ...]
    target: str = Field(alias="object")
    command: tuple[str, ...]
    why: str = Field(min_length=3)

    @field_validator("role", "command", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    def covers(self, role: str, named: str, command: str) -> bool:
        """Whether this entry speaks of that command of that role on that object."""
        return (
            self.target == named
            and ("*" in self.role or role in self.role)
            and ("*" in self.command or command.lower() in {word.lower() for word in self.command})
        )


class AccessFile(BaseModel):
    """access.yaml: new objects that the API reaches (`opened`) and, for `access: changed`, every difference (`changed`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    opened: tuple[Declared, ...] = ()
    changed: tuple[Declared, ...] = ()


@dataclass(frozen=True)
class Decision:
    """`passes` or not; each sentence says what counts against the migration, or what is only shown.

    `outcome` is `unchanged`, `as declared`, `undeclared` (shown, unprotected), or `different`, which fails.
    """

    passes: bool
    outcome: Outcome
    against: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()


def read_access_file(companion: Path | None) -> AccessFile:
    """The access.yaml of a companion's folder; empty where there is none. Raises InvalidAccessFileError."""
    path = companion / FILE if companion is not None else None
    if path is None or not path.is_file():
        return AccessFile()
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
        return AccessFile.model_validate(loaded or {})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidAccessFileError(path, " ".join(str(error).split())) from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise InvalidAccessFileError(path, f"'{place}': {fault['msg']}") from error


def decide(access: Access, declared: AccessFile, proof: Proof) -> Decision:
    """What a migration's `access` makes of what was found.

    `unchanged`: nothing may differ on what existed before, and what is opened must be declared. `changed`: the
    differences must be those declared, each of them, and each declared one must be found. `undeclared`: shown only.
    """
    shown = tuple(
        dict.fromkeys(
            [
                *(disagreement.sentence for disagreement in proof.disagreements),
                *(change.sentence for change in proof.changes if not change.decides),
                *proof.labels,
            ]
        )
    )
    opened = [said for change in proof.opened for said in _undeclared(change, declared.opened, "opened")]
    if access == "undeclared":
        everything = (*(found.sentence for found in (*proof.found, *proof.opened)), *shown)
        return Decision(True, "undeclared" if proof.found or proof.opened else "unchanged", (), everything)
    if access == "unchanged":
        against = [*(found.sentence for found in proof.found), *opened]
        against += _to_declare(proof.opened, declared.opened, "opened", "")
        against += _to_declare(proof.found, (), "changed", "access: changed in migration.yaml, and ")
        outcome: Outcome = "different" if against else "as declared" if proof.opened else "unchanged"
        return Decision(not against, outcome, tuple(dict.fromkeys(against)), shown)
    against = [said for found in proof.found for said in _undeclared(found, declared.changed, "changed")]
    against += opened
    against += [
        f'{FILE} declares that {words(entry.role)} can {words(entry.command)} "{entry.target}" differently, and nothing of it was found'
        for entry in declared.changed
        if not any(_concerns(entry, found) for found in proof.found)
    ]
    against += _to_declare(proof.opened, declared.opened, "opened", "")
    against += _to_declare(proof.found, declared.changed, "changed", "")
    outcome = "different" if against else "as declared" if proof.found or proof.opened else "unchanged"
    return Decision(not against, outcome, tuple(dict.fromkeys(against)), (*(f.sentence for f in proof.found), *shown))


def _undeclared(found: Found, entries: Sequence[Declared], section: str) -> list[str]:
    pairs = _pairs(found)
    missing = [pair for pair in pairs if not any(entry.covers(*pair) for entry in entries)]
    if not missing:
        return []
    commands = words(dict.fromkeys(command for _, _, command in missing))
    role, named, _ = missing[0]
    return [
        f"{found.sentence}; {FILE} does not declare it under `{section}` (role {role}, object {named}, command {commands})"
    ]


def _to_declare(found: Sequence[Found], entries: Sequence[Declared], section: str, before: str) -> list[str]:
    """One sentence with what to paste into access.yaml, if that is meant; none where nothing is missing."""
    missing: dict[tuple[str, tuple[str, ...]], dict[str, None]] = {}
    for each in found:
        commands: dict[tuple[str, str], dict[str, None]] = {}
        for role, named, command in _pairs(each):
            if not any(entry.covers(role, named, command) for entry in entries):
                commands.setdefault((role, named), {})[command] = None
        for (role, named), told in commands.items():
            missing.setdefault((named, tuple(told)), {})[role] = None
    if not missing:
        return []
    listed = [
        {"role": list(roles), "object": named, "command": list(commands), "why": "say why this is meant"}
        for (named, commands), roles in missing.items()
    ]
    text = yaml.safe_dump({section: listed}, default_flow_style=True, sort_keys=False, width=10_000).strip()
    return [f"if that is meant, write {before}into {FILE} beside migration.yaml: {text}"]


def _pairs(found: Found) -> list[tuple[str, str, str]]:
    named = found.object if isinstance(found, AccessChange) else found.table
    roles = found.role.split(", ") if found.role else ["*"]
    return [(role, named, _command(command)) for role in roles for command in found.commands or ("*",)]


def _command(command: str) -> str:
    return "update" if command == "produce by update" else command


def _concerns(entry: Declared, found: Found) -> bool:
    return any(entry.covers(*pair) for pair in _pairs(found))
