"""Recorded statements are measured on both sides: what lost its index is slower, and a busy machine makes nothing slower."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
import pytest

from pg_deploy.ledger.kinds.benchmark import Measurement
from pg_deploy.ledger.kinds.workload import Effect, RecordedStatement
from pg_deploy.postgres.session import Target
from pg_deploy.workload.asking import Answer, Form
from pg_deploy.workload.measuring import Measured, ToMeasure, choose_to_measure, measure, slower_findings
from pg_deploy.workload.slower import describe_times, is_slower
from tests.core.workload.shop import API, PATH, answer_of, make_shop, recorded, twin_of

BY_CUSTOMER = "select * from orders where customer_id = $1"
OF_MINE = "select * from own where user_id = auth.uid() and status = $1 order by created_at desc limit $2"
INSERT = "insert into orders (customer_id, user_id, status, total, created_at) values ($1, $2, $3, $4, $5) returning id"
UPDATE = "update orders set status = $1 where customer_id = $2"
BY_KEY = "select * from orders where id = $1"
NOT_TOUCHED = (
    BY_KEY,
    "select * from customers where email = $1",
    "select status, count(*), sum(total) from orders group by status",
    "select * from orders where created_at between $1 and $2",
    "update customers set name = $1 where id = $2",
    INSERT,
)
_numbers = count()


@pytest.fixture(scope="module")
def shop(catalog_server: str) -> Target:
    """The side before, which nobody changes."""
    return make_shop(catalog_server, "measured_shop")


@pytest.fixture(scope="module")
def large_shop(catalog_server: str, shop: Target) -> Iterator[Target]:
    """The same with five times the orders: to read them all takes longer than 1 ms, the least that is called slower, on any machine."""
    again = "jsonb_populate_record(t, jsonb_build_object('id', id + g * 100000))"
    rows = f"insert into {{0}} select ({again}).* from {{0}} t, generate_series(1, 4) g"
    more = [rows.format(table) for table in ("orders", "own")]
    with changed(catalog_server, shop, *more, "vacuum analyze") as target:
        yield target


@contextmanager
def changed(server: str, shop: Target, *migration: str) -> Iterator[Target]:
    """The side after."""
    with twin_of(server, shop, f"measured_{next(_numbers)}") as target:
        with psycopg.connect(target.conninfo, autocommit=True) as connection:
            for statement in migration:
                connection.execute(statement.encode())
        yield target


def chosen(
    before: Target, after: Target, *texts: str, role: str = "app", calls_a_day: float = 100_000
) -> list[ToMeasure]:
    """The statements with their answers on both sides."""
    return [
        ToMeasure(recorded(text, role, calls_a_day), answer_of(before, text, role), answer_of(after, text, role))
        for text in texts
    ]


def by_text(measured: tuple[Measured, ...]) -> dict[str, Measured]:
    """What was measured, by the statement."""
    return {each.statement.text: each for each in measured}


def test_what_lost_its_index_is_slower_and_nothing_else(large_shop: Target, catalog_server: str) -> None:
    """Else a dropped index would reach production, or a good migration would be refused."""
    with changed(catalog_server, large_shop, "drop index orders_customer") as after:
        texts = (BY_CUSTOMER, UPDATE, *NOT_TOUCHED)
        found = by_text(measure(large_shop, after, chosen(large_shop, after, *texts), api=API, limit_s=60))
    assert {text for text, each in found.items() if not each.is_measured} == set(), found
    assert {text for text, each in found.items() if each.is_slower} == {BY_CUSTOMER, UPDATE}
    finding, _ = slower_findings([found[BY_CUSTOMER], found[BY_KEY], found[UPDATE]])
    assert (finding.effect, finding.counts) == (Effect.SLOWER, True)
    assert finding.subject == BY_CUSTOMER
    assert finding.roles == ("app",)
    assert finding.before_ms is not None
    assert finding.after_ms is not None
    assert finding.after_ms > 3 * finding.before_ms
    assert "times slower): it reads " in finding.sentence
    assert "orders_customer" in str(finding.before_plan)
    assert "Seq Scan" in str(finding.after_plan)
    assert "$1" in str(finding.after_plan)


def test_an_equal_pair_is_never_slower_beside_a_busy_machine(shop: Target, catalog_server: str) -> None:
    """Else who deploys while the machine is busy would be told that a comment makes statements slower."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        with changed(catalog_server, shop, "comment on table orders is 'the same'") as after:
            pairs = chosen(shop, after, BY_CUSTOMER, UPDATE, *NOT_TOUCHED, calls_a_day=10_000_000)
            for _ in range(3):
                found = measure(shop, after, pairs, api=API, limit_s=60)
                assert [each.sentence for each in found if each.is_slower] == []
                assert [each.is_measured for each in found] == [True] * len(pairs)
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_a_statement_under_row_level_security_is_measured_as_users_who_see_rows(
    large_shop: Target, catalog_server: str
) -> None:
    """Else it would be measured as somebody who sees nothing, and never be slower."""
    with changed(catalog_server, large_shop, "drop index own_user_id_created_at_idx, own_created_at_idx") as after:
        (found,) = measure(
            large_shop, after, chosen(large_shop, after, OF_MINE, role="authenticated"), api=API, limit_s=30
        )
    assert found.is_measured
    assert found.is_slower
    # The pages of a user's twenty rows, against those of the whole table.
    assert 5 < (found.before.blocks or 0) < 100 < (found.after.blocks or 0)


