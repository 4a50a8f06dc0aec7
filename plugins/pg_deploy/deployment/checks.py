"""Checks: queries that return what is wrong. No rows, no problem."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import islice

import psycopg
from psycopg.rows import TupleRow

from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger.kinds.check import MOST_ROWS, CheckOutcome, CheckResult
from pg_deploy.migrations.migration import Query
from pg_deploy.migrations.text_files import read_text
from pg_deploy.parsing.statements import Statement, split_check
from pg_deploy.postgres.session import LOCK_TIMEOUT_S, Connection, aborted_transaction, one_line
from pg_deploy.postgres.sql_files import ENGINE
from pg_deploy.presentation.secrecy import is_secret_name, without_secrets

SHOWN_ROWS = 20
_BUILT_IN = ENGINE / "deployment" / "sql" / "checks"
_GRACE_S = 1.0


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
    connection: Connection, check: Query, *, on_copy: bool, timeout_s: float, built_in: bool = False
) -> CheckResult:
    """Run one check in an aborted transaction; an error of its SQL is a result, not an exception.

    Names mean what they mean to role and database. A check that is `built_in` needs no such names, and keeps all its rows,
    because those before a migration are compared with those after it.

    Raises psycopg.OperationalError only when the connection itself is gone.
    """
    if check.rehearsal_only and not on_copy:
        return CheckResult(check.name, CheckOutcome.NOT_RUN, error="needs a rehearsal: exact only where nobody writes")
    started = time.monotonic()
    try:
        with (
            aborted_transaction(
                connection,
                writes=check.writes,
                timeout_s=timeout_s,
                lock_timeout_s=LOCK_TIMEOUT_S,
                role_search_path=not built_in,
            ),
            _ended_after(connection, timeout_s),
        ):
            for statement in check.statements[:-1]:
                connection.execute(statement.sql.encode())
            columns, findings, found = _findings(connection, check.statements[-1], keep_all=built_in)
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        said = without_secrets(one_line(str(error)))
        return CheckResult(check.name, CheckOutcome.ERROR, time.monotonic() - started, error=said)
    rows = tuple(tuple(_cell(*each) for each in zip(columns, row, strict=True)) for row in findings)
    outcome = CheckOutcome.FAILED if found else CheckOutcome.PASSED
    return CheckResult(check.name, outcome, time.monotonic() - started, found, columns, rows)


def _findings(
    connection: Connection, last: Statement, *, keep_all: bool
) -> tuple[tuple[str, ...], list[TupleRow], int]:
    """Columns, first rows (or all) and number of what the last statement found; of a query no more is fetched than is counted."""
    cursor = connection.cursor()
    if last.kind == "select":
        rows = list(islice(cursor.stream(last.sql.encode()), None if keep_all else MOST_ROWS + 1))
        shown = rows if keep_all else rows[:SHOWN_ROWS]
        return tuple(column.name for column in cursor.description or ()), shown, len(rows)
    cursor.execute(last.sql.encode())
    columns = tuple(column.name for column in cursor.description or ())
    return columns, cursor.fetchmany(SHOWN_ROWS) if columns else [], cursor.rowcount if columns else 0


@contextmanager
def _ended_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Cancels what is running once the time is over, again and again: a check may have set the server's own limit aside."""
    over = threading.Event()

    def end() -> None:
        wait = seconds + _GRACE_S
        while not over.wait(wait):
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=5)
            wait = 1.0

    watch = threading.Thread(target=end, name="pg_deploy check's limit", daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join(timeout=10)


def _cell(column: str, value: object) -> str:
    return "***" if value is not None and is_secret_name(column) else without_secrets(_shown(value))


def _shown(value: object) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 300 else text[:297] + "..."


def log_result(result: CheckResult, log: logging.Logger) -> None:
    """One line with a tick or a cross, and under a cross the rows that broke it."""
    sentence = result.name.replace("_", " ")
    # A match without an end for others: mypy names an outcome that has no line here.
    match result.outcome:
        case CheckOutcome.PASSED:
            log.info("  ✓ %s (%s)", sentence, format_duration(result.seconds))
        case CheckOutcome.NOT_RUN:
            log.info("  – %s: not run here, %s", sentence, result.error)
        case CheckOutcome.ERROR:
            log.error("  ✗ %s: the check itself failed: %s", sentence, result.error)
        case CheckOutcome.FAILED:
            log.error("  ✗ %s: %s found (%s)", sentence, result.number, format_duration(result.seconds))
            log.error("      %s", " | ".join(result.columns))
            for row in result.rows:
                log.error("      %s", " | ".join(row))
            if result.found > len(result.rows):
                more = result.found - len(result.rows)
                log.error(
                    "      … and %s", f"{more} more" if result.found <= MOST_ROWS else "more: the first are enough"
                )
