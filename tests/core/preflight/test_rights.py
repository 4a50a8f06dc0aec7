"""Tests of the rights that preflight reports as missing: each is confirmed by running the statement itself."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pg_deploy.parsing.syntax import FileStatement
from pg_deploy.preflight.rights.missing import missing_rights
from tests.core.preflight.conftest import Server


def file_statement(sql: str, line: int = 1) -> FileStatement:
    """One statement of a migration."""
    return FileStatement("20251118000000_x.sql", sql, line, "a statement")


@pytest.fixture
def deployer(server: Server) -> Iterator[psycopg.Connection]:
    with server.connect("deployer") as connection:
        yield connection


MISSING = [
    ("alter table auth.users add column x int", '"auth.users"'),
    ("alter table public.foreign_owned drop column note", '"public.foreign_owned"'),
    ("alter table foreign_owned drop column note", '"public.foreign_owned"'),
    ("create index on auth.users (email)", '"auth.users"'),
    ("create index concurrently i on public.foreign_owned (note)", '"public.foreign_owned"'),
    ("create policy p on public.foreign_owned using (true)", '"public.foreign_owned"'),
    ("alter policy all_rows on public.hidden using (false)", '"public.hidden"'),
    ("drop policy all_rows on public.hidden", '"public.hidden"'),
    ("create trigger t before insert on auth.users for each row execute function public.tg()", '"auth.users"'),
    ("drop table public.foreign_owned", '"public.foreign_owned"'),
    ("drop view if exists public.seen", '"public.seen"'),
    ("comment on table auth.users is 'x'", '"auth.users"'),
    ("comment on column auth.users.email is 'x'", '"auth.users"'),
    ("alter table auth.users rename column email to mail", '"auth.users"'),
    ("alter table auth.users rename to people", '"auth.users"'),
    ("create table auth.more (id int)", 'schema "auth"'),
    ("create view auth.more as select 1", 'schema "auth"'),
    ("create type auth.mood as enum ('ok')", 'schema "auth"'),
    ("create function auth.f() returns int language sql as 'select 1'", 'schema "auth"'),
    ("create or replace view public.seen as select 1 as one", '"public.seen"'),
    (
        "create or replace function public.touch(x int, text) returns int language sql as 'select 2'",
        'function "public"',
    ),
    ("drop function public.touch(int, text)", 'function "public"'),
    ("alter function public.touch(int, text) stable", 'function "public"'),
    ("create table public.n (id int references public.foreign_owned (id))", '"public.foreign_owned"'),
    ("alter table public.own add foreign key (id) references auth.users", '"auth.users"'),
    ("select * from vault.secrets", 'schema "vault"'),
    ("alter table vault.secrets add x int", 'schema "vault"'),
    ("with a as (select 1) insert into public.foreign_owned select * from a", '"public.foreign_owned"'),
    ("update auth.users set email = ''", '"auth.users"'),
    ("delete from auth.users", '"auth.users"'),
    ("truncate auth.users", '"auth.users"'),
    ("refresh materialized view public.figures", '"public.figures"'),
    ("alter system set work_mem = '1MB'", 'parameter "work_mem"'),
    ("set session_replication_role = replica", 'parameter "session_replication_role"'),
    ("set role supabase_admin", 'role "supabase_admin"'),
    ("alter table public.own owner to supabase_admin", 'role "supabase_admin"'),
    ("alter default privileges for role supabase_admin grant all on tables to anon", 'role "supabase_admin"'),
    ("create extension dblink", 'extension "dblink"'),
    ("select closed.secret()", 'function "closed.secret"'),
    ("grant select on public.closed_table to anon", '"public.closed_table"'),
    ("drop schema auth", 'schema "auth"'),
    ("create event trigger e on ddl_command_end execute function public.tg()", "event trigger e"),
    ("alter type public.kind add value 'b'", 'type "public.kind"'),
    ("drop type public.kind", 'type "public.kind"'),
    ("alter sequence public.counter restart", '"public.counter"'),
    ("reindex table public.foreign_owned", '"public.foreign_owned"'),
    ("create statistics public.st on id, note from public.foreign_owned", '"public.foreign_owned"'),
    ("alter database app set work_mem = '1MB'", 'database "app"'),
]
EXTRA = """
create materialized view public.figures as select 1 as one;
create schema closed;
grant usage on schema closed to deployer;
create function closed.secret() returns int language sql as 'select 1';
revoke execute on function closed.secret() from public;
create table public.closed_table (id int);
create function public.tg() returns trigger language plpgsql as 'begin return new; end';
create schema drop_box;
grant create on schema drop_box to deployer;
create type public.kind as enum ('a');
create sequence public.counter owned by none;
"""


@pytest.fixture(scope="module", autouse=True)
def extra(server: Server) -> None:
    with server.connect() as connection:
        connection.execute(EXTRA)


def server_refuses(connection: psycopg.Connection, sql: str) -> bool:
    """Whether the server itself refuses `sql` for want of a right; nothing remains of it."""
    try:
        if sql.startswith("alter system"):  # not in a transaction
            connection.execute(sql)
        with connection.transaction(force_rollback=True):
            connection.execute(sql.replace("concurrently ", ""))
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


@pytest.mark.parametrize(("sql", "named"), MISSING)
def test_a_right_that_is_missing_is_named(deployer: psycopg.Connection, sql: str, named: str) -> None:
    """Else the deployment fails half way, with the statements before it already applied."""
    found = missing_rights(deployer, [file_statement(sql)])
    assert found[0].object.startswith(named)
    assert found[0].sentence.startswith("20251118000000_x.sql line 1: ")
    assert '"deployer"' in found[0].sentence
    assert server_refuses(deployer, sql), "the server allows it"


ALLOWED = [
    "alter table public.own add column x int references public.own (id)",
    "create index concurrently i on public.own (note)",
    "create policy p on public.own using ((select auth.uid()) = owner_id)",
    "create table public.n (id int primary key)",
    "create or replace function public.mine() returns int language sql as 'select 2'",
    "create or replace function public.touch(a text) returns int language sql as 'select 2'",
    "select email from auth.users",
    "create materialized view public.m as select id, note from public.own with data",
    "with seen as (select 1 as x) select * from seen",
    "select auth.uid()",
    "insert into public.own (id) select 1 on conflict do nothing",
    "set statement_timeout = '5s'",
    "set role authenticated",
    "create schema private",
    "create extension citext",
    "create extension if not exists plpgsql",
    "create role clerk nologin",
    "grant select on public.own to anon",
    "grant select on auth.users to anon",
    "revoke all on public.own from anon, public",
    "comment on function public.mine() is 'x'",
    "drop table if exists public.absent",
    "alter table if exists public.absent add column x int",
    "drop trigger if exists absent on auth.users",
    "create table drop_box.n (id int)",
    "create or replace view drop_box.v as select 1 as x",
    "do $$begin perform 1; end$$",
    "create temporary table scratch (id int)",
    "alter default privileges in schema public grant select on tables to anon",
    "create type public.other as (a int)",
    "notify x",
    "lock table public.own",
]


@pytest.mark.parametrize("sql", ALLOWED)
def test_what_the_server_allows_is_never_reported(deployer: psycopg.Connection, sql: str) -> None:
    """A false refusal would stop a migration that works, and nobody could get past it."""
    assert not server_refuses(deployer, sql)
    assert missing_rights(deployer, [file_statement(sql)]) == ()


DOUBTFUL = [
    ["set role authenticated", "alter table auth.users add x int"],
    ["set search_path = private", "alter table foreign_owned add x int"],
    ["select pg_catalog.set_config('search_path', '', false)", "alter table foreign_owned add x int"],
    ["set search_path = private", "alter type kind add value 'b'"],
    ["grant supabase_admin to deployer", "alter table auth.users add x int"],
    ["create table public.foreign_owned (id int)", "alter table public.foreign_owned add x int"],
    ["create schema later", "create table later.t (id int)", "create index on later.t (id)"],
    ["this is not sql", "create widget x", ""],
    ["grant insert on auth.users to deployer", "insert into auth.users default values"],
]


@pytest.mark.parametrize("statements", DOUBTFUL)
def test_what_an_earlier_statement_makes_uncertain_is_not_reported(
    deployer: psycopg.Connection, statements: list[str]
) -> None:
    """The pending set is judged as a whole: what its first statements make, its later ones may use."""
    assert missing_rights(deployer, [file_statement(each) for each in statements]) == ()


def test_a_superuser_lacks_nothing(server: Server) -> None:
    """A self-hosted project may deploy as the superuser."""
    with server.connect() as connection:
        assert missing_rights(connection, [file_statement(sql) for sql, _ in MISSING]) == ()


def test_one_right_is_reported_once_with_the_first_line_that_needs_it(deployer: psycopg.Connection) -> None:
    """Forty statements on one table must not make forty lines of the same refusal."""
    statements = [
        file_statement("alter table auth.users add a int", line=3),
        file_statement("alter table auth.users add b int", line=9),
    ]
    found = missing_rights(deployer, statements)
    assert [(each.line, each.right) for each in found] == [(3, "ownership")]


def test_who_grants_is_told_to_ask_for_the_grant_option(deployer: psycopg.Connection) -> None:
    """An administrator pastes the remedy: it has to be SQL."""
    (missing,) = missing_rights(deployer, [file_statement("grant select on public.closed_table to anon")])
    assert missing.sentence.endswith('grant all on public.closed_table to "deployer" with grant option')
