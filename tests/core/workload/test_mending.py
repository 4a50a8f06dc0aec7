"""What the server records can be asked again: the recorded texts of many shapes are taken from the server itself."""

from __future__ import annotations

import psycopg
import pytest

from pg_deploy.ledger.kinds.workload import Workload
from pg_deploy.workload.asking import asking
from pg_deploy.workload.mending import find_form
from pg_deploy.workload.record import record_workload
from tests.looking import Database

SCENE = """\
create type mood as enum ('sad', 'glad');
create table public.customer (
    id bigint generated always as identity primary key, email text unique, name varchar(80), born date, seen timestamptz,
    at timestamp, score numeric(10, 2), rank integer, data jsonb default '{}', tags text[], feels mood, key uuid, flags bit(8),
    wait interval, is_on boolean, place point, span int4range, ratio double precision, early time
);
create table public.orders (
    id integer primary key, customer_id bigint references public.customer, placed timestamptz default now(), total numeric, note text,
    unique (customer_id, note)
);
insert into public.customer (email, born, seen, at, rank, key) values ('a@b', '2001-02-03', now(), now(), 3, gen_random_uuid());
insert into public.orders (id, customer_id, total, note) values (1, 1, 10, 'x');
create function public.twice(value integer) returns integer language sql as 'select 2 * value';
create function public.twice(value numeric) returns numeric language sql as 'select 2 * value';
"""