def test_writes_leave_nothing_behind_on_either_side(shop: Target, catalog_server: str) -> None:
    """Else the copy would no longer be what the migration and its rollback are judged by."""
    rows = "select count(*), max(id), max(status), (select last_value from orders_id_seq) from orders"
    with changed(catalog_server, shop) as after:
        before = [_row(each, rows) for each in (shop, after)]
        found = measure(
            shop, after, chosen(shop, after, INSERT, UPDATE, "delete from orders where id = $1"), api=API, limit_s=30
        )
        assert [_row(each, rows) for each in (shop, after)] == before
    insert, update, _ = found
    assert insert.is_measured
    assert update.is_measured
    assert update.is_from_rows


@pytest.mark.acceptance
def test_what_takes_too_long_afterwards_is_told_and_not_waited_for(shop: Target, catalog_server: str) -> None:
    """Else one endless statement would hold up the rehearsal. The planner does not know that this one is slow."""
    slow = "create or replace function public.price(numeric) returns numeric language sql volatile as 'select {}'"
    text = "select public.price(total) from orders where id = $1"
    begun = [slow.format("$1"), "grant execute on function public.price to app"]
    with changed(catalog_server, shop, *begun) as before:
        late = slow.format("$1 from pg_catalog.pg_sleep(60)")
        with changed(catalog_server, before, late) as after:
            pairs = chosen(before, after, text)
            started = time.monotonic()
            (found,) = measure(before, after, pairs, api=API, limit_s=60, run_s=0.7)
            assert time.monotonic() - started < 30
        with changed(catalog_server, before) as same:
            (reverse,) = measure(after_of(before, late), same, pairs, api=API, limit_s=60, run_s=0.5)
    assert found.is_slower
    assert " became more than 700 ms" in found.sentence
    assert reverse.sentence == "not measured: it takes longer than 0.5 s"
    assert not reverse.is_slower


def after_of(target: Target, migration: str) -> Target:
    """The same target, changed for good."""
    with psycopg.connect(target.conninfo, autocommit=True) as connection:
        connection.execute(migration.encode())
    return target


def test_what_there_is_no_time_for_is_told(shop: Target, catalog_server: str) -> None:
    """Else who reads the report would take it for measured."""
    with changed(catalog_server, shop) as after:
        found = measure(shop, after, chosen(shop, after, BY_KEY, BY_CUSTOMER), api=API, limit_s=0)
    assert [each.sentence for each in found] == ["not measured: the time for measuring was up"] * 2
    assert not any(each.is_measured or each.is_slower for each in found)


def test_what_is_refused_on_both_sides_is_not_measured_and_on_one_says_so(shop: Target, catalog_server: str) -> None:
    """Else an error's time would be taken for the statement's, or a new constraint would look like a quick insert."""
    divided = "select total / (id - id) from orders where id = $1"
    with changed(catalog_server, shop, "alter table orders add check (status = 'gone') not valid") as after:
        found = measure(shop, after, chosen(shop, after, divided, INSERT, BY_KEY), api=API, limit_s=30)
    both, after_alone, neither = found
    assert both.sentence == "not measured: division by zero (22012)"
    assert after_alone.before.error is None
    assert "violates check constraint" in str(after_alone.after.error)
    assert after_alone.sentence.startswith("not measured: after the migration it fails: ")
    assert neither.is_measured
    assert not any(each.is_slower for each in found)


