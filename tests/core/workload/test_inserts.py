"""Rows that are refused since a migration: which of the recorded inserts leave out what must be given now."""

from __future__ import annotations

import psycopg
import pytest

from pg_deploy.catalog.diff import compare
from pg_deploy.catalog.reader import read_facts
from pg_deploy.ledger.kinds.workload import Effect
from pg_deploy.postgres.session import Connection
from pg_deploy.workload.asking import Form
from pg_deploy.workload.body_inserts import body_inserts
from pg_deploy.workload.inserts import new_demands

_TABLES = """
    create domain plan as text default 'free';
    create domain code as text;
    create table users (id int primary key, email text not null, active boolean not null default true, plan text, code code);
    create table parts (id int, at int not null default 1) partition by range (id);
    create view active_users as select id, email as mail, active from users where active;
    create view named_users as select id as number, mail from active_users;
    create view defaulted as select id, active from users;
    alter view defaulted alter active set default true;
    create view own_way as select id from users;
    create function own_way() returns trigger language plpgsql as 'begin return new; end';
    create trigger own_way instead of insert on own_way for each row execute function own_way();
"""
_NO_DEFAULT = "alter table users alter active drop default"


@pytest.mark.parametrize(
    "text",
    [
        "insert into users (id, email) values ($1, $2)",
        "insert into users values ($1, $2)",
        "insert into users (id, email, active) values ($1, $2, default)",
        "insert into users (id, email, active) values ($1, $2, $3), ($4, $5, default)",
        "insert into users select $1, $2",
        "insert into users (id, email) select $1, $2 returning *",
        "insert into active_users (id, mail) values ($1, $2)",
        "insert into active_users values ($1, $2)",
        "insert into named_users (number, mail) values ($1, $2)",
        "with new as (insert into users (id, email) values ($1, $2) returning id) select id from new",
        "merge into users u using (select $1 as id) v on u.id = v.id when matched then delete"
        " when not matched then insert (id, email) values (v.id, $2)",
        "merge into users u using (select $1 as id) v on u.id = v.id when not matched then insert values (v.id, $2, default)",
    ],
)
def test_an_insert_that_leaves_out_what_must_be_given_now_is_refused(workload_session: Connection, text: str) -> None:
    """Else the application's inserts fail in production, each in the way that its library writes them."""
    assert _left_out(workload_session, _NO_DEFAULT, text) == (("public", "users"), ("active",))
    assert _is_refused(workload_session, text) == "23502"


@pytest.mark.parametrize(
    "text",
    [
        "insert into users (id, email, active) values ($1, $2, $3)",
        "insert into users values ($1, $2, $3)",
        "insert into users select $1, $2, true",
        "insert into active_users (id, mail, active) values ($1, $2, $3)",
        "insert into own_way (id) values ($1)",
        "insert into users values (($1::users).*)",
        "insert into users select ($1::users).*",
        "update users set email = $1",
        "merge into users u using (select 1 as id) v on u.id = v.id when matched then update set email = $1",
    ],
)
def test_an_insert_that_gives_it_is_not(workload_session: Connection, text: str) -> None:
    """Else a migration that hurts nobody fails its rehearsal."""
    assert _left_out(workload_session, _NO_DEFAULT, text) is None


def test_a_default_of_the_view_gives_the_value(workload_session: Connection) -> None:
    """Else an insert through the view that is right is said to be refused: the view fills the column by itself."""
    assert _left_out(workload_session, _NO_DEFAULT, "insert into defaulted (id) values ($1)") is None


def test_a_domain_gives_and_asks_for_values_as_a_column_does(workload_session: Connection) -> None:
    """Else a column with a domain's default is a false alarm, and a domain that is NOT NULL since the migration is missed."""
    text = "insert into users (id, email) values ($1, $2)"

    assert _left_out(workload_session, "alter table users add tariff plan not null", text) is None
    assert _is_refused(workload_session, text) == ""
    workload_session.execute("drop schema public cascade; create schema public")
    assert _left_out(workload_session, "alter domain code set not null", text) == (("public", "users"), ("code",))
    assert _is_refused(workload_session, text) == "23502"


def _left_out(session: Connection, migration: str, text: str) -> tuple[tuple[str, str], tuple[str, ...]] | None:
    session.execute("set search_path = public")
    session.execute(_TABLES.encode())
    before = read_facts(session)
    session.execute(migration.encode())
    after = read_facts(session)
    return new_demands(compare(before, after), before, after).left_out(Form(text, '"$user", public'), "app")


def _is_refused(session: Connection, text: str) -> str:
    """The server's own word: SQLSTATE of the statement with values, "" if it takes it."""
    values = text
    for number, value in enumerate(("7", "'m@example.org'", "true", "8", "'n@example.org'"), start=1):
        values = values.replace(f"${number}", value)
    try:
        with session.transaction(force_rollback=True):
            session.execute(values.encode())
    except psycopg.Error as error:
        return error.sqlstate or ""
    return ""


_BODIES = """
    create table noted (what text, at timestamptz not null default now());
    create schema other;
    create table other.noted (what text, at timestamptz);
    create function unqualified_in_one_place() returns trigger language plpgsql as
        $$ begin if tg_op = 'INSERT' then insert into users (id, email) values (new.id, $1); end if; return new; end $$;
    create function leaves_out() returns trigger language plpgsql as
        $$ declare it text; begin insert into public.noted (what) values (tg_op) returning what into it; return null; end $$;
    create procedure leaves_out_too() language sql set search_path = public, other as 'insert into noted values (1)';
    create function gives() returns void language plpgsql as
        $$ declare r public.noted; begin insert into public.noted values (r.*); insert into public.noted values ('x', now()); end $$;
    create function elsewhere() returns void language plpgsql set search_path = other as
        $$ begin insert into noted (what) values ('x'); end $$;
    create function nobody_knows_where() returns void language plpgsql as $$ begin insert into noted (what) values ('x'); end $$
"""


def test_a_body_that_inserts_without_what_must_be_given_now_is_named(workload_session: Connection) -> None:
    """Else every write of a table whose trigger keeps an audit fails, and no statement of the application shows why."""
    workload_session.execute("set search_path = public")
    workload_session.execute(_TABLES.encode())
    workload_session.execute(_BODIES.encode())
    before = read_facts(workload_session)
    workload_session.execute(
        "alter table noted alter at drop default; alter table users add plan_id int not null default 1;"
        " alter table users alter plan_id drop default"
    )
    after = read_facts(workload_session)

    found = list(body_inserts(new_demands(compare(before, after), before, after), before, after))

    assert [(each.subject, each.objects) for each in found] == [
        ("function public.leaves_out()", ("public.noted.at",)),
        ("function public.unqualified_in_one_place()", ("public.users.plan_id",)),
        ("procedure public.leaves_out_too()", ("public.noted.at",)),
    ]
    assert {each.effect for each in found} == {Effect.BODY_BROKEN}
    assert found[1].line == "insert into users (id, email) values (new.id, $1)"
