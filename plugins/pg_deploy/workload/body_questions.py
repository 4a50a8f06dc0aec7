"""Asking the server about the bodies of routines, in transactions that are rolled back. No statement of a body runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import psycopg
from psycopg.errors import Diagnostic

from pg_deploy.grammar.errors import ParseError
from pg_deploy.postgres.quoting import in_full, literal
from pg_deploy.postgres.session import Connection, one_line
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.workload.asking import TIMEOUT_MS, Refusal
from pg_deploy.workload.plpgsql_program import LOOKED, Program, found_in
from pg_deploy.workload.plpgsql_reading import program_of
from pg_deploy.workload.plpgsql_text import UnreadableBodyError
from pg_deploy.workload.routines import Routine, Table

_UNKNOWN_RECORD = "55000"
"""A record has no row yet, so nobody knows its columns: that says nothing of the body."""
_SETTINGS_OF_NAMES = ("search_path", "plpgsql.variable_conflict")
_IN_QUOTES = re.compile(r'"(?:[^"]*\.)?([^".]+)"')
_PLACED = 3
"""Of how many problems of a body the place is asked: each takes another question."""
BEGIN = f"""begin; set local statement_timeout = {TIMEOUT_MS}; set local lock_timeout = {TIMEOUT_MS};
set local lc_messages = 'C'; set local client_min_messages = error; set local plpgsql.extra_errors = 'none';
set local plpgsql.extra_warnings = 'none'; set local check_function_bodies = off; set local session_replication_role = replica;
create function pg_temp.deploy_body() returns pg_catalog.void stable language plpgsql as 'begin end'"""
"""What begins the transaction of the questions, which is to be rolled back. As in a replica, no trigger on commands fires."""


@dataclass(frozen=True)
class Problem:
    """What the server does not take, and the part of the body that it is in.

    `by_extension`: plpgsql_check alone says so. It is wrong about some right bodies, so only what it says anew of the same text counts.
    """

    statement: str
    refusal: Refusal
    by_extension: bool = False


@dataclass(frozen=True)
class Seen:
    """What was found in one body; `reason` says why its statements could not be looked at.

    `declarations` is what the server then said of them: within a session it keeps what it compiled, and so may have taken them.
    """

    problems: tuple[Problem, ...] = ()
    reason: str = ""
    declarations: Problem | None = None


class Questions:
    """The questions of one transaction, which `BEGIN` began and which has the savepoint deploy_body: each takes back the one before."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def about_sql(self, routine: Routine, path: str) -> Seen:
        """What the server says of a body in SQL, whose whole it analyses."""
        refused = self._tried(f"select pg_catalog.fmgr_sql_validator({routine.oid})", routine, path)
        return Seen((Problem(routine.source, _refusal(refused, routine.source)),)) if refused else Seen()

    def about_plpgsql(self, routine: Routine, path: str, table: Table | None) -> Seen:
        """What the server says of a body in PL/pgSQL and of each statement in it."""
        rows = routine.rows
        try:
            program = program_of(routine.source, returns_rows=bool(rows))
        except (ParseError, UnreadableBodyError) as error:
            return self._as_a_whole(routine, path, Seen(reason=str(error)))
        asked = _Asked(routine, table, program, rows)
        answer = self._tried(asked.question(), routine, path)
        if answer is None or answer.sqlstate != LOOKED:
            why = Problem(routine.source, _refusal(answer, routine.source)) if answer else None
            seen = Seen(reason=why.refusal.message if why else "nothing was answered", declarations=why)
            return self._as_a_whole(routine, path, seen)
        problems: list[Problem] = []
        for number, state, message in found_in(answer.message_detail):
            if state == _UNKNOWN_RECORD:
                continue
            again = self._tried(asked.question(bare=number), routine, path) if len(problems) < _PLACED else None
            text, shown = program.checks[number].text, without_secrets(one_line(message))
            position = _position_in(program, number, again)
            problems.append(
                Problem(text, Refusal(state, shown, place_of_name(shown, text) if position is None else position))
            )
        return Seen(tuple(problems))

    def _as_a_whole(self, routine: Routine, path: str, unseen: Seen) -> Seen:
        """What the server's own validator says of a body whose statements cannot be seen."""
        refused = self._tried(f"select pg_catalog.plpgsql_validator({routine.oid})", routine, path)
        return Seen((Problem(routine.source, _refusal(refused, routine.source)),)) if refused else unseen

    def _tried(self, question: str, routine: Routine, path: str) -> Diagnostic | None:
        """The server's refusal of a question; None if there is none. Raises if the connection is lost."""
        validates = "set local check_function_bodies = on; " if "_validator(" in question else ""
        try:
            self._connection.execute(f"{settings_for(routine, path)}; {validates}{question}".encode())
        except psycopg.Error as error:
            if self._connection.closed or self._connection.broken:
                raise
            return error.diag
        return None


@dataclass(frozen=True)
class _Asked:
    routine: Routine
    table: Table | None
    program: Program
    rows: str

    def question(self, *, bare: int | None = None) -> str:
        body = self.program.written(self.routine.name, self.routine.declared(self.table), bare=bare)
        # The name is in use: the server forgets what it compiled before when the function is replaced.
        name, result = ("deploy_body_rows", self.rows) if self.rows else ("deploy_body", "pg_catalog.void")
        made = (
            f"create or replace function pg_temp.{name}() returns {result} stable language plpgsql as {literal(body)}"
        )
        called = f"select pg_catalog.count(*) from pg_temp.{name}()"  # noqa: S608 - one of two names of ours
        return "; ".join((*self._transition_tables(), made, called))

    def _transition_tables(self) -> Iterator[str]:
        for name in self.table.transition if self.table else ():
            if name:
                yield f"create temporary table {in_full(name)} as table {self.table.name if self.table else name} with no data"


def settings_for(routine: Routine, path: str) -> str:
    """Statements that take back the question before, and choose what decides the names in a body."""
    own = {name: routine.settings[name] for name in _SETTINGS_OF_NAMES if name in routine.settings}
    settings = {"search_path": path, **own}
    return "rollback to deploy_body; select " + ", ".join(
        f"pg_catalog.set_config({literal(name)}, {literal(value)}, true)" for name, value in settings.items()
    )


def message_of(diag: Diagnostic) -> str:
    """The server's message on one line, without what looks like a secret."""
    return without_secrets(one_line(diag.message_primary or ""))


def _refusal(diag: Diagnostic, source: str) -> Refusal:
    message = message_of(diag)
    place = int(diag.internal_position) - 1 if diag.internal_position and diag.internal_query == source else None
    return Refusal(diag.sqlstate or "", message, place_of_name(message, source) if place is None else place)


def place_of_name(message: str, text: str) -> int | None:
    """Where the last name stands in the text that the message puts in quotes; None if it names none that is there."""
    for name in reversed(_IN_QUOTES.findall(message.partition(" of relation ")[0])):
        if found := re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", text, re.IGNORECASE):
            return found.start()
    return None


def _position_in(program: Program, number: int, diag: Diagnostic | None) -> int | None:
    if diag is None or not diag.internal_query or not diag.internal_position:
        return None
    return program.checks[number].place_in(diag.internal_query, int(diag.internal_position) - 1)


def least(answers: Iterable[Seen]) -> Seen:
    """The answer with the fewest problems: of several search paths, one is the application's. The first of equals."""
    best: Seen | None = None
    for answer in answers:
        if best is None or len(answer.problems) < len(best.problems):
            best = answer
        if not answer.problems:
            break
    return best or Seen()