def test_a_function_that_writes_can_be_measured(shop: Target, catalog_server: str) -> None:
    """Else what an application calls as a function could not be measured: by its text it only reads."""
    function = "create function public.touch(bigint) returns void language sql as 'update public.orders set note = null where id = $1'"
    with changed(catalog_server, shop, function, "grant execute on function public.touch to app") as after:
        text = "select public.touch($1)"
        (found,) = measure(after, after, chosen(after, after, text), api=API, limit_s=30)
    assert found.is_measured, found.sentence


def _row(target: Target, query: str) -> tuple[object, ...]:
    with psycopg.connect(target.conninfo, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchone() or ()


def _took(ms: float, blocks: int | None = 100, cost: float | None = 1.0, plan: str = "p") -> Measurement:
    return Measurement(ms, (ms,), blocks, cost, plan)


@pytest.mark.parametrize(
    ("before", "after", "calls_a_day", "slower"),
    [
        (_took(4), _took(310, blocks=8000), 0, True),
        (_took(100), _took(149, blocks=8000), 10**9, False),
        (_took(1), _took(20, blocks=8000), 0, False),
        # 3.5 ms more, 20,000 times a day: 70 s.
        (_took(1), _took(4.5, blocks=8000), 20_000, True),
        (_took(1), _took(4.5, blocks=8000), 10_000, False),
        (_took(1), _took(4.5, blocks=8000), None, False),
        (_took(1), _took(2.9, blocks=8000), 10**9, False),
        (_took(0.1), _took(0.9, blocks=8000), 10**9, False),
        # A time alone decides nothing, however long and often.
        (_took(4), _took(310), 10**9, False),
        (_took(4), _took(310, cost=9.0, plan="another"), 0, True),
    ],
)
def test_slower_has_a_reason_and_matters(
    before: Measurement, after: Measurement, calls_a_day: float | None, slower: bool
) -> None:
    """Else noise would fail a migration, or a statement sent all day would cost minutes of it unseen."""
    assert is_slower(before, after, calls_a_day) is slower


def test_what_has_not_ended_is_slower_if_it_has_taken_ten_times_as_long() -> None:
    """Else what became endless would pass, as nobody can count the blocks of it."""
    before, after = _took(400, blocks=None), _took(10_000, blocks=None)
    assert is_slower(before, after, None, has_ended=False)
    assert not is_slower(before, after, None)
    assert not is_slower(_took(4000, blocks=None), after, None, has_ended=False)


def test_the_sentence_names_both_times_and_the_reason() -> None:
    """Else a person would have to compare plans to see what is wrong."""
    assert describe_times(_took(4.1, blocks=4), _took(310, blocks=8210)) == (
        "4.1 ms became 310 ms (76 times slower): it reads 8,210 blocks instead of 4"
    )
    assert describe_times(_took(4, blocks=None), _took(10_000, blocks=None, cost=50.0), has_ended=False) == (
        "4.0 ms became more than 10,000 ms (2,500 times slower): its plan costs 50 instead of 1"
    )
    assert describe_times(_took(4), _took(3)) == "4.0 ms became 3.0 ms"


def test_those_that_got_costlier_and_those_that_take_the_most_time_are_chosen() -> None:
    """Else the time for measuring would go to statements that nobody waits for."""

    def asked(text: str, total_ms: float, before: float | None, after: float | None) -> ToMeasure:
        statement = RecordedStatement(text, text, "app", total_ms=total_ms)
        was, now = (Answer(Form(text, PATH), plan=_plan(cost)) for cost in (before, after))
        return ToMeasure(statement, was, now)

    def _plan(cost: float | None) -> str | None:
        return None if cost is None else json.dumps([{"Plan": {"Total Cost": cost}}])

    found = choose_to_measure(
        [
            asked("rare", 1, 10, 10),
            asked("long", 900, 10, 10),
            asked("longer", 1000, 10, 5),
            asked("costlier", 1, 10, 20),
            asked("much costlier", 500, 10, 900),
            asked("refused", 5000, 10, None),
        ],
        most=2,
    )
    assert [each.statement.id for each in found] == ["much costlier", "costlier", "longer", "long"]
