"""Measures. Each is one SQL file, and all return the same columns: `object text, value numeric, unit text, detail jsonb`.

The file's stem is the measure's name. `current_setting('monitor.before')::jsonb` holds the rows of the last run, so that a file
can return differences. `detail.cause` is the sentence of an alert about that row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from pg_deploy.configuration.own_files import MONITORS, own_files
from pg_deploy.ledger.others import reading_last_deployed
from pg_deploy.postgres.session import Connection, Target, one_line
from pg_deploy.postgres.sql_files import ENGINE, engine_text

ENGINE_MEASURES = ENGINE / "monitor" / "sql"
# The engine's measures that compare with what the last deployment left behind, whichever project's it was.
_SINCE_DEPLOYED = frozenset({"deleted_jobs", "dropped_by_hand"})
STATEMENT_TIMEOUT = "5s"
LOCK_TIMEOUT = "500ms"
COLUMNS = ("object", "value", "unit", "detail")
_NEEDED_ROLE = re.compile(r"^--\s*needs:\s*(\w+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """One thing that was measured. If its value is None, there is nothing to say about it yet."""

    object: str
    value: float | None
    unit: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For the ledger."""
        return {"object": self.object, "value": self.value, "unit": self.unit, "detail": dict(self.detail)}


@dataclass(frozen=True)
class Measured:
    """A measure's rows. `problem` is the sentence that says why there are none, or why they may not be all.

    `failed` is true if measuring went wrong, and false if this role may not see the thing or this server does not have it.
    """

    measure: str
    rows: tuple[Row, ...] = ()
    problem: str | None = None
    failed: bool = False


def rows_from_json(rows: Sequence[Mapping[str, Any]]) -> tuple[Row, ...]:
    """The rows as they were, read back from the ledger."""
    return tuple(Row(row["object"], row["value"], row["unit"], row["detail"]) for row in rows)


def measure_files(project: Path | None = None) -> tuple[Path, ...]:
    """The files of all measures, sorted by name: the engine's own, and those in the folder monitors of the project's own files.

    `project` is as in `own_files`.
    """
    own = own_files(project)
    theirs = (own / MONITORS).glob("*.sql") if own else ()
    return tuple(sorted((*ENGINE_MEASURES.glob("*.sql"), *theirs), key=lambda file: file.name))


def run_measure(connection: Connection, file: Path, before: Sequence[Row] = ()) -> Measured:
    """Run one file in a read-only transaction of its own, within five seconds.

    An error of the file's SQL is returned as the measure's problem. Raises only if the connection is lost.
    """
    name = file.stem
    text = file.read_text(encoding="utf-8")
    ours = file.parent == ENGINE_MEASURES
    try:
        connection.execute("begin read only")
        try:
            needed = _NEEDED_ROLE.search(text)
            problem = _prepare(connection, needed[1] if needed else None, before)
            if problem:
                return Measured(name, problem=problem)
            with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
                if ours and name in _SINCE_DEPLOYED:
                    with reading_last_deployed(connection):
                        cursor.execute(engine_text(text))
                else:
                    cursor.execute(engine_text(text) if ours else text.encode())
                columns = tuple(column.name for column in cursor.description or ())
                if columns != COLUMNS:
                    return Measured(
                        name, problem=f"its columns are {', '.join(columns)}, not {', '.join(COLUMNS)}", failed=True
                    )
                return Measured(name, tuple(_row(values) for values in cursor.fetchall()))
        finally:
            if not connection.closed:
                # Committed even after an error: the monitor must not add to the aborted transactions that it measures.
                connection.execute("commit")
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return explain_error(name, error)


def explain_error(name: str, error: psycopg.Error) -> Measured:
    """The measure that failed with this error of the server, with a sentence that says why it has no rows."""
    said = one_line(error.diag.message_primary or str(error))
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return Measured(name, problem=f"not visible to this role: {said}")
    if isinstance(
        error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedFunction | psycopg.errors.InvalidSchemaName
    ):
        return Measured(name, problem=f"not there: {said}")
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return Measured(name, problem="not measured: something that it reads is locked now; the next run looks again")
    if isinstance(error, psycopg.errors.QueryCanceled):
        return Measured(name, problem=f"not measured within {STATEMENT_TIMEOUT}: {said}", failed=True)
    return Measured(name, problem=said, failed=True)


@contextmanager
def monitor_session(target: Target, purpose: str = "monitor") -> Iterator[Connection]:
    """Open a session in which each statement gives up soon, so that a long lock in the target cannot hold up the monitor."""
    with target.session(purpose) as connection:
        connection.execute(
            "select set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),"
            # A busy database must not spend time on compiling our queries.
            " set_config('jit', 'off', false),"
            # All times are written in UTC, whatever time zone the database has.
            " set_config('TimeZone', 'UTC', false)",
            [STATEMENT_TIMEOUT, LOCK_TIMEOUT],
        )
        yield connection


def set_deadlines(connection: Connection) -> None:
    """Set the monitor's deadlines for the open transaction."""
    connection.execute(
        "select set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
        [STATEMENT_TIMEOUT, LOCK_TIMEOUT],
    )


def _prepare(connection: Connection, needed: str | None, before: Sequence[Row]) -> str | None:
    """Set the deadlines and the rows of the last run for the open transaction; why this role sees too little, or None."""
    row = connection.execute(
        """select
            set_config('statement_timeout', %(statement)s, true),
            set_config('lock_timeout', %(lock)s, true),
            set_config('monitor.before', %(before)s, true),
            current_user,
            %(needed)s::text is null
                or coalesce((select pg_has_role(r.oid, 'usage') from pg_catalog.pg_roles r where r.rolname = %(needed)s), true)
        """,
        {
            "statement": STATEMENT_TIMEOUT,
            "lock": LOCK_TIMEOUT,
            "before": json.dumps([each.as_json() for each in before]),
            "needed": needed,
        },
    ).fetchone()
    if row is None or row[4]:
        return None
    return f'not visible to role "{row[3]}": grant pg_monitor to it'


def _row(values: Sequence[Any]) -> Row:
    thing, value, unit, detail = values
    return Row(str(thing), None if value is None else float(value), str(unit), detail or {})
