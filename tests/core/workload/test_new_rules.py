"""What judges rows and values since a migration and did not before."""

from __future__ import annotations

import pytest

from pg_deploy.catalog.diff import compare
from pg_deploy.catalog.reader import read_facts
from pg_deploy.postgres.session import Connection
from pg_deploy.workload.new_rules import judged_anew, labels_gone

_TABLES = """
    create type public.state as enum ('new', 'paid', 'sent');
    create domain public.email as text;
    create table public.orders (id int, state public.state, mail public.email,
        constraint known check (id > 0), constraint late check (id < 100) not valid);
    create unique index by_mail on public.orders (mail, state);
    create index plain on public.orders (id);
    create table public.parts (id int) partition by range (id);
    create table public.low partition of public.parts for values from (0) to (10);
    create policy seen on public.orders for select using (true);
    create policy own on public.orders using (true)
"""


@pytest.mark.parametrize(
    ("migration", "said"),
    [
        (
            "alter table orders add constraint more check (id > 5)",
            {"orders": "constraint more is new: CHECK ((id > 5))"},
        ),
        (
            "alter table orders drop constraint known, add constraint known check (id > 5)",
            {"orders": "constraint known is another one: CHECK ((id > 5))"},
        ),
        ("create unique index one on orders (id)", {"orders": "unique index one is new"}),
        (
            "drop index by_mail; create unique index by_mail on orders (mail)",
            {"orders": "unique index by_mail is another one"},
        ),
        ("drop table low", {"parts": "partition low is gone, and what went into it"}),
        ("alter table parts detach partition low", {"parts": "partition low is gone, and what went into it"}),
        ("alter policy own on orders with check (id > 5)", {"orders": "policy own is another one"}),
        (
            "alter domain email add constraint with_at check (value like '%@%')",
            {"orders": "constraint with_at is new: CHECK ((VALUE ~~ '%@%'::text))"},
        ),
        ("alter table orders validate constraint late", {}),
        ("alter policy seen on orders using (id > 5)", {}),
        ("create index more on orders (state); drop index plain", {}),
        ("drop index by_mail", {}),
        ("alter table orders rename to bought", {}),
        ("create schema sold; alter table orders set schema sold", {}),
    ],
)
def test_what_is_stricter_is_told_of_the_table_whose_rows_it_judges(
    workload_session: Connection, migration: str, said: dict[str, str]
) -> None:
    """Else a rule that took the place of another, or that a domain has, refuses rows of which nothing was said."""
    workload_session.execute(_TABLES.encode())
    before = read_facts(workload_session)
    workload_session.execute(f"set search_path = public; {migration}".encode())
    after = read_facts(workload_session)

    found = judged_anew(compare(before, after), after)

    tables = {("public", name) for name in ("orders", "parts", "low", "bought")} | {("sold", "orders")}
    assert {name: said for (schema, name), said in found.items() if (schema, name) in tables} == said


def test_a_label_that_a_type_lost_is_told(workload_session: Connection) -> None:
    """Else `where state = 'paid'`, whose label no recorded text holds, fails after a rename that nothing named."""
    workload_session.execute(_TABLES.encode())
    before = read_facts(workload_session)
    workload_session.execute("alter type public.state rename value 'paid' to 'settled'")
    after = read_facts(workload_session)

    assert labels_gone(compare(before, after)) == {"public.state": ("paid",)}
    assert labels_gone(compare(after, after)) == {}
