"""Which recorded statements name an object: one too many rather than one too few, and not every statement of the table."""

from __future__ import annotations

import pytest

from pg_deploy.ledger.kinds.workload import RecordedStatement
from pg_deploy.workload.naming import statements_naming


@pytest.mark.parametrize(
    "text",
    [
        "select note from orders",
        "SELECT Orders.NOTE FROM Public.Orders",
        'select o."note" from public.orders o',
        "select o.id from public.orders o where o.note = $1",
        "select id from orders order by note",
        "select * from orders",
        "table orders",
        "select o.* from customers c join orders o on o.customer = c.id",
        "select * from customers c join (orders o join items i on true) on true",
        "select * from orders tablesample system ($1)",
        "select count(o) from orders o",
        "select row_to_json(orders) from orders",
        "select (o).note from orders o",
        "select (select o.note from other limit $1) from orders o",
        "select c.id from customers c join orders o using (note)",
        "select c.id from customers c natural join orders o",
        "select j.note from (orders o join customers c on true) as j",
        "select o.b from orders as o(a, b)",
        "with x as (select * from public.orders) select id from x",
        "insert into orders values ($1, $2)",
        "insert into orders (id, note) values ($1, $2)",
        "insert into orders (id) values ($1) returning *",
        "insert into orders as o (id) values ($1) returning o.note",
        "insert into orders (id) values ($1) on conflict (note) do nothing",
        "insert into orders (id) values ($1) on conflict (id) do update set id = excluded.note",
        "insert into orders (id) values ($1) on conflict (id) do update set note = $2",
        "update orders set note = $1",
        "update orders set (id, note) = ($1, $2)",
        "update customers set id = $1 from orders returning *",
        "delete from orders where id = $1 returning *",
        "merge into orders o using s on o.id = s.id when matched then update set note = $1",
        "merge into orders o using s on o.id = s.id when not matched then insert values ($1)",
        "select jsonb_populate_record(null::public.orders, $1)",
        "copy public.orders to stdout",
        "copy public.orders (id, note) to stdout",
        "select note from orders where and",
        'select U&"n\\006fte" from U&"\\006frders"',
    ],
)
def test_what_reads_or_writes_the_column_names_it(text: str) -> None:
    """Else its drop is taken for safe, and the application fails."""
    assert is_named("public.orders.note", text)
    assert is_named("public.orders", text)


@pytest.mark.parametrize(
    "text",
    [
        "select id, total from public.orders where id = $1",
        "select notes from customers",
        "select c.* from customers c join orders o on o.customer = c.id",
        "select c.note from customers c join orders o on o.customer = c.id",
        "select count(*) from orders",
        "insert into orders (id) values ($1) returning id",
        "insert into orders (id) select $1 from (select * from customers) c",
        "update orders set total = $1 where id = $2",
        "delete from orders where id = $1",
        "copy public.orders (id) to stdout",
        # PostgREST reads whole rows of what it selected before.
        "with pgrst_source as (select public.orders.id from public.orders limit $1)"
        " select null::bigint as total, count(_postgrest_t) as n, json_agg(_postgrest_t)"
        " from (select * from pgrst_source) _postgrest_t",
        "select o.id as note from orders o",
        "select x.note from stock.lines x, orders",
    ],
)
def test_what_only_looks_like_it_does_not(text: str) -> None:
    """Else a column that nobody uses any more can never be dropped while its table is in use."""
    assert not is_named("public.orders.note", text)


@pytest.mark.parametrize(
    ("thing", "text", "is_it"),
    [
        ("public.orders", "select 1 from stock.orders", False),
        ("public.orders", 'select 1 from "Orders"', False),
        ("public.orders", "select orders from customers", False),
        ('public."Order"', "select 1 from public.order_lines", False),
        ('public."Order"', 'select 1 from "Order"', True),
        ('public."Order"."the Note"', 'select "the Note" from "Order"', True),
        ('public."Order"."the Note"', 'select "The Note" from "Order"', False),
        ("view public.orders", "select 1 from orders", True),
        ("column public.orders.note", "select note from orders", True),
        ("function public.f(integer)", "select f($1)", True),
        ("function public.f(integer)", "select public.f($1, $2)", True),
        ("function public.f(integer)", "select * from public.f($1)", True),
        ("function public.f(integer)", "call f($1)", True),
        ("function public.f(integer)", "select stock.f($1)", False),
        ("function public.f(integer)", "select f from public.t", False),
        ("public.total(public.orders)", "select o.total from orders o", True),
        ("type public.status", "select $1::status", True),
        ("type public.status", "select status from orders", False),
    ],
)
def test_names_are_read_as_the_server_reads_them(thing: str, text: str, is_it: bool) -> None:
    """Else one of two names that differ in their case, schema or kind is taken for the other."""
    assert is_named(thing, text) is is_it


def test_all_statements_with_the_object_are_told_in_their_order() -> None:
    """Else the lines of the approval jump about."""
    statements = [RecordedStatement(str(number), f"select {name} from t", "app") for number, name in enumerate("aba")]

    assert [each.id for each in statements_naming("public.t.a", statements)] == ["0", "2"]


def is_named(thing: str, text: str) -> bool:
    """Whether a statement of that text names the object."""
    statement = RecordedStatement("1a2b3c4d", text, "app")
    return statements_naming(thing, [statement]) == (statement,)
