"""What no snapshot of a database holds is named by its undo, and never covered by "as before"."""

from __future__ import annotations

import pytest

from pg_deploy.rollback.beyond_the_database import find_left_alone

OTHER = 'database "other"'
NAMED = {
    "alter system set work_mem = '64MB'": "settings of the server",
    "alter system reset all": "settings of the server",
    "alter database other set work_mem = '64MB'": OTHER,
    "alter role reader in database other set work_mem = '64MB'": OTHER,
    "alter database other connection limit 7": OTHER,
    "alter database other owner to reader": OTHER,
    "alter database other rename to third": OTHER,
    "grant create on database app, other to reader": OTHER,
    "comment on database other is 'x'": OTHER,
    "create database other": OTHER,
    "drop database if exists other": OTHER,
    "select pg_create_logical_replication_slot('s', 'pgoutput')": "replication slots",
    "select pg_catalog.pg_drop_replication_slot('s')": "replication slots",
    "select extensions.dblink_exec('dbname=x', 'drop table t')": "what another server holds",
}


@pytest.mark.parametrize("statement", NAMED)
def test_what_lies_outside_of_the_database_is_named_with_its_line(statement: str) -> None:
    """Else "the database is as before" is read as "nothing is left of it"."""
    (said,) = find_left_alone(f"select 1;\n{statement};", None, "app")
    assert said.startswith(f"{NAMED[statement]}, which line 2 changed: ")


@pytest.mark.parametrize(
    "statement",
    [
        "alter database app set work_mem = '1MB'",
        "alter role r set work_mem = '1MB'",
        "grant create on database app to r",
    ],
)
def test_what_the_snapshot_holds_is_not_named(statement: str) -> None:
    """Those come back, and are compared."""
    assert find_left_alone(statement, None, "app") == ()


def test_what_a_written_rollback_takes_back_is_not_named() -> None:
    """Its author thought of it."""
    assert find_left_alone("alter system set work_mem = '1MB'", "alter system reset work_mem", "app") == ()
    assert find_left_alone("alter system set work_mem = '1MB'", "drop table t", "app") != ()


def test_large_objects_count_whoever_wrote_them() -> None:
    """A function's body shows nothing of them to the text."""
    wrote = {"pg_catalog.pg_largeobject": {"updated": 1, "inserted": 2}}
    assert find_left_alone("select f()", None, "app", wrote) == ("large objects that were inserted and updated",)
    assert find_left_alone("select f()", "select lo_unlink(12)", "app", wrote) == ()
