"""Why a query is slow: a wait is no bad plan, a deployment is suspected only of what it touched, and rare queries stay known."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from demo.cluster import Cluster
from pg_deploy.monitor.suspects import reads_one_of
from tests.core.monitor.monitoring import Monitor
from tests.core.monitor.test_faults import admin_url, ask, keep_deployed_state

UPDATE = "update public.acc set n = n + 1 where id = 1"


def test_a_wait_for_a_lock_is_told_as_a_wait_and_no_deployment_is_blamed(monitor: Monitor) -> None:
    """Else somebody takes back a deployment that had nothing to do with it."""
    monitor.database.run("create table public.acc (id int primary key, n int); insert into public.acc values (1, 0)")
    for _ in range(4):
        update(monitor, 20)
        monitor.run()
    keep_deployed_state(monitor, stem="20250101000000_drop_orders_index")

    with psycopg.connect(monitor.database.url) as holder:
        holder.execute("update public.acc set n = 7 where id = 1")
        waiting = threading.Thread(target=update, args=(monitor, 20))
        waiting.start()
        time.sleep(3)
        holder.commit()
        waiting.join()
    outcome = monitor.run()

    (cause,) = outcome.causes("slow_queries").values()
    assert "its blocks do not explain it: it reads no more than before" in cause
    assert "one call of 20 took " in cause
    assert "suspect" not in cause
    assert "rollback_migrations" not in outcome.page


def test_a_lock_that_was_seen_while_the_statement_waited_is_named_with_its_holder(monitor: Monitor) -> None:
    """Else the one thing that explains it was seen by the look before, and is told to nobody."""
    monitor.database.run("create table public.acc (id int primary key, n int); insert into public.acc values (1, 0)")
    for _ in range(4):
        update(monitor, 20)
        monitor.run()

    with psycopg.connect(monitor.database.url, application_name="the holder") as holder:
        holder.execute("update public.acc set n = 7 where id = 1")
        waiting = threading.Thread(target=update, args=(monitor, 20))
        waiting.start()
        time.sleep(2)
        monitor.run()
        time.sleep(1)
        holder.commit()
        waiting.join()
        pid = holder.info.backend_pid
    outcome = monitor.run()

    (cause,) = outcome.causes("slow_queries").values()
    assert "; seen: pid " in cause
    assert f"held by pid {pid} (postgres, the holder)" in cause


def test_the_same_statement_of_two_roles_is_judged_for_each_role(monitor: Monitor) -> None:
    """Else the quick calls of one role hide the slow ones of another, or the wrong team looks for it."""
    monitor.database.run(
        "create table public.delay (who text, s float); insert into public.delay values ('postgres', 0), ('service_role', 0);"
        "grant select on public.delay to service_role"
    )

    def ask_both() -> None:
        with psycopg.connect(monitor.database.url, autocommit=True) as connection:
            for role in ("postgres", "service_role"):
                connection.execute(f"set role {role}".encode())
                for _ in range(20):
                    connection.execute("select pg_sleep(s) from public.delay where who = current_user")

    for _ in range(4):
        ask_both()
        monitor.run()
    monitor.database.run("update public.delay set s = 0.15 where who = 'service_role'")
    ask_both()
    outcome = monitor.run()

    (name,) = outcome.causes("slow_queries")
    assert name.endswith(" of service_role")


def update(monitor: Monitor, times: int) -> None:
    """Run the application's statement so many times."""
    with psycopg.connect(monitor.database.url, autocommit=True) as connection:
        for _ in range(times):
            connection.execute(UPDATE)


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ("select * from public.orders where id = $1", True),
        ("select * from orders o join other on true", True),
        ("select * from public.recent", True),
        ("select public.count_orders($1)", True),
        ("update public.acc set n = $1", False),
        ("select * from shop.orders", False),
        ("select 'public.orders'", False),
        ("select 1", False),
    ],
)
def test_a_statement_reads_what_it_names_itself_or_through_views_and_functions(
    monitor: Monitor, text: str, is_read: bool
) -> None:
    """Else a deployment of another table is suspected, or that of the table behind a function is not."""
    monitor.database.run(
        "create table public.orders (id int); create view public.recent as select * from public.orders;"
        "create function public.count_orders(int) returns bigint language plpgsql as"
        " $$ begin return (select count(*) from public.orders); end $$"
    )
    with psycopg.connect(monitor.database.url, autocommit=True) as connection:
        assert reads_one_of(connection, text, {"public.orders", "public.recent"}) == is_read


def test_what_first_appears_after_a_reset_is_judged_in_the_next_window(monitor: Monitor, demo_cluster: Cluster) -> None:
    """Else a really new query that came with a reset is never told."""
    monitor.run()
    query_orders(monitor)
    monitor.run()
    with psycopg.connect(admin_url(monitor, demo_cluster), autocommit=True) as admin:
        admin.execute("select extensions.pg_stat_statements_reset()")
    run_slow_query(monitor, "after_the_reset")
    first = monitor.run()
    run_slow_query(monitor, "after_the_reset")
    second = monitor.run()

    assert first.causes("slow_queries") == {}
    assert [
        cause
        for cause in second.causes("slow_queries").values()
        if "new and slow" in cause and "after_the_reset" in cause
    ]


def test_a_query_that_was_forgotten_is_not_new_again(monitor: Monitor, demo_cluster: Cluster) -> None:
    """Else a nightly query is "new and slow" each night."""
    limits = monitor.thresholds.statements.model_copy(update={"windows": 1})
    monitor.thresholds = monitor.thresholds.model_copy(update={"statements": limits})
    run_slow_query(monitor, "each_night")
    for _ in range(4):
        monitor.run()
    oid = "(select oid from pg_roles where rolname = 'postgres')"
    with psycopg.connect(admin_url(monitor, demo_cluster), autocommit=True) as admin:
        admin.execute(
            f"select extensions.pg_stat_statements_reset({oid}, 0, queryid) from extensions.pg_stat_statements"
            " where query like '%each_night%'"
        )
    monitor.run()
    monitor.run()
    run_slow_query(monitor, "each_night")
    outcome = monitor.run()

    assert outcome.causes("slow_queries") == {}


def test_a_secret_in_a_statement_is_not_kept(monitor: Monitor) -> None:
    """Else whoever may read the ledger reads the password that somebody gave to a role."""
    monitor.database.run("do $$ begin create role monitored; exception when duplicate_object then null; end $$")
    statement = (
        "do $$ begin perform pg_sleep(0.1); execute $q$alter role monitored password 'a-Secret-word1'$q$; end $$"
    )
    monitor.run()
    try:
        for _ in range(4):
            monitor.database.run(statement)
        monitor.run()
        kept = monitor.database.value(
            "select rows ->> 'texts' from deploy_ledger.measurement where measure = 'statements_memory' order by sample_id desc limit 1"
        )
    finally:
        monitor.database.run("drop role monitored")

    assert "alter role monitored password" in kept
    assert "a-Secret-word1" not in kept


def query_orders(monitor: Monitor) -> None:
    """Make orders, and query them, so that there is something to count."""
    monitor.database.run(
        "create table public.orders as select g as id, g % 5 as customer from generate_series(1, 10) g"
    )
    ask(monitor, 3)


def run_slow_query(monitor: Monitor, name: str) -> None:
    """Run a query of that name that takes a second, three times."""
    with psycopg.connect(monitor.database.url, autocommit=True) as connection:
        for _ in range(3):
            connection.execute(f"select pg_sleep(1.0) as {name}".encode())
