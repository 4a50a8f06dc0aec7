"""One drawn sequence on the small schema with rows, perhaps with a case beside it: applied by the engine, undone, judged."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from tests.undo_cases.case import Case, Outcome, judge
from tests.undo_cases.drawing import DrawnStatements, SequenceSeed, draw
from tests.undo_cases.filling import fill
from tests.undo_cases.grammar import SCHEMA
from tests.undo_cases.server import Server
from tests.undo_cases.sets import judge_set


@dataclass(frozen=True)
class SequenceResult:
    """A sequence and its outcome."""

    outcome: Outcome
    statements: DrawnStatements

    @property
    def line(self) -> str:
        """One line of the answer; all its statements if it is wrong."""
        if self.outcome.verdict == "undone" or (self.outcome.verdict == "refused" and self.statements.loses):
            return self.outcome.line
        return "\n    ".join((self.outcome.line, *self.statements.texts))


def run_sequence(server: Server, seed: SequenceSeed, *, as_set: bool = False) -> SequenceResult:
    """Draw it and undo it, in a database of its own; `as_set`: as several migrations."""
    name = "drawn_" + seed.name.replace("-", "_")
    url = server.url("deployer", name)
    with server.database(name):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SCHEMA)
            case = seed.case if seed.case is not None and _is_made(connection, seed.case) else None
        with psycopg.connect(server.url("admin", name), autocommit=True) as connection:
            fill(connection)
        with psycopg.connect(url, autocommit=True) as connection:
            statements = draw(connection, seed, case)
        kinds = ", ".join(statements.kinds)
        if as_set:
            return SequenceResult(judge_set(server, seed.name, kinds, statements.texts, name), statements)
        return SequenceResult(
            judge(server, Case(seed.name, kinds, "", ";\n".join(statements.texts) + ";\n"), name), statements
        )


def _is_made(connection: psycopg.Connection[tuple[object, ...]], case: Case) -> bool:
    try:
        connection.execute(case.before.encode())
    except psycopg.Error:
        return False
    return True
