"""The record of calls: each statement's last call, and that whatever may have lost one ends the record."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import psycopg
import pytest

from demo.cluster import Cluster
from pg_deploy.monitor.known_statements import kept_texts
from pg_deploy.postgres.session import Target
from pg_deploy.workload.statement_calls import (
    CountedCalls,
    StatementCalls,
    begin_record,
    last_seen_by_key,
    read_counted_calls,
    read_gap_limit,
    read_statement_calls,
)
from tests.core.monitor.monitoring import Monitor
from tests.core.monitor.test_faults import admin_url

COUNT = "select count(*) from public.orders"
SUM = "select sum(id) from public.orders"
COUNTED = CountedCalls(1_000_000, {"1/10": 5, "2/10": 7}, "2026-01-01 00:00:00", 3, "2026-01-01 00:00:00")


@pytest.fixture
def orders(monitor: Monitor) -> Monitor:
    """The monitor of a database with one table, which was asked two things before the monitor first looked."""
    monitor.database.run("create table public.orders (id int)")
    ask(monitor, COUNT)
    ask(monitor, SUM)
    monitor.run()
    return monitor


def test_a_call_is_seen_by_the_next_look_and_by_that_one_alone(orders: Monitor) -> None:
    """Else a statement that was called long ago seems to be in use, or one in use seems quiet."""
    first = record(orders)
    ask(orders, SUM)
    orders.run()
    second = record(orders)
    orders.run()
    third = record(orders)

    assert key(orders, SUM) in second.calls
    assert second.last_calls[key(orders, SUM)] == second.last_look >= first.last_look
    assert third.last_calls[key(orders, SUM)] == second.last_look
    assert not first.last_calls.get(key(orders, COUNT))
    assert not third.last_calls.get(key(orders, COUNT))
    assert first.since == second.since == third.since


def test_a_statement_that_appears_between_two_looks_was_called_there(orders: Monitor) -> None:
    """Else the first call of a job of the month's end is none."""
    ask(orders, "select max(id) from public.orders")
    orders.run()

    found = record(orders)

    assert found.last_calls[key(orders, "select max(id) from public.orders")] == found.last_look


def test_each_role_has_a_last_call_of_its_own(orders: Monitor) -> None:
    """Else a statement of the application is taken for one of a person who tried it."""
    orders.database.run("grant select on public.orders to service_role")
    ask(orders, COUNT, role="service_role")
    orders.run()

    with Target("target_db", orders.database.url).session("test") as connection:
        seen = last_seen_by_key(connection)

    assert key(orders, COUNT) not in seen
    assert datetime.fromisoformat(seen[key(orders, COUNT, "service_role")]).tzinfo == timezone.utc


@pytest.mark.parametrize("is_whole", [True, False])
def test_counters_that_were_reset_begin_the_record_anew(orders: Monitor, demo_cluster: Cluster, is_whole: bool) -> None:
    """Else calls of which the reset took the proof are calls that never were."""
    before = record(orders)
    age(orders, 600)
    ask(orders, SUM)
    which = "" if is_whole else f"0, 0, {key(orders, SUM).split('/')[0]}"
    with psycopg.connect(admin_url(orders, demo_cluster), autocommit=True) as admin:
        admin.execute(f"select extensions.pg_stat_statements_reset({which})".encode())
    orders.run()

    after = record(orders)

    assert after.since >= before.since
    assert after.since == after.last_look
    assert not any(after.last_calls.values())
    assert after.why_begun.startswith(
        "the counters were reset at" if is_whole else "the counters of single statements were"
    )


def test_a_look_that_comes_too_late_begins_the_record_anew(orders: Monitor) -> None:
    """Else a month in which nobody looked counts as a month in which nobody called."""
    age(orders, 7100)
    orders.run()
    on = record(orders)
    age(orders, 7300)
    orders.run()
    anew = record(orders)

    assert on.since < on.last_look
    assert anew.since == anew.last_look
    assert anew.why_begun.startswith("the monitor did not look for 2 h ")


def test_a_monitor_that_looks_once_a_day_may_look_once_a_day(orders: Monitor) -> None:
    """Else a project with few samples can never prove anything."""
    orders.database.run(
        "insert into deploy_ledger.sample (taken_at, airflow_run, server_start)"
        " overriding system value select now() - n * interval '1 day', n::text, now() from generate_series(6, 1, -1) n"
    )
    with Target("target_db", orders.database.url).session("test") as connection:
        assert read_gap_limit(connection) == 3 * 86400


def test_a_role_whose_calls_are_not_counted_leaves_no_record(orders: Monitor, demo_cluster: Cluster) -> None:
    """Else a role that the server does not watch is quiet for ever."""
    before = record(orders)
    name = orders.database.url.rsplit("/", 1)[1]
    with psycopg.connect(admin_url(orders, demo_cluster), autocommit=True) as admin:
        admin.execute(f"alter role service_role in database {name} set pg_stat_statements.track = 'none'".encode())
        orders.run()
        blind = record(orders)
        admin.execute(f"alter role service_role in database {name} reset all".encode())
    orders.run()
    again = record(orders)

    assert before.calls
    assert not blind.calls
    assert "leaves out calls of some roles" in blind.why_begun
    assert again.calls
    assert again.since == again.last_look
    assert again.why_begun == blind.why_begun


