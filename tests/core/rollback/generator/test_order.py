"""Who needs whom, read from definitions, and the order that follows from it. No server is needed."""

from __future__ import annotations

import random
from itertools import permutations

import pytest

from pg_deploy.catalog.reader import Fact
from pg_deploy.rollback.generator.order import (
    depends_on,
    find_text_needs,
    has_circle,
    mentions,
    order_by_need,
    order_numbers,
    relation_of,
)
from tests.core.rollback.facts import fact


def _random_waits(seed: int) -> list[set[int]]:
    draw = random.Random(seed)
    count = draw.randint(1, 5)
    pairs = [(number, first) for number in range(count) for first in range(count) if number != first]
    chosen = draw.sample(pairs, draw.randint(0, min(6, len(pairs))))
    return [{first for number, first in chosen if number == each} for each in range(count)]


@pytest.mark.parametrize("seed", range(60))
def test_the_order_is_the_first_in_which_nothing_comes_before_what_it_waits_for(seed: int) -> None:
    """Else a statement runs before what it needs, or two rollbacks of one migration differ."""
    waits_for = _random_waits(seed)
    possible = [
        list(order)
        for order in permutations(range(len(waits_for)))
        if all(order.index(first) < order.index(number) for number in order for first in waits_for[number])
    ]
    ordered, circle = order_numbers(waits_for)
    assert circle == (not possible)
    assert sorted(ordered) == list(range(len(waits_for)))
    assert not possible or ordered == min(possible)


def test_if_all_that_is_left_waits_the_smallest_number_goes_first() -> None:
    """Else the phases do not decide, and what is dropped last comes first."""
    assert order_numbers([{1}, {2}, {0}, set()]) == ([3, 0, 2, 1], True)


TABLE = fact("table", "public.orders")
VIEW = fact("view", "public.open", definition="SELECT id FROM public.orders")
FUNCTION = fact(
    "function", "public.f()", definition="CREATE FUNCTION public.f()\nAS $function$ select public.orders $function$\n"
)
KEY = fact("constraint", "public.orders.orders_pkey", definition="PRIMARY KEY (id)")
REFERENCE = fact("constraint", "public.lines.of", definition="FOREIGN KEY (o) REFERENCES public.orders(id)")
BACK = fact("constraint", "public.orders.back", definition="FOREIGN KEY (l) REFERENCES public.lines(id)")
INDEX = fact("index", "public.i", definition="CREATE UNIQUE INDEX i ON ONLY public.orders USING btree (id)")


@pytest.mark.parametrize(
    ("text", "kind", "identity", "is_named"),
    [
        ("select from public.orders where", "table", "public.orders", True),
        ("select from public.orders_old", "table", "public.orders", False),
        ("select from app.public.orders", "table", "public.orders", False),
        ('select from public."Orders"', "table", 'public."Orders"', True),
        ('select from "public.orders x"', "table", "public.orders", False),
        ("public.f(1)", "function", "public.f(integer)", True),
        ("public.orders where total > 1", "column", "public.orders.total", True),
        ("public.orders where total_net > 1", "column", "public.orders.total", False),
        ("public.lines where total > 1", "column", "public.orders.total", False),
        ("app.orders", "schema", "app", True),
        ("app", "schema", "app", False),
        ("shop.app.orders", "schema", "app", False),
        ("far", "server", "far", True),
        ("public.orders", "policy", "public.orders.p", False),
    ],
)
def test_a_name_is_found_only_as_a_whole(text: str, kind: str, identity: str, is_named: bool) -> None:
    """Else what needs an object is not dropped before it, or half of the schema is made again for one table."""
    assert mentions(text, (kind, identity)) == is_named


