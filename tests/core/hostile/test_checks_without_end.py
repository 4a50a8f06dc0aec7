"""A check that finds everything, or never ends, must not take the worker with it."""

from __future__ import annotations

import resource
import time

import psycopg

from pg_deploy.deployment.checks import SHOWN_ROWS, run_check
from pg_deploy.ledger.kinds.check import MOST_ROWS
from pg_deploy.migrations.migration import Query
from pg_deploy.parsing.statements import split_check


def _check(text: str) -> Query:
    return Query("check", text, split_check(text, file="check.sql"), writes=False)


def test_a_check_that_finds_300_000_rows_takes_little_memory(empty_database: str) -> None:
    """A wrong check on a large table killed the worker, just when it should have failed cleanly: 2.2 GB (seen)."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        result = run_check(
            connection,
            _check("select n, repeat('x', 2000) as t from generate_series(1, 300000) n"),
            on_copy=False,
            timeout_s=120,
        )
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert connection.execute("select 1").fetchone() == (1,)
    assert (result.outcome, result.found, len(result.rows)) == ("failed", MOST_ROWS + 1, SHOWN_ROWS)
    assert grown < 100 * 1024


def test_a_check_that_sets_its_limit_aside_is_ended_all_the_same(empty_database: str) -> None:
    """`set local statement_timeout = 0` ran for as long as it liked, with the migration applied and not verified."""
    started = time.monotonic()
    with psycopg.connect(empty_database, autocommit=True) as connection:
        result = run_check(
            connection, _check("set local statement_timeout = 0;\nselect pg_sleep(300)"), on_copy=False, timeout_s=1
        )
        assert connection.execute("select 1").fetchone() == (1,)
    assert result.outcome == "error"
    assert time.monotonic() - started < 200
