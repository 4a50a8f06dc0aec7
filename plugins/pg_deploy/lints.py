"""Static lints: what a database should not have, one SQL file each under sql/lints/, and which of it a migration added.

Each file is one query of the contract `name, level (error | warn | info), object, detail, remedy`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import psycopg
from psycopg.rows import TupleRow

from pg_deploy.access.resting import what_rests_on
from pg_deploy.catalog.reader import Facts
from pg_deploy.migrations.folder import PROJECT
from pg_deploy.session import Connection, aborted_transaction, one_line

_LINTS = PROJECT / "sql" / "lints"
FAILING = ("error", "warn")
LINT_BEFORE = "lints before"
"""The kind of evidence that holds which findings were there before a migration."""


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong with one object, and what to do about it."""

    name: str
    level: str
    object: str
    detail: str
    remedy: str

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same finding before and after, whatever its detail says."""
        return self.name, self.object

    @property
    def sentence(self) -> str:
        """For people."""
        return f'{self.level}: "{self.object}": {self.detail} ({self.name}); {self.remedy}'


def lint_names() -> tuple[str, ...]:
    """The names of all lints."""
    return tuple(path.stem for path in sorted(_LINTS.glob("*.sql")))


def run_lints(connection: Connection, *, timeout_s: float = 30.0) -> tuple[Finding, ...]:
    """The findings of every lint, sorted. Reads only, in one transaction that is aborted.

    The connection is in autocommit. A lint that takes longer than `timeout_s`, or fails, is a finding of level info itself.
    """
    found: list[Finding] = []
    with aborted_transaction(connection, timeout_s=timeout_s):
        for name, answer in _answers(connection, lint_names()):
            if isinstance(answer, psycopg.Error):
                said = f"could not run: {one_line(str(answer))}"
                found.append(Finding(name, "info", "this lint", said, "run it by hand"))
                continue
            found += [Finding(*(str(part) for part in row)) for row in answer]
    return tuple(sorted(found))


def _answers(connection: Connection, names: Sequence[str]) -> Iterator[tuple[str, list[TupleRow] | psycopg.Error]]:
    """Each lint's rows, or its error. All are asked in one round trip; only where one of them fails, each by itself."""
    try:
        with connection.transaction():
            cursor = connection.execute(b";".join(_text(name) for name in names))
            answers = [cursor.fetchall() for _ in cursor.results()]
    except psycopg.Error:
        for name in names:
            try:
                with connection.transaction():
                    answer: list[TupleRow] | psycopg.Error = connection.execute(_text(name)).fetchall()
            except psycopg.Error as error:
                answer = error
            yield name, answer
        return
    yield from zip(names, answers, strict=True)


@cache
def _text(name: str) -> bytes:
    return (_LINTS / f"{name}.sql").read_bytes().rstrip().rstrip(b";")


def added(
    before: Iterable[Finding], after: Iterable[Finding], allowed: Collection[tuple[str, str]] = ()
) -> tuple[Finding, ...]:
    """The findings that came with a migration, without those that it allows, given as (name, object)."""
    known = {finding.key for finding in before} | set(allowed)
    return tuple(finding for finding in after if finding.key not in known)


def with_what_rests_on_it(finding: Finding, facts: Facts) -> Finding:
    """The finding, whose detail says as well which policies, triggers, rules and views rest on its object."""
    resting = what_rests_on(finding.object, facts)
    return replace(finding, detail=f"{finding.detail}; what rests on it: {resting}") if resting else finding