@pytest.mark.parametrize(
    ("one", "other", "needs"),
    [
        (VIEW, TABLE, True),
        (TABLE, VIEW, False),
        (TABLE, TABLE, False),
        (FUNCTION, TABLE, False),
        (KEY, TABLE, True),
        (INDEX, TABLE, True),
        (REFERENCE, KEY, True),
        (REFERENCE, INDEX, True),
        (REFERENCE, BACK, False),
        (TABLE, fact("schema", "public"), True),
        (VIEW, fact("schema", "app"), False),
        (fact("default grant", "tables made by a in schema public"), fact("schema", "public"), False),
    ],
)
def test_what_an_object_needs_is_read_from_its_definition(one: Fact, other: Fact, needs: bool) -> None:
    """A foreign key needs a unique key that it does not name; a body in quotes needs nothing, as in the server."""
    assert depends_on(one, other) == needs


@pytest.mark.parametrize("name", ["public.orders", 'public."Orders"', '"Odd Schema"."a "" b"'])
@pytest.mark.parametrize("only", ["", "ONLY "])
def test_an_index_is_part_of_the_table_that_its_definition_names(name: str, only: str) -> None:
    """Else it is dropped beside its table, which the server refuses."""
    index = fact("index", "public.i", definition=f"CREATE INDEX i ON {only}{name} USING btree (id)")
    assert relation_of(index) == name


def test_who_needs_whom_is_found_among_many_as_between_two() -> None:
    """The search by words is there for speed: what it left out would be dropped too late."""
    odd = fact("table", 'public."Orders"')
    facts = [
        *(TABLE, VIEW, FUNCTION, KEY, REFERENCE, BACK, INDEX, odd, fact("schema", "public"), fact("server", "far")),
        fact("view", "public.odd", definition='SELECT id FROM public."Orders"'),
        fact("view", "public.called", definition="SELECT public.f() AS f"),
        fact("column", "public.orders.total", type="numeric"),
        fact("view", "public.totals", definition="SELECT total FROM public.orders"),
        fact("foreign table", "public.away", server="far"),
        fact("table", "public.lines"),
    ]
    by_key = {each.key: each for each in facts}
    found = {(one, other) for one, other, _ in find_text_needs(by_key, by_key)}
    assert found == {(one.key, other.key) for one in facts for other in facts if depends_on(one, other)}
    assert (("view", "public.odd"), odd.key) in found


def test_without_needs_the_kinds_decide() -> None:
    """A foreign key comes after all other constraints: it needs the unique key of another table."""
    facts = [REFERENCE, fact("policy", "public.orders.p"), VIEW, KEY, INDEX, FUNCTION, TABLE, fact("schema", "public")]
    ordered = [each.identity for each in order_by_need(facts, {})]
    assert ordered == [
        *("public", "public.f()", "public.orders", "public.i"),
        *("public.orders.orders_pkey", "public.lines.of", "public.open", "public.orders.p"),
    ]


def test_what_a_fact_needs_comes_before_it_whatever_its_kind() -> None:
    """A function that returns a view's rows is made after the view."""
    assert order_by_need([FUNCTION, VIEW], {FUNCTION.key: {VIEW.key}}) == [VIEW, FUNCTION]
    assert not has_circle([FUNCTION, VIEW], {FUNCTION.key: {VIEW.key}})
    assert has_circle([FUNCTION, VIEW], {FUNCTION.key: {VIEW.key}, VIEW.key: {FUNCTION.key}})


def test_what_a_part_needs_its_whole_needs() -> None:
    """A policy is dropped with its table: a function that the policy calls goes after the table."""
    policy = fact("policy", "public.orders.p", using="public.f()")
    needs = {policy.key: {VIEW.key}}
    assert order_by_need([TABLE, VIEW], needs) == [TABLE, VIEW]
    parts = {TABLE: (policy,)}
    assert order_by_need([TABLE, VIEW], needs, lambda whole: parts.get(whole, ())) == [VIEW, TABLE]
    needs[policy.key].add(TABLE.key)
    assert not has_circle([TABLE, VIEW], needs, lambda whole: parts.get(whole, ())), "a part needs its own whole"