def test_a_role_that_cannot_see_the_calls_of_others_knows_that(orders: Monitor) -> None:
    """Else nobody calls anything, as far as this role can see."""
    with Target("target_db", orders.database.url).session("test") as connection:
        seeing = read_counted_calls(connection)
        connection.execute("set role authenticated")
        blind = read_counted_calls(connection)

    assert seeing.problem is None
    assert seeing.by_key
    assert "needs pg_read_all_stats" in str(blind.problem)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"evictions": 4}, "statements were evicted before "),
        ({"evictions": None}, "this version of pg_stat_statements does not tell"),
        ({"reset_at": "2026-01-02 00:00:00.5"}, "the counters were reset at 2026-01-02 00:00 UTC"),
        ({"by_key": {"1/10": 4, "2/10": 7}}, "the counters of single statements were reset"),
        ({"by_key": {"2/10": 7}}, "the counters of single statements were reset"),
        (
            {"by_key": {"2/10": 7}, "server_start": "2026-01-02 00:00:00"},
            "the server was started anew at 2026-01-02 00:00 UTC and lost counters",
        ),
        ({"problem": "no"}, "the counters could not be read at "),
        ({"at": 1_007_201}, "the monitor did not look for 2 h"),
    ],
)
def test_what_may_have_lost_a_call_ends_the_record(change: dict[str, Any], why: str) -> None:
    """Else it proves what it cannot know."""
    kept = StatementCalls.from_json(begin_record(COUNTED, "").as_json())
    now = CountedCalls(**{**vars(COUNTED), "at": 1_000_900, **change})

    after = kept.after(now, 7200)

    assert after.why_begun.startswith(why)
    assert (after.since, after.last_calls) == (now.at, {})


def test_a_restart_that_lost_nothing_ends_nothing() -> None:
    """Else each weekend's maintenance takes the proof of the whole month."""
    now = CountedCalls(
        1_000_900, {**COUNTED.by_key, "3/10": 1}, COUNTED.reset_at, COUNTED.evictions, "2026-01-02 00:00:00"
    )

    after = StatementCalls.from_json(begin_record(COUNTED, "").as_json()).after(now, 7200)

    assert after.since == COUNTED.at
    assert after.last_calls == {"1/10": 0, "2/10": 0, "3/10": 1_000_900}


def test_twenty_thousand_statements_are_a_small_record() -> None:
    """Else every look writes megabytes into the ledger."""
    many = {f"{7_000_000_000_000_000_000 + number}/16384": 100_000 + number for number in range(20_000)}
    record = begin_record(CountedCalls(1_000_000, many, "", 0), "").after(
        CountedCalls(1_000_900, {key: calls + 1 for key, calls in many.items()}, "", 0), 7200
    )

    assert len(json.dumps(record.as_json())) < 1_000_000
    assert StatementCalls.from_json(json.loads(json.dumps(record.as_json()))) == record


def ask(monitor: Monitor, statement: str, role: str = "") -> None:
    """Call a statement once, as that role if one is named."""
    with psycopg.connect(monitor.database.url, autocommit=True) as connection:
        if role:
            connection.execute(f"set role {role}".encode())
        connection.execute(statement.encode())


def key(monitor: Monitor, statement: str, role: str = "postgres") -> str:
    """The statement's key in the record."""
    return str(
        monitor.database.value(
            "select queryid || '/' || userid from extensions.pg_stat_statements"
            " where query = %s and userid = %s::regrole and dbid = (select oid from pg_database where datname = current_database())",
            [statement, role],
        )
    )


def record(monitor: Monitor) -> StatementCalls:
    """What the monitor remembers."""
    with Target("target_db", monitor.database.url).session("test") as connection:
        found = read_statement_calls(connection)
    assert found is not None
    return found


def age(monitor: Monitor, seconds: int) -> None:
    """Make the record older: as if the monitor had looked so much earlier."""
    monitor.database.run(
        "update deploy_ledger.measurement set rows = rows || jsonb_build_object("
        f"'since', (rows ->> 'since')::bigint - {seconds}, 'seen', (rows ->> 'seen')::bigint - {seconds})"
        " where measure = 'statement_calls'"
    )


def test_of_many_texts_those_that_are_needed_are_kept() -> None:
    """Else the server would be asked for them at each look, and it reads all its texts for one."""
    texts = {f"{number}": "select 1" for number in range(700)}
    kept = kept_texts(texts, {"0", "699"})
    assert len(kept) == 500
    assert {"0", "699"} <= kept.keys()
