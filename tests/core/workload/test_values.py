"""Values for recorded statements come from rows, so that what is measured does the work that it does in production."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from pg_deploy.postgres.session import Target
from pg_deploy.workload.sender import Sender
from pg_deploy.workload.senders import senders_of
from pg_deploy.workload.values import Drawn, draw
from tests.core.workload.shop import API, PATH, answer_of, make_shop

SHAPES = {
    "by key": "select * from orders where id = $1",
    "two columns": "select * from orders where customer_id = $1 and status = $2",
    "three columns of an alias": "select o.id from public.orders o where o.user_id = $1 and o.version = $2 and o.total = $3",
    "a column that is mostly null": "select * from orders where note = $1 and customer_id <> $2",
    "a join": "select * from orders o join customers c on c.id = o.customer_id where c.email = $1 and o.status = $2",
    "a condition of the join": "select o.id from customers c left join orders o on o.customer_id = c.id and o.status = $1"
    " where c.name = $2",
    "a list": "select * from orders where id in ($1, $2, $3)",
    "a list that the server squashed": "select * from orders where id in ($1 /*, ... */)",
    "any of an array": "select * from orders where id = any($1)",
    "any of an array of texts": "select count(*) from orders where status = any($1::text[]) having count(*) >= $2",
    "later than": "select * from orders where created_at > $1 order by created_at limit $2",
    "between": "select * from orders where created_at between $1 and $2",
    "from and to": "select * from orders where created_at >= $1 and created_at < $2 and user_id = $3",
    "the next page": "select * from orders where (created_at, id) >= ($1, $2) order by created_at, id limit $3",
    "like": "select * from customers where email like $1",
    "ilike of a part": "select * from customers where name ilike '%' || $1 || '%'",
    "a function of the column": "select * from customers where lower(email) = lower($1)",
    "a JSON field": "select * from customers where meta->>$1 = $2",
    "a known JSON field": "select * from customers where meta->>'plan' = $1 and tags[1] = $2",
    "JSON contains": "select * from customers where meta @> $1",
    "an array contains": "select * from customers where tags @> $1 and $2 = any(tags)",
    "words": "select * from customers where search @@ to_tsquery('simple', $1)",
    "an insert": "insert into orders (customer_id, user_id, status, total, created_at) values ($1, $2, $3, $4, $5) returning id",
    "an insert of unique values": "insert into customers (id, email, name) values ($1, $2, $3), ($4, $5, $6)",
    "an insert between two tables": "insert into tags_of (customer_id, order_id) values ($1, $2)",
    "an update": "update orders set status = $1, version = version + $2 where id = $3 and version = $4",
    "an update of several": "update orders set (status, note) = ($1, $2) from customers c where c.id = orders.customer_id and c.email = $3",
    "a delete": "delete from tags_of where customer_id = $1 and order_id = $2",
    "an upsert": "insert into customers (id, email, name) values ($1, $2, $3) on conflict (id)"
    " do update set name = excluded.name, meta = $4",
    "limit and offset": "select * from orders where status = $1 order by id limit $2 offset $3",
    "a subquery": "select * from customers where name <> $1"
    " and id in (select customer_id from orders where status = $2 and total > $3)",
    "both depend": "select * from orders o where o.status = $1"
    " and exists (select from customers c where c.id = o.customer_id and c.email = $2)",
    "a derived table": "select * from (select customer_id, count(*) n from orders where status = $1 group by 1) s where s.n >= $2",
    "not null or equal": "select * from orders where ($1::text is null or status = $2) and customer_id = $3",
    "of the API": 'WITH pgrst_source AS (SELECT "public"."orders".* FROM "public"."orders" WHERE "public"."orders"."customer_id" = $1'
    " LIMIT $2 OFFSET $3) SELECT _t.* FROM (SELECT * FROM pgrst_source) _t",
    "an insert of the API": 'WITH pgrst_source AS (INSERT INTO "public"."customers"("id", "email", "name")'
    ' SELECT b."id", b."email", b."name"'
    ' FROM (SELECT $1 AS json_data) p, LATERAL (SELECT "id", "email", "name" FROM json_to_recordset(case json_typeof(p.json_data) when'
    ' \'array\' then p.json_data else json_build_array(p.json_data) end) AS _("id" uuid, "email" text, "name" varchar)) b RETURNING'
    ' "public"."customers".*) SELECT * FROM pgrst_source',
    "an update of the API": 'WITH pgrst_source AS (UPDATE "public"."orders" SET "status" = b."status", "note" = b."note" FROM'
    ' (SELECT $1 AS json_data) p, LATERAL (SELECT "status", "note" FROM json_to_record(p.json_data) AS _("status" text, "note" text))'
    ' b WHERE "public"."orders"."id" = $2 RETURNING 1) SELECT * FROM pgrst_source',
}
"""Statements as an application's driver, an ORM or an API sends them."""


