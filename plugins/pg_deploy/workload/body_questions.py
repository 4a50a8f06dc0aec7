"""Asking the server about bodies, in a transaction that is rolled back. No statement of a body runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg.errors import Diagnostic

from pg_deploy.grammar.errors import ParseError
from pg_deploy.postgres.quoting import in_full, literal
from pg_deploy.postgres.session import Connection, one_line
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.workload.asking import TIMEOUT_MS
from pg_deploy.workload.body_answers import BodyAnswer, Problem, make_problem, problem_of
from pg_deploy.workload.plpgsql_program import LOOKED, Program, failed_checks
from pg_deploy.workload.plpgsql_reading import program_of
from pg_deploy.workload.plpgsql_text import UnreadableBodyError, numbers_again
from pg_deploy.workload.routines import Routine, TriggerTable

_UNKNOWN_RECORD = "55000"
"""A record has no row yet, so nobody knows its columns: that says nothing of the body."""
_SETTINGS_OF_NAMES = ("search_path", "plpgsql.variable_conflict")
_PLACED = 3
"""The place is asked for so many problems of a body: each takes another question."""
BEGIN = f"""begin; set local statement_timeout = {TIMEOUT_MS}; set local lock_timeout = {TIMEOUT_MS};
set local lc_messages = 'C'; set local client_min_messages = error; set local plpgsql.extra_errors = 'none';
set local plpgsql.extra_warnings = 'none'; set local check_function_bodies = off; set local session_replication_role = replica;
create function pg_temp.deploy_body() returns pg_catalog.void stable language plpgsql as 'begin end';
set local search_path to ''"""
"""What begins the transaction of the questions, which is to be rolled back. As in a replica, no trigger on commands fires."""
READY = "savepoint deploy_body"
"""What comes before the first question."""


@dataclass(frozen=True)
class ProgramInContext:
    """A program, with what the body may name from outside, what it returns rows of, and which tables it needs."""

    program: Program
    name: str = "deploy_command"
    declared: list[str] = field(default_factory=list)
    rows: str = ""
    tables: tuple[str, ...] = ()

    def question(self, *, bare: int | None = None) -> str:
        """The statements that make the program and call it; with `bare`, to see the error of one check alone."""
        body = self.program.function_body(self.name, self.declared, bare=bare)
        # The name is in use: the server forgets what it compiled before when the function is replaced.
        name, result = ("deploy_body_rows", self.rows) if self.rows else ("deploy_body", "pg_catalog.void")
        made = (
            f"create or replace function pg_temp.{name}() returns {result} stable language plpgsql as {literal(body)}"
        )
        called = f"select pg_catalog.count(*) from pg_temp.{name}()"  # noqa: S608 - one of two names of ours
        return "; ".join((*self.tables, made, called))


class Questions:
    """The questions of one transaction, after `BEGIN` and `READY`: each takes back the one before."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def about_sql(self, routine: Routine, path: str) -> BodyAnswer:
        """What the server says of a body in SQL, whose whole it analyses."""
        question = f"select pg_catalog.fmgr_sql_validator({routine.oid})"
        if routine.is_polymorphic:
            # The validator leaves such a body to its calls.
            question = f"set local check_function_bodies = on; {routine.with_plain_types('pg_temp.deploy_sql')}"
        refused = self._tried(question, settings_of(routine, path))
        return BodyAnswer((problem_of(refused, routine.source),)) if refused else BodyAnswer()

    def about_plpgsql(self, routine: Routine, path: str, table: TriggerTable | None) -> BodyAnswer:
        """What the server says of a body in PL/pgSQL and of each statement in it."""
        rows = routine.rows
        try:
            program = program_of(routine.source, returns_rows=bool(rows))
            asked = ProgramInContext(program, routine.name, routine.declared(table), rows, _transition_tables(table))
            seen = self.about_program(asked, settings_of(routine, path), routine.source)
        except (ParseError, UnreadableBodyError) as error:
            seen = BodyAnswer(reason=str(error))
        if not seen.reason:
            return seen
        refused = self._tried(f"select pg_catalog.plpgsql_validator({routine.oid})", settings_of(routine, path))
        return BodyAnswer((problem_of(refused, routine.source),)) if refused else seen

    def about_program(self, asked: ProgramInContext, settings: Mapping[str, str], source: str) -> BodyAnswer:
        """What the server says of the checks of a program, which was made of this source."""
        answer = self._tried(asked.question(), settings)
        if answer is None:
            return BodyAnswer(reason="nothing was answered")
        if answer.sqlstate != LOOKED:
            why = problem_of(answer, source)
            return BodyAnswer(reason=why.refusal.message, declarations=why)
        problems: list[Problem] = []
        for number, state, message in failed_checks(answer.message_detail):
            if state == _UNKNOWN_RECORD:
                continue
            check = asked.program.checks[number]
            again = self._tried(asked.question(bare=number), settings) if len(problems) < _PLACED else None
            place = None
            if again and again.internal_query and again.internal_position:
                place = check.place_in(again.internal_query, int(again.internal_position) - 1)
            if place is not None:
                place = len(numbers_again(check.text[:place]))
            shown = numbers_again(without_secrets(one_line(message)))
            problems.append(make_problem(numbers_again(check.text), state, shown, place))
        return BodyAnswer(tuple(problems))

    def _tried(self, question: str, settings: Mapping[str, str]) -> Diagnostic | None:
        """The server's refusal of a question; None if there is none. Raises if the connection is lost."""
        validates = "set local check_function_bodies = on; " if "_validator(" in question else ""
        try:
            self._connection.execute(f"{taken_back(settings)}; {validates}{question}".encode())
        except psycopg.Error as error:
            if self._connection.closed or self._connection.broken:
                raise
            return error.diag
        return None


def _transition_tables(table: TriggerTable | None) -> tuple[str, ...]:
    if table is None:
        return ()
    names = [in_full(name) for name in table.transition if name]
    return tuple(f"create temporary table {name} as table {table.name} with no data" for name in names)


def settings_of(routine: Routine, path: str) -> dict[str, str]:
    """What decides the names in a body: the routine's own settings before those of the session."""
    return {
        "search_path": path,
        **{name: routine.settings[name] for name in _SETTINGS_OF_NAMES if name in routine.settings},
    }


def taken_back(settings: Mapping[str, str]) -> str:
    """Statements that take back the question before, and choose these settings for the next."""
    chosen = (f"pg_catalog.set_config({literal(name)}, {literal(value)}, true)" for name, value in settings.items())
    return f"rollback to deploy_body; select {', '.join(chosen)}"
