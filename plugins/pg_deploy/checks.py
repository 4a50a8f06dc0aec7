"""Checks: queries that return what is wrong. No rows, no problem."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import psycopg

from pg_deploy.duration import format_duration
from pg_deploy.migrations.folder import PROJECT
from pg_deploy.migrations.migration import Query, read_text
from pg_deploy.parsing.statements import split_check
from pg_deploy.session import LOCK_TIMEOUT_S, Connection, aborted_transaction, one_line

SHOWN_ROWS = 20
_BUILT_IN = PROJECT / "sql" / "checks"


@dataclass(frozen=True)
class CheckResult:
    """What one check said; `rows` are the first findings as text, `found` counts all of them."""

    name: str
    outcome: str  # passed | failed | error | not run
    seconds: float = 0.0
    found: int = 0
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    error: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether nothing speaks against the migration; a check left for the rehearsal says nothing."""
        return self.outcome in ("passed", "not run")


@cache
def built_in_checks() -> tuple[Query, ...]:
    """The checks that every migration gets, with or without a companion."""
    found = []
    for path in sorted(_BUILT_IN.glob("*.sql")):
        text = read_text(path)
        found.append(Query(path.stem, text, split_check(text, file=path.name), writes=False))
    return tuple(found)


def run_checks(
    connection: Connection,
    checks: Sequence[Query],
    *,
    on_copy: bool,
    timeout_s: float,
    log: logging.Logger,
) -> tuple[CheckResult, ...]:
    """Run every check, also after the first failure, and log each with a tick or a cross.

    Each runs in a transaction of its own that is read only unless the check writes, and always aborted. `on_copy` says
    that this is a quiet copy, where the checks marked for the rehearsal run too.
    """
    results = []
    for check in checks:
        result = run_check(connection, check, on_copy=on_copy, timeout_s=timeout_s)
        log_result(result, log)
        results.append(result)
    return tuple(results)


def run_check(
    connection: Connection, check: Query, *, on_copy: bool, timeout_s: float, theirs: bool = True
) -> CheckResult:
    """Run one check in an aborted transaction; an error of its SQL is a result, not an exception.

    A check that is `theirs` finds its names as role and database say, one of ours in pg_catalog alone.

    Raises psycopg.OperationalError only when the connection itself is gone.
    """
    if check.rehearsal_only and not on_copy:
        return CheckResult(check.name, "not run", error="needs a rehearsal: exact only where nobody writes")
    started = time.monotonic()
    try:
        with aborted_transaction(
            connection, writes=check.writes, timeout_s=timeout_s, lock_timeout_s=LOCK_TIMEOUT_S, theirs=theirs
        ):
            cursor = connection.cursor()
            for statement in check.statements:
                cursor.execute(statement.sql.encode())
            findings = cursor.fetchmany(SHOWN_ROWS) if cursor.description else []
            columns = tuple(column.name for column in cursor.description or ())
            found = cursor.rowcount if cursor.description else 0
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return CheckResult(check.name, "error", time.monotonic() - started, error=one_line(str(error)))
    rows = tuple(tuple(_shown(value) for value in row) for row in findings)
    outcome = "failed" if found else "passed"
    return CheckResult(check.name, outcome, time.monotonic() - started, found, columns, rows)


def _shown(value: object) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 300 else text[:297] + "..."


def log_result(result: CheckResult, log: logging.Logger) -> None:
    """One line with a tick or a cross, and under a cross the rows that broke it."""
    sentence = result.name.replace("_", " ")
    if result.outcome == "passed":
        log.info("  ✓ %s (%s)", sentence, format_duration(result.seconds))
    elif result.outcome == "not run":
        log.info("  – %s: not run here, %s", sentence, result.error)
    elif result.outcome == "error":
        log.error("  ✗ %s: the check itself failed: %s", sentence, result.error)
    else:
        log.error("  ✗ %s: %d found (%s)", sentence, result.found, format_duration(result.seconds))
        log.error("      %s", " | ".join(result.columns))
        for row in result.rows:
            log.error("      %s", " | ".join(row))
        if result.found > len(result.rows):
            log.error("      … and %d more", result.found - len(result.rows))
