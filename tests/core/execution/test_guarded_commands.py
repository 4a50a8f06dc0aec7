"""Commands that PostgreSQL refuses because of how a file is run: each runs another way, is refused before, or gets a way out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from pg_deploy.execution.remedies import remedy
from pg_deploy.parsing.errors import TransactionControlError
from pg_deploy.parsing.statements import split

LIST = yaml.safe_load((Path(__file__).resolve().parents[2] / "cases" / "guarded_commands.yaml").read_text())
THINGS = """
create table guarded (id int primary key); insert into guarded values (1);
create table guarded_parts (id int) partition by range (id); create index guarded_parts_id on guarded_parts (id);
create table guarded_2024 partition of guarded_parts for values from (1) to (10);
create procedure guarded_commits() language plpgsql as $$ begin commit; end $$;
create function guarded_function() returns int language plpgsql as $$ begin commit; return 1; end $$;
create type guarded_kind as enum ('old');
create table guarded_parent (id int primary key); insert into guarded_parent values (1), (2);
create table guarded_child (parent int references guarded_parent deferrable initially deferred); insert into guarded_child values (1);
create materialized view guarded_unfilled as select 1 as id with no data;
create materialized view guarded_filled as select 1 as id;
create table guarded_viewed (id int); create view guarded_view as select id from guarded_viewed;
create table guarded_policed (id int); create policy p on guarded_policed using (id = 1);
create table guarded_nulls (id int); insert into guarded_nulls values (null);
"""


@pytest.mark.parametrize("case", LIST, ids=lambda case: case["command"])
def test_each_command_has_a_way(case: dict[str, Any]) -> None:
    """Else a file that works with psql stops half-way here, with nothing but the server's words."""
    if case["way"] == "refused":
        with pytest.raises(TransactionControlError):
            split(case["sql"], file="f")
    elif case["way"] == "alone":
        assert not split(case["sql"], file="f")[-1].transactional
    else:
        assert case["way"] == "message", "the tests below try those"


@pytest.fixture
def things(empty_database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(THINGS)
        yield connection


def test_every_refusal_of_the_server_gets_a_way_out(things: psycopg.Connection) -> None:
    """Else the person on call reads "invalid transaction termination" and looks for what is wrong with the file."""
    unmet = []
    for case in (case for case in LIST if case["way"] == "message"):
        *before, last = case["sql"].split("; ") if not case["sql"].startswith("do ") else [case["sql"]]
        if not case.get("outside"):
            things.execute("begin")
        try:
            for statement in before:
                things.execute(statement)
            things.execute(last)
            unmet.append(f"{case['command']}: no error")
        except psycopg.Error as error:
            if not remedy(error.sqlstate, error.diag.message_primary or "", last):
                unmet.append(f"{case['command']}: {error.sqlstate} {error.diag.message_primary}")
        if not case.get("outside"):
            things.execute("rollback")
    assert unmet == []


def test_every_refusal_in_a_do_block_gets_a_way_out(things: psycopg.Connection) -> None:
    """People write loops that build an index for each table: the way out is a statement for each in the file."""
    unmet = []
    for case in (case for case in LIST if case["way"] == "alone" and case.get("inside", True)):
        try:
            things.execute(f"do $do$ begin execute $sql${case['sql']}$sql$; end $do$")
            unmet.append(f"{case['command']}: no error")
        except psycopg.Error as error:
            if not remedy(error.sqlstate, error.diag.message_primary or "", case["sql"]):
                unmet.append(f"{case['command']}: {error.sqlstate} {error.diag.message_primary}")
    assert unmet == []


def test_an_unknown_error_gets_no_remedy() -> None:
    """A remedy for another error sends a person the wrong way."""
    assert remedy("42601", "syntax error", "select") == ""
    assert remedy("55006", 'database "a" is being accessed by other users', "drop database a") == ""
