"""The errors of pg_restore, read from the output that several of its jobs write at the same time."""

from __future__ import annotations

import pytest

from pg_deploy.backup.restore import errors_in

MEMBER = 'could not execute query: ERROR:  must be member of role "admin"\nCommand was: ALTER DEFAULT PRIVILEGES …;\n'
OTHER = (
    "could not execute query: ERROR:  schema \"a\" does not exist\nCommand was: COMMENT ON SCHEMA a IS 'error: none';\n"
)
BOTH = ('must be member of role "admin"', 'schema "a" does not exist')
END = "pg_restore: warning: errors ignored on restore: {}\n"


@pytest.mark.parametrize(
    "said",
    [
        f"pg_restore: error: {MEMBER}pg_restore: error: {OTHER}",
        f"pg_restore: while PROCESSING TOC:\npg_restore: from TOC entry 1; 2 3 X\npg_restore: error: {MEMBER}pg_restore: error: {OTHER}",
        # seen in a test that failed once in twenty runs
        f"pg_restore: error: pg_restore:{MEMBER} error: {OTHER}",
        f"pg_restore:pg_restore:  error: error: {MEMBER}{OTHER}",
        f"pg_restore: pg_restore: error: {MEMBER}error: {OTHER}",
    ],
)
def test_errors_are_read_whatever_stands_between_them(said: str) -> None:
    """If an expected error is not recognised, a deployment stops for nothing; if an unexpected one is missed, that is worse."""
    assert errors_in(said + END.format(2), jobs=1) == BOTH
    assert errors_in(said + END.format(4), jobs=2) == BOTH


def test_errors_outside_of_queries_are_reported_as_they_are() -> None:
    """A connection that failed, or rows that did not go in."""
    alone = 'pg_restore: error: connection to server at "x" failed\n'
    assert errors_in(alone, jobs=1) == ('connection to server at "x" failed',)
    mixed = f"pg_restore:pg_restore: error:  error: {MEMBER}COPY failed for table t: ERROR:  disk full\n{END.format(4)}"
    assert errors_in(mixed, jobs=2) == (BOTH[0], "COPY failed for table t: ERROR:  disk full")


@pytest.mark.parametrize(("jobs", "counted"), [(1, 2), (2, 4)])
def test_an_error_that_was_counted_and_cannot_be_read_is_not_lost(jobs: int, counted: int) -> None:
    """Else the copy would lack something, and nobody would know."""
    said = f"pg_restore:pg_restore: error:  error: {MEMBER}out of memory\n{END.format(counted)}"
    first, more = errors_in(said, jobs=jobs)
    assert first == BOTH[0]
    assert more.startswith(f"{counted} errors were counted, 1 can be read: ")
    assert "out of memory" in more


def test_warnings_alone_are_no_errors() -> None:
    """They stand in every second restore."""
    assert errors_in("pg_restore: warning: restoring tables WITH OIDS is not supported anymore\n", jobs=2) == ()