SHAPES = (
    "select extract(year from born), count(*) from customer group by extract(year from born)",
    "select extract('month' from born) as m, extract('year' from born), count(*) from customer"
    " group by extract('year' from born), extract('month' from born)",
    "select * from customer where id = 1",
    "select * from customer where seen > now() - interval '7 days'",
    "select * from customer where seen > now() - '7 days'::interval",
    "select * from customer where seen > now() - interval '7' day",
    "select * from customer where born = date '2001-02-03'",
    "select * from customer where at > timestamp '2001-02-03 04:05'",
    "select * from customer where seen > timestamp with time zone '2001-02-03 04:05'",
    "select * from customer where flags = bit '10101010'",
    "select * from customer where flags = b'10101010'",
    "select * from customer where early > time '10:00'",
    "select * from customer where id in (1, 2, 3)",
    "select * from customer where id = any (array[1, 2])",
    "select * from customer where key = any (array['ffffffff-ffff-4fff-bfff-fffffffffffe']::uuid[])",
    "select * from customer where email = any ('{a,b}')",
    "select extract(year from seen), extract(day from born) from customer",
    "select extract(epoch from seen - at) from customer where rank > 1",
    "select date_part('year', born) from customer",
    "select date_trunc('day', seen), count(*) from customer group by date_trunc('day', seen) order by date_trunc('day', seen)",
    "select date_trunc('day', seen), count(*) from customer group by 1 order by 2 desc limit 5",
    "select rank, date_trunc('day', seen), count(*), sum(score) from customer group by 1, 2 having count(*) > 0",
    "select coalesce(rank, 0) + 1, count(*) from customer group by coalesce(rank, 0) + 1",
    "select distinct on (rank + 1) rank + 1, email from customer order by rank + 1, email",
    "select case when rank > 3 then 'high' when rank > 1 then 'middle' else 'low' end, count(*) from customer group by 1",
    "select data ->> 'name', data -> 'a' ->> 0, data #>> '{a,b}' from customer where data @> '{\"a\": 1}'",
    "select * from customer where data ? 'a' and tags && array['x']",
    "select * from customer where tags @> array['x', 'y']",
    "select twice(2), twice(2.5)",
    "select twice(rank), twice(3) from customer",
    "select round(score, 1), round(score * 1.5), power(rank, 2), 2 ^ 3, rank % 2, mod(rank, 2) from customer",
    "select generate_series(1, 10)",
    "select * from generate_series(1, 10, 2) as g (n) where n > 3",
    "select * from generate_series(now() - interval '1 day', now(), interval '1 hour')",
    "select 1 union select rank from customer",
    "select 1, 'x', 2.5, true, null",
    "select 'x' || name, name || 1, rank || 'x' from customer",
    "select * from (values (1, 'x'), (2, 'y')) as v (id, name) join customer using (id)",
    "with new as (select 1 as id, 'x' as note) select * from new join orders on orders.id = new.id",
    "with recursive up as (select 1 as n union all select n + 1 from up where n < 5) select sum(n) from up",
    "insert into orders (id, customer_id, total, note) values (2, 1, 5.5, 'y'), (3, 1, 6, null) on conflict (id) do update"
    " set total = excluded.total + 1 returning *",
    "insert into orders (id, customer_id, placed) select 9, id, now() - interval '1 day' from customer limit 1",
    "update customer set score = score + 1.5, seen = now(), data = data || '{\"x\": 1}', tags = array_append(tags, 'x') where id = 1",
    "update customer set rank = default where feels = 'sad'",
    "delete from orders where id = 2 and placed < now() - interval '1 year' returning id",
    "select * from customer order by id limit 10 offset 20",
    "select id, row_number() over (partition by rank order by seen), lag(score, 1, 0) over (order by id) from customer",
    "select percentile_cont(0.5) within group (order by score) from customer",
    "select string_agg(email, ', ' order by email), array_agg(rank) filter (where rank > 1) from customer",
    "select to_char(seen, 'YYYY-MM'), count(*) from customer group by to_char(seen, 'YYYY-MM')",
    "select name like 'a%', name ilike '%b', name ~ '^x', name similar to 'a|b', position('a' in name) from customer",
    "select substring(name from 1 for 3), trim(both ' ' from name), overlay(name placing 'x' from 1), left(name, 2) from customer",
    "select seen at time zone 'UTC', timezone('UTC', at), age(seen), seen::date + 7, born - 7 from customer",
    "select greatest(rank, 1), least(score, 2.5), nullif(rank, 0), coalesce(name, email, '?') from customer",
    "select * from customer where (rank, score) > (1, 2.5)",
    "select * from customer where born between '2000-01-01' and '2002-01-01' and rank between 1 and 5",
    "select exists (select 1 from orders where customer_id = 1), (select max(total) from orders where note <> 'x')",
    "select jsonb_build_object('id', id, 'name', name, 'n', 1), to_jsonb(rank) from customer",
    "select json_agg(t) from (select id, 'x' as kind from customer limit 3) as t",
    "select * from json_to_recordset('[{\"id\": 5}]') as r (id integer, note text)",
    "select make_interval(days => 3), make_date(2001, 2, 3), interval '1 day' * 2",
    "select sum(1), max('x'), count(distinct 1), avg(2.5) from customer",
    "select * from customer where span @> 3 and place <@ box '((0,0),(1,1))'",
    "select count(*) from customer tablesample bernoulli (10)",
    "select nextval(pg_get_serial_sequence('public.customer', 'id'))",
    "select set_config('search_path', 'public', true), set_config('app.user', '1', false)",
    "select row(1, 'x'), array[1, 2], array['a', 'b'], '{1,2}'::int[]",
    "select to_timestamp(1000000000), to_date('2001-02-03', 'YYYY-MM-DD'), now() + 3 * interval '1 hour'",
    'with pgrst_source as (select "public"."customer".* from "public"."customer" where "public"."customer"."id" = 1 limit 10 offset 0)'
    " select null::bigint as total_result_set, pg_catalog.count(_postgrest_t) as page_total,"
    " coalesce(json_agg(_postgrest_t), '[]') as body from (select * from pgrst_source) _postgrest_t",
)


@pytest.fixture
def recorded(database: Database) -> Workload:
    """What the server recorded of all shapes."""
    database.run(SCENE)
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("select extensions.pg_stat_statements_reset()")
        for shape in SHAPES * 3:
            with connection.transaction(force_rollback=True):
                connection.execute(shape.encode())
        return record_workload(connection, ledger="deploy_ledger")


def test_every_recorded_text_can_be_asked(database: Database, recorded: Workload) -> None:
    """Else the proof would be silent of what it could not ask."""
    assert len(recorded.statements) >= 60
    refused = {}
    with psycopg.connect(database.url, autocommit=True) as connection, asking(connection) as asker:
        for each in recorded.statements:
            answer = find_form(asker, each.role, each.text, ("public",)).answer
            if answer.refusal is not None:
                refused[each.text] = answer.refusal.message
            else:
                assert answer.plan is not None

    assert refused == {}