@pytest.fixture(scope="module")
def shop(catalog_server: str) -> Target:
    """A shop that nobody changes."""
    return make_shop(catalog_server, "values_shop")


def drawn_for(shop: Target, text: str, role: str = "app") -> tuple[Drawn, ...]:
    """The sets of values for a statement."""
    answer = answer_of(shop, text, role, ("json",) if "json_data" in text else ())
    with shop.session("test") as connection:
        return draw(connection, answer, senders_of(connection, API, role, answer))


def rows_met(shop: Target, text: str, drawn: Drawn) -> int:
    """How many rows a statement returns or writes with these values, as its sender; it is aborted."""
    with psycopg.connect(shop.conninfo, autocommit=True) as connection:
        connection.execute(f"set search_path to {PATH}")
        if "json_data" in text:
            connection.pgconn.prepare(b"it", text.encode(), [114])
        else:
            connection.pgconn.prepare(b"it", text.encode())
        with drawn.sender.sending(connection, timeout_s=10, writes=True):
            given: list[Any] = [None if value is None else value.encode() for value in drawn.values]
            result = connection.pgconn.exec_prepared(b"it", given)
            assert not result.error_message, (result.error_message, drawn.values)
            return result.ntuples or result.command_tuples or 0


@pytest.mark.parametrize("shape", SHAPES)
def test_the_values_of_a_statement_meet_rows(shop: Target, shape: str) -> None:
    """Else a statement that finds nothing would be measured, which is quick on both sides whatever index is gone."""
    sets = drawn_for(shop, SHAPES[shape])
    assert 1 <= len(sets) <= 5
    met = [rows_met(shop, SHAPES[shape], each) for each in sets]
    assert sum(count > 0 for count in met) >= 0.8 * len(met), (met, [each.values for each in sets])
    assert all(each.is_from_rows for each in sets)


@pytest.mark.parametrize("shape", ["by key", "a join", "an update", "between", "of the API"])
def test_there_are_several_different_sets(shop: Target, shape: str) -> None:
    """Else one row, which happens to be in the cache or to be rare, would stand for all."""
    assert len({each.values for each in drawn_for(shop, SHAPES[shape])}) == 5


@pytest.mark.parametrize("shape", ["later than", "between"])
def test_a_range_leaves_a_small_part_of_the_table(shop: Target, shape: str) -> None:
    """Else nearly every row would be asked for, and no index would matter."""
    text = SHAPES[shape].partition(" order by")[0]
    met = [rows_met(shop, text, each) for each in drawn_for(shop, text)]
    assert met
    assert all(0.005 * 20000 <= count <= 0.15 * 20000 for count in met), met


def test_a_user_who_sees_rows_sends_the_statement(shop: Target) -> None:
    """Else a statement under row level security would be measured as somebody who sees nothing.

    360 of 400 users have no row, and the user whose id stands in the most rows sees none of them.
    """
    text = "select * from own where status = $1 order by created_at desc limit $2"
    sets = drawn_for(shop, text, "authenticated")
    assert {each.sender.role for each in sets} == {"authenticated"}
    assert len({each.sender.claims for each in sets}) == 3
    assert all(rows_met(shop, text, each) > 0 for each in sets)


def test_a_statement_without_parameters_is_sent_by_a_user_who_sees_rows(shop: Target) -> None:
    """Else what reads "my orders" would be measured as somebody who has none."""
    sets = drawn_for(shop, "select * from own", "authenticated")
    assert {each.values for each in sets} == {()}
    assert all(rows_met(shop, "select * from own", each) == 500 for each in sets)


def test_who_may_insert_and_not_read_gets_values_all_the_same(shop: Target) -> None:
    """Else the writes of a role with the least rights would never be measured."""
    with psycopg.connect(shop.conninfo, autocommit=True) as connection:
        connection.execute("create role writer; grant usage on schema public to writer")
        connection.execute("grant insert on public.tags_of, public.customers to writer")
    text = "insert into customers (id, email, name) values ($1, $2, $3)"
    answer = answer_of(shop, text, "writer")
    with shop.session("test") as connection:
        sets = draw(connection, answer, [Sender("writer", PATH)])
    assert sets
    assert all(rows_met(shop, text, each) == 1 for each in sets)


def test_what_nothing_is_known_of_gets_a_value_of_its_type(shop: Target) -> None:
    """Else a statement that calls functions could never be measured."""
    with psycopg.connect(shop.conninfo, autocommit=True) as connection:
        connection.execute(
            "create schema kinds; create type kinds.mood as enum ('calm', 'wild'); create domain kinds.count as integer"
        )
        connection.execute("grant usage on schema kinds to app")
    text = "select $1::int + 1, $2::text, $3::timestamptz, $4::jsonb, $5::int[], $6::kinds.mood, $7::kinds.count"
    (drawn,) = drawn_for(shop, text)
    assert drawn.values == ("1", "", "now", "{}", "{}", "calm", "1")
    assert rows_met(shop, text, drawn) == 1
