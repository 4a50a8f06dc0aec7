"""The extension plpgsql_check, if the server has it: it compares types that are only compared when a body runs.

It does not know some things that we see (TRUNCATE, REFRESH, tables that the body makes), so it is asked as well, not instead.
"""

from __future__ import annotations

import psycopg

from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import Connection, one_line
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.workload.body_answers import BodyAnswer, make_problem, message_of
from pg_deploy.workload.body_questions import settings_of, taken_back
from pg_deploy.workload.plpgsql_sql import names_any, temporary_names
from pg_deploy.workload.routines import Routine, TriggerTable

_SCHEMA = "deploy_plpgsql_check"
_ASK = """select c.sqlstate, c.message, c."position", c.query, c.lineno
from {function}(
    funcoid => {routine}, relid => {table}, fatal_errors => false, other_warnings => false, performance_warnings => false,
    extra_warnings => false, oldtable => %s, newtable => %s
) c
where c.level = 'error'
order by c.lineno, c.message"""


def begin_plpgsql_check(connection: Connection) -> str:
    """Make the extension ready, in a transaction that is rolled back. Returns its schema; "" if the server has no such extension."""
    row = connection.execute(
        """select n.nspname::pg_catalog.text
        from pg_catalog.pg_available_extensions a
        left join pg_catalog.pg_extension x on x.extname = a.name
        left join pg_catalog.pg_namespace n on n.oid = x.extnamespace
        where a.name = 'plpgsql_check'"""
    ).fetchone()
    if row is None or row[0]:
        return row[0] if row else ""
    connection.execute(f"create schema {_SCHEMA}; create extension plpgsql_check with schema {_SCHEMA}")
    return _SCHEMA


def ask_plpgsql_check(
    connection: Connection, schema: str, routine: Routine, path: str, table: TriggerTable | None
) -> BodyAnswer:
    """The errors that the extension names in a body; in a trigger function for one of its tables.

    If the extension itself fails, that is no error of the body.
    """
    old, new = table.transition if table else ("", "")
    question = _ASK.format(
        function=quote(schema, "plpgsql_check_function_tb"), routine=routine.oid, table=table.oid if table else 0
    )
    connection.execute(taken_back(settings_of(routine, path)).encode())
    try:
        found = connection.execute(question.encode(), [old or None, new or None]).fetchall()
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return BodyAnswer(reason=message_of(error.diag))
    lines = routine.source.split("\n")
    problems = []
    temporary = temporary_names(routine.source)
    for state, said, position, query, line in found:
        message = without_secrets(one_line(said))
        text = query or (lines[line - 1].strip() if line and line <= len(lines) else routine.source)
        if not names_any(f"{text} {message}", temporary):
            place = position - 1 if query and position else None
            problems.append(make_problem(text, state, message, place, by_extension=True))
    return BodyAnswer(tuple(problems))
