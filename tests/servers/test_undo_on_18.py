"""The rollback generator on PostgreSQL 18, which keeps more of a NOT NULL, of memberships and of rights."""

from __future__ import annotations

import psycopg
import pytest

from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.reader import read_facts
from pg_deploy.rollback.generator.generate import generate_rollback
from tests.core.rollback.generator.cases import ON_18
from tests.core.rollback.generator.test_generated_rollback import BASE, dump, run
from tests.servers.server import Server

GENERATED = {
    "expression changed": "alter table shop.generated alter column g set expression as (a * 3)",
    "type of a generated column": "alter table shop.generated alter column g type smallint",
    "type and expression": "alter table shop.generated alter column g type bigint;"
    " alter table shop.generated alter column g set expression as (a + 1)",
    "virtual expression": "alter table shop.generated alter column v set expression as (a * 5)",
    "not null validated": "alter table shop.generated validate constraint b_there",
    "not null dropped": "alter table shop.generated alter column c drop not null",
}


@pytest.mark.acceptance
@pytest.mark.parametrize("name", [*ON_18, *GENERATED])
def test_what_18_keeps_otherwise_is_undone_to_equal_facts_and_an_equal_dump(newer: Server, name: str) -> None:
    """Else everyday migrations cannot be undone on the newest server, and a failed check leaves it between two states."""
    migration = {**ON_18, **GENERATED}[name]
    with psycopg.connect(newer.admin_url("postgres"), autocommit=True) as admin:
        admin.execute("drop database if exists undo with (force)")
        admin.execute("create database undo owner postgres")
        admin.execute("drop role if exists undo_auditor, undo_member")
    with psycopg.connect(newer.admin_url("undo"), autocommit=True) as admin:
        admin.execute("create schema extensions; grant usage, create on schema extensions to postgres")
    with psycopg.connect(newer.url("undo"), autocommit=True) as connection:
        connection.execute(BASE.encode())
        connection.execute(
            "create table shop.generated (a integer, b text, c text constraint c_there not null,"
            " g integer generated always as (a * 2) stored, v integer generated always as (a * 4) virtual);"
            " alter table shop.generated add constraint b_there not null b not valid;"
            " insert into shop.generated (a, b, c) values (1, 'b', 'c')"
        )
        before, schema = read_facts(connection, objects="all"), dump(newer.bindir, newer.admin_url("undo"))
        run(connection, migration)
        after = read_facts(connection, objects="all")
        assert compare(before, after), "the fixture changes nothing"
        generated = generate_rollback(before, after, migration_sql=migration)
        assert not generated.refusals, generated.refusals
        try:
            run(connection, generated.sql)
        except psycopg.Error as error:
            pytest.fail(f"{error}\n{generated.sql}", pytrace=False)
        left = describe(compare(before, read_facts(connection)))
        assert not left, "\n".join((*left, generated.sql))
        assert dump(newer.bindir, newer.admin_url("undo")) == schema, generated.sql
