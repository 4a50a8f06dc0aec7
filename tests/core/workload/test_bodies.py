"""The bodies of functions: which breaks are seen, and which bodies raise no alarm."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from pg_deploy.ledger.kinds.workload import Effect, WorkloadFinding
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.workload.bodies import compare_bodies, new_and_broken, read_bodies

SHOP = """
create schema extensions;
create type public.state as enum ('new', 'paid', 'sent');
create table public.customers (id int primary key, name text not null, email text);
create table public.orders (
    id int primary key, customer_id int references public.customers, note text, total numeric(10, 2), status public.state,
    placed timestamptz default now(), tags text[]
);
create table public.audit (at timestamptz, what text);
create function public.taxed(amount numeric) returns numeric language sql immutable as 'select amount * 1.2';
create procedure public.tidy(days int) language plpgsql as 'begin end';
"""


@dataclass(frozen=True)
class Break:
    """A body, a migration that breaks it, and what the finding names."""

    name: str
    routine: str
    migration: str
    sqlstate: str
    token: str


def plpgsql(body: str, head: str = "function public.f() returns void") -> str:
    """A routine in PL/pgSQL."""
    return f"create {head} language plpgsql as $body$ {body} $body$"


NO_NOTE = "alter table public.orders drop column note"
RENAMED = "alter table public.orders rename column note to remark"
TRIGGER = "function public.f() returns trigger"
ON_ORDERS = "; create trigger t {when} on public.orders for each row execute function public.f()"
BREAKS = [
    Break("insert", plpgsql("begin insert into orders (id, note) values (1, 'x'); end"), NO_NOTE, "42703", "note"),
    Break(
        "select",
        plpgsql("declare n text; begin select note into n from orders where id = 1; end"),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break("update", plpgsql("begin update public.orders set note = 'x' where id = 1; end"), RENAMED, "42703", "note"),
    Break("delete", plpgsql("begin delete from orders where note is null; end"), RENAMED, "42703", "note"),
    Break(
        "returning",
        plpgsql("declare n text; begin insert into orders (id) values (1) returning note into strict n; end"),
        RENAMED,
        "42703",
        "note",
    ),
    Break(
        "if",
        plpgsql("begin if exists (select from orders o where o.note = 'x') then null; end if; end"),
        NO_NOTE,
        "42703",
        "o",
    ),
    Break(
        "elsif",
        plpgsql("begin if false then null; elsif (select max(note) from orders) = 'x' then null; end if; end"),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "while",
        plpgsql("begin while (select count(note) from orders) < 0 loop null; end loop; end"),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "case",
        plpgsql("begin case (select min(note) from orders) when 'a' then null; else null; end case; end"),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break("assignment", plpgsql("declare n int; begin n := count(note) from orders; end"), NO_NOTE, "42703", "note"),
    Break("default", plpgsql("declare n int := (select count(note) from orders); begin end"), NO_NOTE, "42703", "note"),
    Break(
        "for loop",
        plpgsql(
            "declare r record; begin for r in select id, note from orders loop raise notice '%', r.id; end loop; end"
        ),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "field of a record",
        plpgsql("declare r record; begin for r in select * from orders loop raise notice '%', r.note; end loop; end"),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break("field of a row", plpgsql("declare r public.orders; begin r.note := 'x'; end"), NO_NOTE, "42703", "note"),
    Break("perform", plpgsql("begin perform taxed(total) from orders where note = 'x'; end"), NO_NOTE, "42703", "note"),
    Break(
        "return query",
        plpgsql("begin return query select note from orders; end", "function public.f() returns setof text"),
        RENAMED,
        "42703",
        "note",
    ),
    Break(
        "result of a star",
        plpgsql(
            "begin return query select * from orders; end",
            "function public.f() returns table (a int, b int, c text, d numeric(10, 2), e public.state, f timestamptz, g text[])",
        ),
        "alter table public.orders add column more int",
        "42804",
        "",
    ),
    Break(
        "result of another type",
        plpgsql(
            "begin return query select o.id, o.note from orders o; end",
            "function public.f() returns table (a int, b text)",
        ),
        "alter table public.orders alter column id type bigint",
        "42804",
        "",
    ),
    Break(
        "return",
        plpgsql("begin return (select note from orders limit 1); end", "function public.f() returns text"),
        RENAMED,
        "42703",
        "note",
    ),
    Break(
        "cursor",
        plpgsql("declare c cursor (k int) for select note from orders where id = k; begin open c (1); close c; end"),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "loop over a cursor",
        plpgsql("declare c cursor for select * from orders; begin for r in c loop perform r.note; end loop; end"),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "fetched",
        plpgsql(
            "declare c cursor for select * from orders; r record; begin open c; fetch next from c into r; perform r.note; end"
        ),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "open for",
        plpgsql("declare c refcursor; begin open c for select note from orders; end"),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "record of returning",
        plpgsql(
            "declare r record; begin update orders o set id = 1 where id = 2 returning o.* into r; perform r.note; end"
        ),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "using",
        plpgsql("begin execute 'select $1' using (select note from orders limit 1); end"),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "raise",
        plpgsql("begin raise notice 'n %', (select note from orders limit 1) using hint = 'h'; end"),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "handler",
        plpgsql("begin null; exception when others then insert into audit (at, what) values (now(), sqlerrm); end"),
        "alter table public.audit drop column what",
        "42703",
        "what",
    ),
    Break(
        "nested block",
        plpgsql(
            "begin <<deep>> declare x int; begin x := 1; if true then loop"
            " insert into audit (what) values ('x'); exit; end loop; end if; end; end"
        ),
        "drop table public.audit",
        "42P01",
        "audit",
    ),
    Break(
        "new of a trigger",
        plpgsql("begin new.note := upper(new.note); return new; end", TRIGGER) + ON_ORDERS.format(when="before insert"),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "old of a trigger",
        plpgsql(
            "begin if old.note is distinct from new.note then insert into audit (what) values ('n'); end if; return null; end",
            TRIGGER,
        )
        + ON_ORDERS.format(when="after update"),
        RENAMED,
        "42703",
        "note",
    ),
    Break(
        "transition table",
        plpgsql("begin insert into audit (what) select note from new_rows; return null; end", TRIGGER)
        + "; create trigger t after insert on public.orders referencing new table as new_rows"
        " for each statement execute function public.f()",
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "gone table",
        plpgsql("begin insert into audit (what) values ('x'); end"),
        "drop table public.audit",
        "42P01",
        "audit",
    ),
    Break(
        "gone row type",
        plpgsql("declare r public.audit%rowtype; begin r.what := 'x'; end"),
        "drop table public.audit",
        "42P01",
        "audit",
    ),
    Break(
        "procedure",
        plpgsql("begin call public.tidy(3); end", "procedure public.p()"),
        "drop procedure public.tidy(int)",
        "42883",
        "public",
    ),
    Break(
        "enum label",
        plpgsql("begin update orders set status = 'sent'; end"),
        "alter type public.state rename value 'sent' to 'shipped'",
        "22P02",
        "'sent'",
    ),
    Break(
        "operator",
        plpgsql("declare n int; begin select id into n from orders where total > 10; end"),
        "alter table public.orders alter column total type text",
        "42883",
        ">",
    ),
    Break(
        "new column of a variable's name",
        plpgsql("declare region text := 'x'; begin update orders set note = region where id = 1; end"),
        "alter table public.orders add column region text",
        "42702",
        "region",
    ),
    Break(
        "temporary table from a table",
        plpgsql("begin create temp table x as select note from orders; insert into x values ('y'); end"),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break("truncate", plpgsql("begin truncate public.audit; end"), "drop table public.audit", "42P01", "public"),
    Break(
        "refresh",
        "create materialized view public.m as select 1 as a;"
        + plpgsql("begin refresh materialized view public.m; end"),
        "drop materialized view public.m",
        "42P01",
        "public",
    ),
    Break(
        "sql",
        "create function public.f() returns setof text language sql as 'select note from orders'",
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "sql that writes",
        "create function public.f(n text) returns void language sql as 'insert into orders (id, note) values (1, n)'",
        RENAMED,
        "42703",
        "note",
    ),
    Break(
        "polymorphic sql",
        "create function public.f(x anyelement, out y anyarray, out z int) returns setof record"
        " language sql as 'insert into audit (what) values (x::text) returning array[x], 1'",
        "alter table public.audit drop column what",
        "42703",
        "what",
    ),
    Break(
        "sql with its own path",
        "create schema app; create table app.things (a int); create function public.f() returns int language sql"
        " security definer set search_path = app as 'select a from things'",
        "alter table app.things rename to objects",
        "42P01",
        "things",
    ),
    Break(
        "own path",
        "create schema app; create table app.things (a int);"
        + plpgsql(
            "begin perform a from things; end",
            "function public.f() returns void security definer set search_path to app, pg_temp",
        ),
        "drop table app.things",
        "42P01",
        "things",
    ),
    Break(
        "argument by number",
        plpgsql("begin update orders set note = $2 where id = $1; end", "function public.f(int, text) returns void"),
        NO_NOTE,
        "42703",
        "note",
    ),
    Break(
        "polymorphic",
        plpgsql(
            "begin insert into audit (what) values (x::text); return x; end",
            "function public.f(x anyelement) returns anyelement",
        ),
        "alter table public.audit drop column what",
        "42703",
        "what",
    ),
    Break(
        "changed by the migration",
        plpgsql("begin insert into audit (what) values ('x'); end"),
        "create or replace function public.f() returns void language plpgsql as 'begin insert into audti (what) values (1); end'",
        "42P01",
        "audti",
    ),
    Break(
        "changed signature",
        plpgsql("begin insert into audit (what) values ('x'); end", "function public.f(a int) returns void"),
        "drop function public.f(int); create function public.f(a bigint) returns void"
        " language plpgsql as 'begin insert into audti (what) values (1); end'",
        "42P01",
        "audti",
    ),
]


def effects(
    connection: Connection, before: str, migration: str, with_extension: bool = True
) -> tuple[WorkloadFinding, ...]:
    """What is found when the migration runs."""
    connection.execute(f"{SHOP}; set search_path to public; {before}; set search_path to ''".encode())
    earlier = read_bodies(connection, with_extension=with_extension)
    connection.execute(f"set search_path to public; {migration}; set search_path to ''".encode())
    return compare_bodies(earlier, read_bodies(connection, with_extension=with_extension))


@pytest.mark.parametrize("planted", BREAKS, ids=lambda each: each.name)
def test_a_body_that_a_migration_breaks_is_named_with_the_word(workload_session: Connection, planted: Break) -> None:
    """Only its next call would tell, in production."""
    (finding,) = effects(workload_session, planted.routine, planted.migration)
    assert (finding.effect, finding.sqlstate, finding.token) == (Effect.BODY_BROKEN, planted.sqlstate, planted.token)
    assert finding.subject.startswith(("function public.f(", "procedure public.p("))
    if planted.token:
        assert finding.caret is not None
        assert finding.line[finding.caret :].startswith(planted.token)


def test_a_declaration_that_a_migration_breaks_is_named(workload_session: Connection) -> None:
    """The server keeps a compiled body for the session, so its own validator takes it further on."""
    (finding,) = effects(workload_session, plpgsql("declare n public.orders.note%type; begin n := 'x'; end"), NO_NOTE)
    # Before PostgreSQL 18 it is a syntax error at the percent sign.
    assert finding.sqlstate in {"42601", "42703"}


RIGHT = (Path(__file__).parent / "right_bodies.sql").read_text(encoding="utf-8")


def test_bodies_that_no_migration_touches_are_right_on_both_sides(workload_session: Connection) -> None:
    """An alarm for nothing teaches people to pass over alarms."""
    workload_session.execute(f"{SHOP}; set search_path to public; {RIGHT}; set search_path to ''".encode())
    before = read_bodies(workload_session)
    said = [(body.subject, body.problem.message if body.problem else body.reason) for body in before.values()]
    assert [each for each in said if each[1]] == []
    workload_session.execute(
        "alter table public.orders add column brand_new int; alter table public.audit add column by_whom text;"
        " create table public.fresh (a int)"
    )
    after = read_bodies(workload_session)
    assert before.keys() == after.keys()
    assert compare_bodies(before, after) == ()
    assert len(before) >= 40, "the bodies were not read"


def test_a_body_that_was_broken_before_is_no_finding(workload_session: Connection) -> None:
    """The migration is not to blame, also if it changes the body and leaves it broken."""
    broken = plpgsql("begin insert into nowhere values (1); end")
    changed = plpgsql("begin insert into nowhere_else values (1); end", "or replace function public.f() returns void")
    assert effects(workload_session, broken, NO_NOTE) == ()
    workload_session.execute("drop function public.f()")
    before = read_bodies(workload_session)
    workload_session.execute(broken.encode())
    after = read_bodies(workload_session)
    assert compare_bodies(before, after) == ()
    assert new_and_broken(before, after) == (
        'function public.f() is new, and not right: relation "nowhere" does not exist',
    )
    workload_session.execute(changed.encode())
    assert compare_bodies(after, read_bodies(workload_session)) == ()


def test_a_second_break_in_a_body_with_an_older_one_is_named(workload_session: Connection) -> None:
    """One dead branch in a body must not hide what happens to the others."""
    body = plpgsql("begin insert into nowhere values (1);\n  update orders set note = 'x'; end")
    (finding,) = effects(workload_session, body, NO_NOTE)
    assert (finding.line, finding.caret, finding.is_drop) == ("update orders set note = 'x'", 18, True)
    assert finding.sentence == (
        'function public.f() was right and is broken now: column "note" of relation "orders" does not exist'
    )


def test_an_argument_without_a_name_is_shown_as_it_is_written(workload_session: Connection) -> None:
    """Nobody has written the name that stands for it in our question."""
    body = plpgsql(
        "begin perform id from orders where id = $1 and note = $2; end", "function public.f(int, text) returns void"
    )
    (finding,) = effects(workload_session, body, NO_NOTE)
    assert finding.line == "id from orders where id = $1 and note = $2"
    assert finding.line[finding.caret :].startswith("note")


def test_the_search_path_under_which_a_body_is_right_is_the_one_that_counts(workload_session: Connection) -> None:
    """The roles of an API have another search_path than the role that migrates."""
    workload_session.execute(
        f"{SHOP}; create schema app; create table app.things (a int);"
        f" {plpgsql('begin perform a from things, orders; end')}".encode()
    )
    assert read_bodies(workload_session)["function public.f()"].problem is not None
    paths = ("public", "app, public")
    before = read_bodies(workload_session, paths)
    assert before["function public.f()"].problem is None
    workload_session.execute("alter table app.things rename to objects")
    (finding,) = compare_bodies(before, read_bodies(workload_session, paths))
    assert finding.token == "things"


def test_nothing_of_a_body_runs_and_nothing_stays(workload_session: Connection) -> None:
    """A copy on which a job was started by the question would prove nothing any more."""
    workload_session.execute(
        f"""{SHOP}; create sequence public.counter;
        create function public.noisy() returns int language plpgsql as $$
        declare a int := nextval('public.counter'); r record; o public.orders;
        begin
            a := nextval('public.counter'); perform nextval('public.counter'); call public.writes();
            insert into audit (what) values (nextval('public.counter')) returning * into r;
            for r in select nextval('public.counter') as a loop raise notice '%', nextval('public.counter'); end loop;
            select nextval('public.counter') as n into r; execute 'select nextval(''public.counter'')'; truncate audit;
            raise exception 'stop';
        end $$;
        create procedure public.writes() language plpgsql as $$
        begin perform setval('public.counter', 99); commit; insert into audit (what) values ('w'); end $$;
        create function public.rows() returns setof int language plpgsql as $$
        begin return query select nextval('public.counter')::int; end $$;
        insert into public.audit (what) values ('kept')""".encode()
    )
    read_bodies(workload_session, ("public",))
    state = workload_session.execute(
        "select (select is_called from public.counter), (select count(*) from public.audit),"
        " (select count(*) from pg_proc where proname like 'deploy_body%'), current_setting('session_replication_role'),"
        " current_setting('search_path')"
    ).fetchone()
    assert state == (False, 1, 0, "origin", '""')


def test_bodies_of_extensions_and_of_the_server_are_not_asked(workload_session: Connection) -> None:
    """Nobody can mend them in a migration, and there are thousands."""
    workload_session.execute("create schema e; create extension amcheck with schema e")
    assert read_bodies(workload_session) == {}


def test_thousands_of_bodies_are_read_in_one_session_soon(workload_session: Connection) -> None:
    """The question is asked twice for each migration."""
    workload_session.execute(
        f"""{SHOP}; do $do$ begin for n in 1..300 loop execute format($f$
        create function public.f%s(a int) returns int language plpgsql as $$
        declare r record; begin for r in select id, note from orders loop insert into audit (what) values (r.note); end loop;
        if a > %s then return a; end if; update orders set note = 'x' where id = a; return 1; end $$ $f$, n, n);
        end loop; end $do$""".encode()
    )
    began = time.monotonic()
    bodies = read_bodies(workload_session, ("public",))
    assert len(bodies) == 302
    # A tenth of this was measured; a connection for each body, or a plan, would take longer.
    assert time.monotonic() - began < 30


def test_the_bodies_of_a_supabase_project_are_right(demo_admin_url: str) -> None:
    """Its functions stand in several schemas, and some set an empty search_path."""
    with Target("demo", demo_admin_url).session("tests") as connection:
        before = read_bodies(connection)
        connection.execute("create table public.unrelated (id int)")
        after = read_bodies(connection)
    assert before
    assert [(each.subject, each.problem, each.reason) for each in before.values() if each.problem or each.reason] == []
    assert compare_bodies(before, after) == ()
