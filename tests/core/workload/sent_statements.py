"""A small shop and what its application, its reports and its jobs send to it: tests/cases/workload/shop.sql.

The values are literals that stand for the parameters: text as a driver sends it. An enum's label among them is none that a default
names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SHOP_SQL = Path(__file__).parents[2] / "cases" / "workload" / "shop.sql"
PATHS = {"shop_app": ("shop, public",), "": ('"$user", public',)}
"""The search paths that the roles' sessions begin with."""
_CUSTOMER, _PRODUCT, _ORDER = "7", "9", "11"
_TOKEN = "c4ca4238-a0b9-2382-0dcc-509a6f75849b"


@dataclass(frozen=True)
class Sent:
    """A statement as it is sent: by whom, its text with $1, $2, …, and their values (None is null)."""

    role: str
    text: str
    values: tuple[str | None, ...] = ()


def _app(text: str, *values: str | None) -> Sent:
    return Sent("shop_app", text, values)


def _report(text: str, *values: str | None) -> Sent:
    return Sent("shop_report", text, values)


STATEMENTS = (
    # As Django writes them.
    _app('SELECT "customers"."id", "customers"."email", "customers"."name", "customers"."phone" FROM "customers" WHERE'
         ' "customers"."email" = $1 LIMIT 21', "c7@example.com"),
    _app('SELECT "customers"."id", "customers"."name", "customers"."region" FROM "customers" WHERE "customers"."id" IN ($1, $2, $3)'
         ' ORDER BY "customers"."name" ASC', "1", "2", "3"),
    _app('SELECT COUNT(*) AS "__count" FROM "customers" WHERE ("customers"."region" = $1 AND "customers"."phone" IS NOT NULL)', "eu"),
    _app('SELECT "orders"."id", "orders"."total", "customers"."name" FROM "orders" INNER JOIN "customers" ON'
         ' ("orders"."customer_id" = "customers"."id") WHERE "orders"."placed_at" >= $1 ORDER BY "orders"."placed_at" DESC LIMIT 20',
         "2020-01-01"),
    _app('INSERT INTO "customers" ("email", "name", "phone", "tags") VALUES ($1, $2, $3, $4) RETURNING "customers"."id"',
         "new@example.com", "New", "1", "{a}"),
    _app('UPDATE "customers" SET "name" = $1, "notes" = $2 WHERE "customers"."id" = $3', "Ada", "called", _CUSTOMER),
    _app('DELETE FROM "sessions" WHERE "sessions"."token" IN ($1)', _TOKEN),
    _app('SELECT "sessions"."token", "sessions"."data", "sessions"."expires_at" FROM "sessions" WHERE ("sessions"."token" = $1 AND'
         ' "sessions"."expires_at" > $2)', _TOKEN, "2020-01-01"),
    _app('INSERT INTO "sessions" ("customer_id", "data") VALUES ($1, $2) RETURNING "token"', _CUSTOMER, '{"page": 1}'),
    _app('SELECT (1) AS "a" FROM "products" WHERE "products"."sku" = $1 LIMIT 1', "SKU-9"),
    # As SQLAlchemy does.
    _app("SELECT orders.id AS orders_id, orders.status AS orders_status, orders.total AS orders_total, orders.note AS orders_note"
         " FROM orders WHERE orders.id = $1", _ORDER),
    _app("SELECT orders_1.id AS orders_1_id, order_lines_1.quantity AS lines_quantity, order_lines_1.unit_price AS lines_price"
         " FROM orders AS orders_1 LEFT OUTER JOIN order_lines AS order_lines_1 ON orders_1.id = order_lines_1.order_id"
         " WHERE orders_1.customer_id = $1 ORDER BY orders_1.placed_at LIMIT $2 OFFSET $3", _CUSTOMER, "10", "0"),
    _app("INSERT INTO orders (customer_id, total) VALUES ($1, $2) RETURNING orders.id, orders.status, orders.placed_at", _CUSTOMER, "12.5"),
    _app("INSERT INTO orders (customer_id, status, total, note) VALUES ($1, $2, $3, $4) RETURNING orders.id", _CUSTOMER, "paid", "3", "x"),
    _app("INSERT INTO order_lines (order_id, product_id, quantity, unit_price) VALUES ($1, $2, $3, $4)", _ORDER, "40", "1", "9.5"),
    _app("UPDATE orders SET status = $1, note = $2 WHERE orders.id = $3", "paid", "paid by card", _ORDER),
    _app("UPDATE products SET stock = (products.stock - $1) WHERE products.id = $2", "1", _PRODUCT),
    _app("DELETE FROM order_lines WHERE order_lines.order_id = $1 AND order_lines.product_id = $2", _ORDER, "1"),
    _app("SELECT anon_1.title, anon_1.price * $1 AS gross FROM (SELECT products.title AS title, products.price AS price FROM products"
         " WHERE products.active) AS anon_1 ORDER BY anon_1.price", "1.19"),
    _app("SELECT products.id, products.attributes ->> $1 AS colour FROM products WHERE products.weight > $2", "colour", "0.5"),
    _app("SELECT sum(order_lines.quantity * order_lines.unit_price) AS worth FROM order_lines JOIN orders ON orders.id ="
         " order_lines.order_id WHERE orders.customer_id = $1 AND order_lines.discount < $2", _CUSTOMER, "10"),
    # As PostgREST does.
    _app('WITH pgrst_source AS (SELECT "shop"."products".* FROM "shop"."products" WHERE "shop"."products"."price" < $1 LIMIT $2)'
         " SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]')"
         " AS body FROM (SELECT * FROM pgrst_source) _postgrest_t", "20", "5"),
    _app('WITH pgrst_source AS (SELECT "shop"."product_list"."id", "shop"."product_list"."title", "shop"."product_list"."available"'
         ' FROM "shop"."product_list") SELECT pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), \'[]\') AS'
         " body FROM (SELECT * FROM pgrst_source) _postgrest_t"),
    _app("WITH pgrst_source AS (INSERT INTO shop.settings (key, value) SELECT pgrst_body.key, pgrst_body.value FROM"
         " json_to_recordset($1) AS pgrst_body(key text, value text) ON CONFLICT (key) DO UPDATE SET key = EXCLUDED.key,"
         ' value = EXCLUDED.value RETURNING shop.settings.*) SELECT pg_catalog.count(_postgrest_t) AS page_total FROM'
         ' (SELECT * FROM "pgrst_source") _postgrest_t', '[{"key": "theme", "value": "light"}]'),
    _app("WITH pgrst_source AS (SELECT pgrst_call.pgrst_scalar FROM (SELECT shop.add_to_cart(customer := $1, product := $2, many := $3)"
         " pgrst_scalar) pgrst_call) SELECT coalesce(json_agg(_postgrest_t.pgrst_scalar) -> 0, 'null') AS body FROM pgrst_source"
         " _postgrest_t", _CUSTOMER, _PRODUCT, "2"),
    _app("SELECT id, title, price FROM shop.search_products(words := $1) ORDER BY price LIMIT 5", "lamp"),
    # Written by hand.
    _app("insert into carts (customer_id, product_id, quantity) values ($1, $2, $3) on conflict (customer_id, product_id) do update"
         " set quantity = excluded.quantity", _CUSTOMER, _PRODUCT, "2"),
    _app("insert into settings (key, value) values ($1, $2) on conflict (key) do nothing", "new", "1"),
    _app("insert into products (sku, title, price) values ($1, $2, $3)", "SKU-NEW", "Chair", "10"),
    _app("select * from open_orders where customer_id = $1 order by placed_at", _CUSTOMER),
    _app("select o.customer, o.total from open_orders o where o.total > $1", "10"),
    _app("select order_total($1)", _ORDER),
    _app("select o.id, order_total(o.id) from orders o where o.customer_id = $1", _CUSTOMER),
    _app("select ship_order($1)", _ORDER),
    _app("select * from customers where id = $1 for update", _CUSTOMER),
    _app("select p.title, b.sold from best_sellers b join products p on p.id = b.product_id order by b.sold desc limit 10"),
    _app("select exists (select from carts where customer_id = $1 and product_id = $2)", _CUSTOMER, _PRODUCT),
    _app("with old as (delete from carts where changed_at < $1 returning product_id) select count(*) from old", "2020-01-01"),
    _app("insert into audit_log (table_name, action) values ($1, $2)", "customers", "seen"),
    # Reports name schemas: their role has no search_path of its own.
    _report("select date_trunc('day', placed_at) as day, count(*), sum(total) from shop.orders where placed_at > $1 group by 1 order by 1",
            "2020-01-01"),
    _report("select region, sum(spent) from report.customer_totals group by region having sum(orders) > $1", "0"),
    _report("select t.* from report.customer_totals t where t.spent > $1", "5"),
    _report("select report.turnover($1)", "2020-01-01"),
    _report("select status, count(*) from shop.orders group by status"),
    _report("select c.region, percentile_cont(0.5) within group (order by o.total) from shop.customers c join shop.orders o"
            " on o.customer_id = c.id where c.created_at > $1 group by c.region", "2020-01-01"),
    _report("select row_number() over (order by p.price desc), p.title from shop.products p where p.title like $1", "Lamp%"),
    _report("select channel, count(*) filter (where shipped_at is not null) from shop.orders group by channel"),
    Sent("shop_jobs", "select shop.nightly()"),
    Sent("shop_jobs", "delete from shop.sessions where expires_at < now()"),
    Sent("shop_jobs", "select table_name, max(at) from shop.audit_log where row_id is not null group by table_name"),
)  # fmt: skip

