"""One case: made, filled, changed by the engine, undone by the engine, judged."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import yaml

from pg_deploy.configuration.limits import Limits
from pg_deploy.deployment.apply import apply
from pg_deploy.deployment.contents import read_contents
from pg_deploy.errors import PgDeployError
from pg_deploy.rollback.errors import NoRollbackError
from pg_deploy.rollback.resume import resume
from pg_deploy.rollback.roll_back import roll_back
from tests.building import write_migration
from tests.core.working import working_on
from tests.undo_cases.filling import fill
from tests.undo_cases.judging import State, read_state
from tests.undo_cases.server import Server

_VERSION = "20250101000000"
LIMITS = Limits(lock_budget=300, give_up_after=900)
"""Long: a busy machine must not decide the verdict."""


@dataclass(frozen=True)
class Outcome:
    """`verdict`: undone, undone but for, refused, wrong, or not applied; `detail`: the reasons, or what is wrong."""

    name: str
    kind: str
    verdict: str
    detail: str = ""
    generated: str = ""

    @property
    def line(self) -> str:
        """One line of the answer."""
        end = f": {self.detail}" if self.detail else ""
        return f"{self.name} ({self.kind}): {self.verdict}{end}"


@dataclass(frozen=True)
class Case:
    """One file of cases."""

    name: str
    kind: str
    before: str
    migration: str
    superuser: bool = False
    loses: bool = False
    """Whether something of the state before is gone for good, so that refusing is right."""

    @property
    def role(self) -> str:
        """Who makes it, changes it and undoes it."""
        return "admin" if self.superuser else "deployer"


def on_one_line(message: object) -> str:
    """A message as a part of a line."""
    return " | ".join(str(message).splitlines())


def read_case(path: Path) -> Case:
    """The case of a file."""
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Case(
        path.stem,
        found["kind"],
        found["before"],
        found["migration"],
        "superuser" in (found.get("needs") or ()),
        "loses" in found,
    )


def run_case(server: Server, case: Case) -> Outcome:
    """Run it on filled tables; if the migration does not go through with those rows, on the rows of the case alone."""
    found = _run(server, case, filled=True)
    return _run(server, case, filled=False) if found.verdict == "not applied" else found


def _run(server: Server, case: Case, *, filled: bool) -> Outcome:
    name = "case_" + re.sub(r"\W", "_", case.name)[:50]
    with server.database(name):
        try:
            with psycopg.connect(server.url(case.role, name), autocommit=True) as connection:
                connection.execute(case.before.encode())
        except psycopg.Error as error:
            return Outcome(case.name, case.kind, "not applied", f"what comes before it fails: {error}")
        if filled:
            with psycopg.connect(server.url("admin", name), autocommit=True) as connection:
                fill(connection)
        return judge(server, case, name)


def judge(server: Server, case: Case, database: str) -> Outcome:
    """Change a database by the case's migration, as the engine does, undo it, and compare what others see."""
    before = read_state(server, database)
    with tempfile.TemporaryDirectory() as folder:
        write_migration(Path(folder), f"{_VERSION}_change", case.migration, rollback=None)
        return _judge(server, case, database, Path(folder), before)


def _judge(server: Server, case: Case, database: str, folder: Path, before: State) -> Outcome:
    def outcome(verdict: str, detail: object = "") -> Outcome:
        return Outcome(case.name, case.kind, verdict, on_one_line(detail), work.text)

    with working_on(server.url(case.role, database), folder, LIMITS) as work:
        try:
            resume(replace(work.job, on_copy=True), work.migrations[0])
        except Exception as error:
            return outcome("wrong", f"the snapshot fails: {error!r}")
        try:
            with work.job.target.session("contents") as connection:
                job = replace(work.job, on_copy=True, contents=read_contents(connection, case.migration))
            apply(work.job, work.migrations[0])
        except PgDeployError as error:
            return outcome("not applied", error)
        try:
            undone = roll_back(job, _VERSION)
        except NoRollbackError as error:
            if "does not lead back" in str(error):
                return outcome("wrong", error)
            return outcome("refused", "; ".join(error.reasons))
        except Exception as error:
            return outcome("wrong", error)
        differences = list(before.differences(read_state(server, database)))
        exceptions = undone.sentence.partition("but for ")[2]
        if differences and not exceptions:
            return outcome("wrong", "; ".join(["called as before", *differences[:6]]))
        if any(line.startswith("pg_dump") for line in differences):
            return outcome("wrong", "; ".join(differences[:6]))
        return outcome("undone but for", exceptions) if exceptions else outcome("undone")
