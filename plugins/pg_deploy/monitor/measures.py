"""Measures: one SQL file each, one row contract - `object text, value numeric, unit text, detail jsonb`.

The file's stem is the measure's name. A file may read `current_setting('monitor.before')::jsonb`: the rows of the run
before, so that it can give differences. `detail.cause` is the sentence of an alert about that row.
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

from pg_deploy.postgres.session import Connection, Target, one_line
from pg_deploy.postgres.sql_files import ENGINE, PROJECT

OURS = ENGINE / "monitor" / "sql"
_THEIRS = PROJECT / "sql" / "monitors"
STATEMENT_TIMEOUT = "5s"
LOCK_TIMEOUT = "500ms"
COLUMNS = ("object", "value", "unit", "detail")
_NEEDS = re.compile(r"^--\s*needs:\s*(\w+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """One thing measured; a value of None means that there is nothing to say about it yet."""

    object: str
    value: float | None
    unit: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For the ledger."""
        return {"object": self.object, "value": self.value, "unit": self.unit, "detail": dict(self.detail)}


@dataclass(frozen=True)
class Measured:
    """A measure's rows, or the sentence that says why there are none.

    `failed` tells what went wrong from what this role may not see or this server does not have.
    """

    measure: str
    rows: tuple[Row, ...] = ()
    problem: str | None = None
    failed: bool = False


def from_json(rows: Sequence[Mapping[str, Any]]) -> tuple[Row, ...]:
    """Rows back from the ledger."""
    return tuple(Row(row["object"], row["value"], row["unit"], row["detail"]) for row in rows)


def measure_files() -> tuple[Path, ...]:
    """The files of all measures, sorted by name: the engine's, and those of the project's folder sql/monitors."""
    return tuple(sorted((*OURS.glob("*.sql"), *_THEIRS.glob("*.sql")), key=lambda file: file.name))


def run_measure(connection: Connection, file: Path, before: Sequence[Row] = ()) -> Measured:
    """Run one file in a read-only transaction of its own, within five seconds.

    Never raises for what the file does; a lost connection is raised as it comes.
    """
    name = file.stem
    text = file.read_text(encoding="utf-8")
    try:
        connection.execute("begin read only")
        try:
            needed = _NEEDS.search(text)
            problem = _settle(connection, needed[1] if needed else None, before)
            if problem:
                return Measured(name, problem=problem)
            with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
                cursor.execute(text.encode())
                found = tuple(column.name for column in cursor.description or ())
                if found != COLUMNS:
                    return Measured(
                        name, problem=f"its columns are {', '.join(found)}, not {', '.join(COLUMNS)}", failed=True
                    )
                return Measured(name, tuple(_row(values) for values in cursor.fetchall()))
        finally:
            if not connection.closed:
                # Not rolled back: the monitor should not add to the aborted transactions that it measures.
                connection.execute("commit")
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return told(name, error)


def told(name: str, error: psycopg.Error) -> Measured:
    """What an error of the server says about a measure."""
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
    """A session whose every statement gives up soon: one long lock in the target must not hold the monitor."""
    with target.session(purpose) as connection:
        connection.execute(
            "select set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),"
            # A busy database must not wait for the compilation of our queries.
            " set_config('jit', 'off', false),"
            # All times that are written are UTC, wherever the database lives.
            " set_config('TimeZone', 'UTC', false)",
            [STATEMENT_TIMEOUT, LOCK_TIMEOUT],
        )
        yield connection


def bounded(connection: Connection) -> None:
    """Give the open transaction the monitor's deadlines."""
    connection.execute(
        "select set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
        [STATEMENT_TIMEOUT, LOCK_TIMEOUT],
    )


def _settle(connection: Connection, needed: str | None, before: Sequence[Row]) -> str | None:
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