_QUIET_SHAPES: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    ("select * from quiet.things_{} where id = $1", ("1",)),
    ("select id, label from quiet.things_{} order by seen_at desc limit $1", ("5",)),
    ('SELECT "t"."id", "t"."amount" FROM "quiet"."things_{}" "t" WHERE "t"."id" IN ($1, $2)', ("1", "2")),
    ("select count(*) from quiet.things_{} where amount > $1", ("3",)),
    ("select date_trunc('hour', seen_at), sum(amount) from quiet.things_{} group by 1", ()),
    ("insert into quiet.things_{} (label) values ($1) returning id", ("x",)),
    (
        "insert into quiet.things_{} (id, label) values ($1, $2) on conflict (id) do update set label = excluded.label",
        ("1", "x"),
    ),
    ("update quiet.things_{} set amount = amount + $1 where id = $2", ("1", "2")),
    ("update quiet.things_{} set extra = $1, seen_at = now() where label = $2 returning *", ("{}", "thing 1")),
    ("delete from quiet.things_{} where id = $1", ("3",)),
    ("select extra ->> $1 from quiet.things_{} where extra is not null", ("a",)),
    ("select label, rank() over (order by amount) from quiet.things_{}", ()),
    ("select exists (select from quiet.things_{} where label like $1)", ("t%",)),
    ("with old as (select id from quiet.things_{} where seen_at < $1) select count(*) from old", ("2020-01-01",)),
    ("select a.id from quiet.things_{} a join quiet.things_1 b using (id) where b.amount > $1", ("1",)),
    ("select max(seen_at), min(amount) from quiet.things_{}", ()),
    ("select coalesce(sum(amount), 0)::numeric(10, 2) from quiet.things_{} where label <> $1", ("y",)),
    ("select upper(label) as upper_label from quiet.things_{} offset $1 limit $2", ("1", "2")),
    ("select * from quiet.things_{} where id = any ($1) for share", ("{1,2}",)),
    ("select id from quiet.things_{} union all select $1::bigint order by 1", ("1",)),
)
QUIET = tuple(
    Sent("quiet_app", text.format(number), values) for number in range(1, 11) for text, values in _QUIET_SHAPES
)
"""Two hundred statements on tables that no planted migration names."""
