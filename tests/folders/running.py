"""Run one folder: a whole deployment through Airflow on a fresh database, plain psql on another, and the rollback of all."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

import psycopg
from psycopg import sql

from demo import cluster
from demo.cluster import Cluster
from tests.dags.harness import Result, run_dag
from tests.folders.case import Case, Expectation, Step
from tests.folders.state import State, read_state

WHOLE = {"approval": "none", "backup": "full", "rehearse": "full"}
_CLI_NAME = re.compile(r"\d+_.*\.sql")


@dataclass(frozen=True)
class Outcome:
    """What happened with one step. `equal` and `equal_again` hold the difference: empty if equal, None if not compared."""

    files: int
    ours: str  # deployed | refused | failed
    psql: str  # its first error, or "accepts"
    equal: str | None
    undone: str  # yes | refused | failed | "" (not asked)
    equal_again: str | None
    said: str
    log: str = field(repr=False, default="")
    wrong: tuple[str, ...] = ()


def run_case(at: Cluster, case: Case, *, undo: bool | None = None) -> list[Outcome]:
    """Run all steps of a folder. `undo`: whether to undo all afterwards; None: if the expectation says how that ends."""
    beside = [_with_psql(at, case, count) for count in range(1, len(case.steps) + 1)]
    found: list[Outcome] = []
    with _database(at, case) as name:
        for number, step in enumerate(case.steps):
            asked = undo if undo is not None else bool(step.expected and step.expected.undone)
            found.append(_run_step(at, name, step, beside[number], undo=asked and number == len(case.steps) - 1))
    return found


def _run_step(at: Cluster, name: str, step: Step, beside: tuple[str, State | None], *, undo: bool) -> Outcome:
    expected = step.expected
    before = read_state(at.bindir, at.admin_url(name))
    files = sum(1 for path in step.migrations.iterdir() if path.suffix == ".sql")
    with (
        tempfile.TemporaryDirectory(prefix="pg-deploy-test-backups-") as store,
        mock.patch.dict(os.environ, BACKUP_URI=f"file://{store}"),
    ):
        conf = {**WHOLE, **(expected.conf if expected else {})}
        result = run_dag("deploy_migrations", at.url(database=name), step.migrations, conf)
        after = read_state(at.bindir, at.admin_url(name))
        untouched = not after.difference(before)
        ours = "deployed" if result.state == "success" else "refused" if untouched else "failed"
        if conf.get("dry_run") and ours == "deployed":
            return _judged(step, files, ours, beside[0], None, "", None, result)
        theirs = beside[1]
        equal = after.difference(theirs) if ours == "deployed" and theirs is not None else None
        undone, again = "", None
        if undo and ours == "deployed":
            undone, again, undoing = _undo(at, name, after, before)
            result = replace(result, log=[*result.log, *undoing.log], levels=[*result.levels, *undoing.levels])
    return _judged(step, files, ours, beside[0], equal, undone, again, result)


def _undo(at: Cluster, name: str, deployed: State, before: State) -> tuple[str, str | None, Result]:
    with tempfile.TemporaryDirectory() as nothing:
        result = run_dag(
            "rollback_migrations", at.url(database=name), Path(nothing), {"approval": "none", "down_to": "0"}
        )
    now = read_state(at.bindir, at.admin_url(name))
    if result.state == "success":
        return "yes", now.difference(before), result
    # A rollback that began and was aborted left the catalog as it was, but not the ledger: the next undo has to finish it.
    if not now.difference(deployed) and "rollback failed" not in result.text:
        return "refused", None, result
    return "failed", now.difference(before), result


def _judged(
    step: Step,
    files: int,
    ours: str,
    psql: str,
    equal: str | None,
    undone: str,
    again: str | None,
    result: Result,
) -> Outcome:
    wrong = [*_unmet(step.expected, ours, undone, result.text)]
    if "Traceback (most recent call last)" in result.text:
        wrong.append("a traceback is in the log")
    if step.expected is None and ours != "deployed" and psql == "accepts" and result.tasks.get("preflight") != "failed":
        wrong.append("psql accepts it, and it failed after preflight")
    if ours == "failed" and (step.expected is None or step.expected.outcome != "failed"):
        wrong.append("red, and the database is not as it was")
    if ours == "deployed" and equal:
        wrong.append(f"not what psql makes: {equal}")
    if ours == "deployed" and psql != "accepts" and equal is None and not (step.expected and step.expected.conf):
        wrong.append(f"green where psql stops: {psql}")
    if again:
        wrong.append(f"not as before after the rollback: {again}")
    if undone == "failed":
        wrong.append("the rollback failed after it had begun")
    said = "" if ours == "deployed" else _first_sentence(result)
    return Outcome(files, ours, psql, equal, undone, again, said, result.text, tuple(wrong))


def _unmet(expected: Expectation | None, ours: str, undone: str, text: str) -> Iterator[str]:
    if expected is None:
        return
    if ours != expected.outcome:
        yield f"{ours}, and must be {expected.outcome}"
    for pattern in expected.says:
        if not re.search(pattern, text):
            yield f"does not say: {pattern}"
    for pattern in expected.never:
        if re.search(pattern, text):
            yield f"says: {pattern}"
    if expected.undone and undone and undone != expected.undone:
        yield f"undone: {undone}, and must be {expected.undone}"


def _first_sentence(result: Result) -> str:
    """What the first failed task said."""
    for line, level in zip(result.log, result.levels, strict=True):
        if level >= logging.ERROR:
            return line.strip()
    return next((line for line in result.log if "✗" in line), "")


def _with_psql(at: Cluster, case: Case, steps: int) -> tuple[str, State | None]:
    """Each file in a session of its own, as the deploying role, in the CLI's order; files of earlier steps are not run again."""
    with _database(at, case) as name:
        done: set[str] = set()
        for step in case.steps[:steps]:
            for path in sorted(step.migrations.iterdir(), key=lambda each: each.name):
                if not _CLI_NAME.fullmatch(path.name) or path.name in done:
                    continue
                done.add(path.name)
                url = at.url(database=name)
                command = [str(at.bindir / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(path), url]
                ran = subprocess.run(
                    command, capture_output=True, check=False, env={**os.environ, "PGCLIENTENCODING": "UTF8"}
                )
                if ran.returncode:
                    errors = ran.stderr.decode(errors="replace").strip().splitlines()
                    first = next((line for line in errors if "ERROR" in line), "failed")
                    return first.rsplit("migrations/", 1)[-1], None
        return "accepts", read_state(at.bindir, at.admin_url(name))


@contextmanager
def _database(at: Cluster, case: Case) -> Iterator[str]:
    """A new database as the case has it before; dropped afterwards, with the roles that the folder made on the whole server."""
    name = "folders_case"
    roles = _roles(at)
    cluster.drop(at, name)
    cluster.empty(at, name)
    try:
        with psycopg.connect(at.admin_url(name), autocommit=True) as admin:
            admin.execute(case.admin.encode())
        _run(at, name, case.before)
        yield name
    finally:
        cluster.drop(at, name)
        with psycopg.connect(at.admin_url("postgres"), autocommit=True) as admin:
            for role in _roles(at) - roles:
                admin.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def _run(at: Cluster, name: str, text: str) -> None:
    if text:
        command = [str(at.bindir / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", at.url(database=name)]
        subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.DEVNULL)


def _roles(at: Cluster) -> set[str]:
    with psycopg.connect(at.admin_url("postgres"), autocommit=True) as admin:
        return {row[0] for row in admin.execute("select rolname from pg_catalog.pg_roles").fetchall()}
