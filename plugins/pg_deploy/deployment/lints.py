"""Static lints: what a database should not have, one SQL file each, and which of it a migration added.

Each file is one query of the contract `name, level (error | warn | info), object, detail, remedy`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from pg_deploy.access.facts.what_rests_on import what_rests_on
from pg_deploy.catalog.finding import Finding
from pg_deploy.catalog.reader import Facts
from pg_deploy.configuration.own_files import LINTS, own_files
from pg_deploy.postgres.ledger_name import read_in
from pg_deploy.postgres.session import Connection, aborted_transaction, one_line
from pg_deploy.postgres.sql_files import ENGINE, EngineText

_OURS = ENGINE / "deployment" / "sql" / "lints"
FAILING = ("error", "warn")


def lints(project: Path | None = None) -> Mapping[str, bytes]:
    """The text of every lint by its name, without a last semicolon: the engine's, and those in lints of the project's own files.

    `project` is as in `own_files`.
    """
    return _lints_with(own_files(project))


@cache
def _lints_with(own: Path | None) -> Mapping[str, bytes]:
    theirs = sorted((own / LINTS).glob("*.sql")) if own else ()
    return {path.stem: _text(path) for path in (*sorted(_OURS.glob("*.sql")), *theirs)}


def _text(path: Path) -> bytes:
    text = path.read_bytes().rstrip().rstrip(b";")
    return EngineText(text) if path.parent == _OURS else text


def run_lints(connection: Connection, project: Path | None = None, *, timeout_s: float = 30.0) -> tuple[Finding, ...]:
    """The findings of every lint, sorted. Reads only, in one transaction that is aborted. `project` is as in `own_files`.

    The connection is in autocommit. A lint that takes longer than `timeout_s`, or fails, is a finding of level info itself.
    """
    found: list[Finding] = []
    with aborted_transaction(connection, timeout_s=timeout_s):
        for name, answer in _answers(connection, lints(project)):
            if isinstance(answer, psycopg.Error):
                said = f"could not run: {one_line(str(answer))}"
                found.append(Finding(name, "info", "this lint", said, "run it by hand"))
                continue
            found += [Finding(*(str(part) for part in row)) for row in answer]
    return tuple(sorted(found))


def _answers(
    connection: Connection, texts: Mapping[str, bytes]
) -> Iterator[tuple[str, list[TupleRow] | psycopg.Error]]:
    """Each lint's rows, or its error. All are asked in one round trip; if one of them fails, each is asked by itself."""
    try:
        with connection.transaction():
            cursor = connection.execute(b";".join(read_in(connection, text) for text in texts.values()))
            # Not results(): psycopg has it since 3.3 only.
            answers = [cursor.fetchall()]
            while cursor.nextset():
                answers.append(cursor.fetchall())
    except psycopg.Error:
        for name, text in texts.items():
            try:
                with connection.transaction():
                    answer: list[TupleRow] | psycopg.Error = connection.execute(text).fetchall()
            except psycopg.Error as error:
                answer = error
            yield name, answer
        return
    yield from zip(texts, answers, strict=True)


def with_what_rests_on_it(finding: Finding, facts: Facts) -> Finding:
    """The finding, whose detail says as well which policies, triggers, rules and views rest on its object."""
    resting = what_rests_on(finding.object, facts)
    return replace(finding, detail=f"{finding.detail}; what rests on it: {resting}") if resting else finding
