"""A shop of 20,000 orders, with roles, policies and users, and its statements as the server records them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pg_deploy.access.facts.api import SUPABASE
from pg_deploy.ledger.kinds.workload import RecordedStatement
from pg_deploy.postgres.session import Target
from pg_deploy.workload.asking import Answer, Form, asking

API = SUPABASE
PATH = '"$user", public'
_ROLES = """
do $$ declare name text; begin
    foreach name in array array['app', 'anon', 'authenticated', 'service_role'] loop
        if not exists (select from pg_roles where rolname = name) then execute format('create role %I', name); end if;
    end loop;
end $$
"""
_SHOP = """
create schema auth;
create table auth.users (id uuid primary key);
insert into auth.users select md5('user' || g)::uuid from generate_series(1, 400) g;
create function auth.uid() returns uuid language sql stable as
    $$ select (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub')::uuid $$;
create table public.customers (
    id uuid primary key, email text not null unique, name varchar(40) not null, meta jsonb, tags text[], search tsvector
);
insert into public.customers
select md5('customer' || g)::uuid, 'somebody' || g || '@example.org', 'Name ' || g,
    jsonb_build_object('plan', (array['free', 'paid'])[1 + g % 2], 'seats', g % 50), array['t' || g % 7, 't' || g % 11],
    to_tsvector('simple', 'word' || g % 20)
from generate_series(1, 2000) g;
create table public.orders (
    id bigserial primary key, customer_id uuid not null references public.customers, user_id uuid not null, status text not null,
    total numeric not null, created_at timestamptz not null, note text, version integer not null default 1
);
insert into public.orders (customer_id, user_id, status, total, created_at, note)
select md5('customer' || 1 + g % 2000)::uuid, md5('user' || 361 + g % 40)::uuid, (array['new', 'paid', 'sent', 'done'])[1 + g % 4],
    g % 977, '2026-01-01'::timestamptz + g * interval '1 minute', case when g % 5 = 0 then 'note ' || g end
from generate_series(1, 20000) g;
create index orders_customer on public.orders (customer_id);
create index orders_user on public.orders (user_id, created_at);
create index orders_created on public.orders (created_at);
create table public.tags_of (customer_id uuid references public.customers, order_id bigint references public.orders,
    primary key (customer_id, order_id));
insert into public.tags_of select customer_id, id from public.orders where id % 10 = 0;
create table public.own (like public.orders including all);
alter table public.own add approved_by uuid;
insert into public.own select *, md5('user1')::uuid from public.orders;
alter table public.own enable row level security;
create policy own on public.own to authenticated using (user_id = (select auth.uid()));
grant usage on schema public, auth to app, anon, authenticated, service_role;
grant all on all tables in schema public to app, authenticated, service_role;
grant all on all sequences in schema public to app, authenticated, service_role;
vacuum analyze;
"""


def make_shop(server: str, name: str) -> Target:
    """A new database of that name on a superuser's server."""
    with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as connection:
        connection.execute(_ROLES)
        connection.execute(f"create database {name}")
    target = Target(name, f"{server} dbname={name}")
    with psycopg.connect(target.conninfo, autocommit=True) as connection:
        for statement in _SHOP.split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())
    return target


@contextmanager
def twin_of(server: str, template: Target, name: str) -> Iterator[Target]:
    """The same database once more; gone afterwards."""
    with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"create database {name} template {template.name}")
        try:
            yield Target(name, f"{server} dbname={name}")
        finally:
            connection.execute(f"drop database {name} with (force)")


def answer_of(target: Target, text: str, role: str = "app", types: tuple[str, ...] = ()) -> Answer:
    """What the server says of a text, which it must take."""
    with target.session("test") as connection, asking(connection) as asker:
        answer = asker.ask(role, Form(text, PATH, types))
    assert answer.refusal is None, answer.refusal
    return answer


def recorded(text: str, role: str = "app", calls_a_day: float = 1000.0, total_ms: float = 1.0) -> RecordedStatement:
    """A statement as pg_stat_statements would hold it."""
    return RecordedStatement(
        f"{abs(hash((text, role))) % 16**8:08x}", text, role, 100, calls_a_day, total_ms / 100, total_ms
    )
