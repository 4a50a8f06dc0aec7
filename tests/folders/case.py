"""A folder to be run: its migrations, what was in the database before, and what must happen, if somebody wrote it down."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

_WITHIN = ("migrations", "supabase/migrations")


class Expectation(BaseModel):
    """What the README of a folder demands, for the machine. Patterns are searched in the run's log, in its lines together.

    `refused`: red, and the database as it was. `undone`: `yes`, or `refused` before anything was undone; empty: do not undo.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    outcome: str = "deployed"
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    undone: str = ""
    conf: dict[str, Any] = {}
    long: bool = False


@dataclass(frozen=True)
class Step:
    """A folder deployed to the database, and what must happen."""

    migrations: Path
    expected: Expectation | None


@dataclass(frozen=True)
class Case:
    """One folder: `before.sql` is run by the deploying role, `admin.sql` by the superuser, then the steps in order.

    The steps are `migrations/` with `expect.yaml`, then `migrations.2/` with `expect.2.yaml`, and so on.
    """

    name: str
    before: str
    admin: str
    steps: tuple[Step, ...] = field(default=())


def cases_in(folder: Path, *, scratch: Path) -> Iterator[Case]:
    """The case that `folder` is, or those in it: a case, a project, a bare folder of migrations, or a folder of such folders."""
    if (folder / "make.py").is_file():
        made = scratch / folder.name
        subprocess.run([sys.executable, str(folder / "make.py"), str(made)], check=True)
        yield _case(folder, made)
        return
    for within in _WITHIN:
        if (folder / within).is_dir():
            yield _case(folder, folder / within)
            return
    if any(folder.glob("*.sql")):
        yield _case(folder, folder)
        return
    for inside in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        yield from cases_in(inside, scratch=scratch)


def _case(folder: Path, migrations: Path) -> Case:
    steps = [Step(migrations, _expected(folder / "expect.yaml"))]
    number = 2
    while (more := folder / f"migrations.{number}").is_dir():
        steps.append(Step(more, _expected(folder / f"expect.{number}.yaml")))
        number += 1
    bare = folder == migrations
    return Case(
        folder.name,
        "" if bare else _text(folder / "before.sql"),
        "" if bare else _text(folder / "admin.sql"),
        tuple(steps),
    )


def _expected(path: Path) -> Expectation | None:
    return Expectation.model_validate(yaml.safe_load(_text(path)) or {}) if path.is_file() else None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
