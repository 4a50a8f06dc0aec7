"""Planted faults: each found in one run, named rightly, and told once in two."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from demo.cluster import Cluster
from pg_deploy.monitor.judge import Breach, read_open_alerts, sync_alerts
from pg_deploy.monitor.measures import Measured
from pg_deploy.monitor.thresholds import Thresholds
from pg_deploy.preflight.drift import keep_state
from tests.core.monitor.monitoring import Monitor, Outcome

VIEW = "create materialized view public.v as select now() as materialized_at, g as id from generate_series(1, 10) g"
QUERY = "select count(*) from public.orders where customer = %s"


def limits_with(monitor: Monitor, measure: str, **values: object) -> Thresholds:
    """The shipped limits with one entry changed."""
    changed = monitor.thresholds.of(measure).model_copy(update=values)
    return monitor.thresholds.model_copy(update={"measures": {**monitor.thresholds.measures, measure: changed}})


def told_once(first: Outcome, second: Outcome, alert: str) -> None:
    """The first run told it, the second saw it and said nothing."""
    assert first.started == [alert]
    assert second.started == []
    assert f"{second.open[0].measure} {second.open[0].object}" == alert
    assert len(first.lines) == len(second.lines) == 1
    assert first.lines[0].startswith(f"ALERT {alert}: ")


@contextmanager
def session(url: str, *statements: str, application: str = "a reader") -> Iterator[psycopg.Connection]:
    """A session that has run the statements in a transaction, which stays open."""
    with psycopg.connect(url, application_name=application) as connection:
        for statement in statements:
            connection.execute(statement)
        yield connection
        connection.rollback()


def test_nothing_is_said_of_a_healthy_database(monitor: Monitor) -> None:
    """Else whoever is on call learns to ignore alerts."""
    outcomes = [monitor.run() for _ in range(3)]

    assert [outcome.started for outcome in outcomes] == [[], [], []]
    assert [outcome.problems for outcome in outcomes] == [(), (), ()]


def test_an_invalid_index_is_told_once_and_once_more_when_it_is_gone(monitor: Monitor) -> None:
    """Else the remains of a failed build slow every write, and no query, for years."""
    monitor.database.run("create table public.t (a int); insert into public.t values (1), (1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        monitor.database.run("create unique index concurrently broken on public.t (a)")

    first, second = monitor.run(), monitor.run()
    monitor.database.run("drop index public.broken")
    third = monitor.run()

    told_once(first, second, "invalid_indexes public.broken")
    assert third.ended == ["invalid_indexes public.broken"]


def test_a_session_idle_in_a_transaction_is_named(monitor: Monitor) -> None:
    """Else its locks and the vacuum that waits for it are found by chance."""
    monitor.thresholds = limits_with(monitor, "idle_in_transaction", above=0.2)
    monitor.run()
    with session(monitor.database.url, "select 1", application="forgotten console") as idle:
        time.sleep(0.3)
        first, second = monitor.run(), monitor.run()
        told_once(first, second, "idle_in_transaction postgres (forgotten console)")
        assert f"(pid {idle.info.backend_pid})" in first.lines[0]


def test_connections_at_ninety_per_cent_are_told_with_who_holds_them(monitor: Monitor, demo_cluster: Cluster) -> None:
    """Else the application meets the limit before anybody else does."""
    monitor.run()
    with psycopg.connect(demo_cluster.admin_url("postgres"), autocommit=True) as admin:
        (most,) = admin.execute("select current_setting('max_connections')::int").fetchone() or (100,)
        (used,) = admin.execute(
            "select count(*) from pg_stat_activity where backend_type = 'client backend'"
        ).fetchone() or (0,)
        held = [psycopg.connect(monitor.database.url) for _ in range(int(most * 0.9) - used)]
        try:
            first, second = monitor.run(), monitor.run()
        finally:
            for connection in held:
                connection.close()
    told_once(first, second, "connections the server")
    assert "most of them by postgres" in first.lines[0]


def test_a_policy_changed_by_hand_is_told_with_what_changed(monitor: Monitor) -> None:
    """Else a hole in the tenants' walls stays until somebody reads all policies."""
    monitor.database.run(
        "create table public.t (a int); alter table public.t enable row level security;"
        "create policy mine on public.t for select to authenticated using (false)"
    )
    monitor.run()
    keep_deployed_state(monitor)
    assert monitor.run().started == []

    monitor.database.run("alter policy mine on public.t using (true)")
    first, second = monitor.run(), monitor.run()

    told_once(first, second, "access_drift policy public.t.mine")
    assert "using false -> true" in first.lines[0]


HELPERS = (
    "create table public.t (a int); alter table public.t enable row level security;"
    "create function public.inner_one() returns boolean language sql security definer set search_path = '' as 'select false';"
    "revoke execute on function public.inner_one() from public, anon, authenticated;"
    "create function public.outer_one() returns boolean language sql set search_path = '' as 'select public.inner_one()';"
    "create policy mine on public.t for select to authenticated using (public.outer_one())"
)


def test_a_function_changed_by_hand_is_told_with_the_policy_that_rests_on_it(monitor: Monitor) -> None:
    """Else nobody sees that a helper's helper decides who reads the table."""
    monitor.database.run(HELPERS)
    monitor.run()
    keep_deployed_state(monitor)

    monitor.database.run(
        "create or replace function public.inner_one() returns boolean language sql security definer"
        " set search_path = '' as 'select true'"
    )
    first = monitor.run()

    (line,) = [line for line in first.lines if "access_drift function public.inner_one()" in line]
    assert "what rests on it: policy public.t.mine" in line


def test_a_function_opened_by_hand_is_told_with_the_policy_that_rests_on_it(monitor: Monitor) -> None:
    """Else whoever follows "revoke execute" takes every row of the table from those who ask the policy."""
    monitor.database.run(HELPERS)
    monitor.run()
    assert monitor.run().started == []

    monitor.database.run("grant execute on function public.inner_one() to authenticated")
    first, second = monitor.run(), monitor.run()

    told_once(first, second, "security_lints definer_function_open_to_the_api public.inner_one()")
    (line,) = [line for line in first.lines if "security_lints definer_function" in line]
    assert "what rests on it: policy public.t.mine" in line


def test_a_policy_added_by_hand_is_told_whatever_its_name_holds(monitor: Monitor) -> None:
    """Else a dot in a policy's name makes it a thing of its own, which nobody had access to before."""
    monitor.database.run("create table public.t (a int); alter table public.t enable row level security")
    monitor.run()
    keep_deployed_state(monitor)

    monitor.database.run('create policy "read v1.2" on public.t for select to authenticated using (true)')
    first = monitor.run()

    assert [line for line in first.lines if 'access_drift policy public.t."read v1.2"' in line], first.lines


BY_HAND = {
    "a guard that is disabled": ("alter table public.t disable trigger guard", "trigger public.t.guard"),
    "a rule": ("create rule r as on delete to public.t do instead nothing", "rule public.t.r"),
    "a view's option": ("alter view public.v reset (security_invoker)", "view public.v"),
    "a role's setting": ("alter role monitored set row_security = off", "row_security"),
    "a publication": ("create publication sent for table public.t", "publication sent"),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_whatever_decides_access_is_watched(monitor: Monitor, name: str) -> None:
    """Else a guard that somebody disabled for an hour stays disabled: what a deployment would prove is watched as well."""
    change, told = BY_HAND[name]
    monitor.database.run(
        "create table public.t (a int); create function public.g() returns trigger language plpgsql as 'begin return new; end';"
        "create trigger guard before update on public.t for each row execute function public.g();"
        "create view public.v with (security_invoker = on) as select a from public.t;"
        "do $$ begin create role monitored; exception when duplicate_object then null; end $$"
    )
    monitor.run()
    keep_deployed_state(monitor)
    assert monitor.run().started == []
    try:
        monitor.database.run(change)
        first = monitor.run()
        assert [line for line in first.lines if "access_drift" in line and told in line], first.lines
    finally:
        monitor.database.run("alter role monitored reset all; drop publication if exists sent; drop role monitored")


def test_a_query_made_slow_by_a_dropped_index_is_told_with_before_and_after(monitor: Monitor) -> None:
    """Else the deployment that dropped it looks harmless until customers call."""
    monitor.database.run(
        "create table public.orders as select g as id, g % 5000 as customer, repeat('x', 300) as note"
        " from generate_series(1, 60000) g; create index by_customer on public.orders (customer); analyze public.orders"
    )
    monitor.thresholds = monitor.thresholds.model_copy(
        update={"statements": monitor.thresholds.statements.model_copy(update={"at_least": 0.001})}
    )
    for _ in range(4):
        ask(monitor, 20)
        assert monitor.run().started == []

    monitor.database.run("drop index public.by_customer")
    ask(monitor, 20)
    first = monitor.run()
    ask(monitor, 20)
    second = monitor.run()

    assert len(first.started) == 1
    told_once(first, second, first.started[0])
    assert first.started[0].startswith("slow_queries query ")
    assert "select count(*) from public.orders where customer = $1" in first.lines[0]
    assert "ms before" in first.lines[0]
    assert "reading" in first.lines[0]


def test_a_new_bad_query_is_told(monitor: Monitor) -> None:
    """Else a release brings a query that eats the server, and nobody sees which."""
    monitor.run()
    monitor.run()
    with psycopg.connect(monitor.database.url, autocommit=True) as connection:
        for _ in range(4):
            connection.execute("select pg_sleep(0.6) as a_new_query")
    first, second = monitor.run(), monitor.run()

    assert len(first.started) == 1
    assert first.started[0].startswith("slow_queries query ")
    assert "new and slow" in first.lines[0]
    assert "a_new_query" in first.lines[0]
    assert second.started == []


@pytest.mark.parametrize(
    ("how_many", "runs"),
    [(3, 6), pytest.param(8, 30, marks=pytest.mark.acceptance)],
    ids=["briefly", "8 clients, 30 runs"],
)
def test_a_busy_database_whose_queries_only_wait_for_the_processor_raises_nothing(
    monitor: Monitor, how_many: int, runs: int
) -> None:
    """Else every busy hour wakes somebody."""
    monitor.database.run(
        "create table public.orders as select g as id, g % 500 as customer from generate_series(1, 20000) g"
    )
    stop = threading.Event()

    def load() -> None:
        with psycopg.connect(monitor.database.url, autocommit=True) as connection:
            while not stop.is_set():
                connection.execute(QUERY, [7])
                connection.execute("update public.orders set customer = customer where id = 7")

    clients = [threading.Thread(target=load) for _ in range(how_many)]
    for client in clients:
        client.start()
    try:
        started = [alert for _ in range(runs) for alert in monitor.run().started]
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert started == []


def test_a_missing_extension_for_statements_is_told_and_the_rest_is_measured(
    monitor: Monitor, demo_cluster: Cluster
) -> None:
    """Else "no slow queries" would mean that nobody looked."""
    monitor.run()
    with psycopg.connect(admin_url(monitor, demo_cluster), autocommit=True) as admin:
        admin.execute("drop extension pg_stat_statements")
    first, second = monitor.run(), monitor.run()
    with psycopg.connect(admin_url(monitor, demo_cluster), autocommit=True) as admin:
        admin.execute("create extension pg_stat_statements with schema extensions")
    third = monitor.run()

    told_once(first, second, "pg_stat_statements extension")
    assert "missing" in first.lines[0]
    assert first.problems == ()
    assert third.ended == ["pg_stat_statements extension"]


def test_reset_counters_are_told_and_cause_no_false_alarm(monitor: Monitor, demo_cluster: Cluster) -> None:
    """Else a reset makes every query look new, or hides what was slow."""
    ask_something(monitor)
    monitor.run()
    with psycopg.connect(admin_url(monitor, demo_cluster), autocommit=True) as admin:
        admin.execute("select extensions.pg_stat_statements_reset()")
    ask_something(monitor)
    first, second = monitor.run(), monitor.run()

    assert first.started == ["pg_stat_statements counters"]
    assert "reset" in first.lines[0]
    assert second.started == []
    assert second.ended == ["pg_stat_statements counters"]


def test_evicted_statements_are_told_with_the_setting_to_raise(monitor: Monitor, demo_cluster: Cluster) -> None:
    """Else rare and slow queries are forgotten before anybody sees them."""
    most = int(monitor.database.value("show pg_stat_statements.max"))
    monitor.run()
    with psycopg.connect(monitor.database.url, autocommit=True) as connection, connection.pipeline():
        for number in range(most + 100):
            # pg_stat_statements takes constants out, so statements have to differ in their shape.
            columns, conditions = 1 + number % 70, number // 70
            connection.execute(f"select {', '.join('1' * columns)} where true {'and 1 = 1 ' * conditions}".encode())
    first = monitor.run()
    # All databases of the server share the counters, and the next test needs room for its own.
    with psycopg.connect(admin_url(monitor, demo_cluster), autocommit=True) as admin:
        admin.execute("select extensions.pg_stat_statements_reset()")

    assert first.started == ["pg_stat_statements evictions"]
    assert f"pg_stat_statements.max = {most}" in first.lines[0]


@pytest.mark.parametrize(("touched", "is_suspect"), [("orders", True), ("other", False)])
def test_a_slow_query_names_a_deployment_in_between_that_touched_what_it_reads(
    monitor: Monitor, touched: str, is_suspect: bool
) -> None:
    """Else whoever reads the alert does not think of what was deployed an hour ago, or takes back what did no harm."""
    limits = {"new_fastest": 0.1, "new_total": 0.1, "windows": 2, "not_called": 0.0}
    monitor.thresholds = monitor.thresholds.model_copy(
        update={"statements": monitor.thresholds.statements.model_copy(update=limits)}
    )
    monitor.database.run("create table public.orders as select 1 as id; create table public.other as select 1 as id")
    monitor.run()
    monitor.run()
    keep_deployed_state(monitor, stem="20250101000000_orders", change=f"create index by_id on public.{touched} (id)")

    def release() -> str:
        with psycopg.connect(monitor.database.url, autocommit=True) as connection:
            # Not the deploying role: its new statements are taken for the deployment's own checks.
            connection.execute("set role service_role")
            for _ in range(3):
                connection.execute("select pg_sleep(0.3) as of_the_new_release from public.orders")
        return next(iter(monitor.run().causes("slow_queries").values()))

    causes = [release() for _ in range(5)]

    # This holds even when the kept windows begin after the deployment.
    assert [("deployment 1 (20250101000000_orders) ended" in cause) for cause in causes] == [is_suspect] * 5
    assert [("is the suspect" in cause) for cause in causes] == [is_suspect] * 5


def test_an_alert_that_could_not_be_measured_again_stays_open(monitor: Monitor) -> None:
    """Else not seeing a trouble would be told as its end."""
    monitor.thresholds = limits_with(monitor, "idle_in_transaction", above=0.2)
    monitor.run()
    with session(monitor.database.url, "select 1"):
        time.sleep(0.3)
        first = monitor.run()
        with psycopg.connect(monitor.database.url, autocommit=True) as connection:
            measured = [Measured("idle_in_transaction", problem="not visible to role x")]
            sync_alerts(connection, [], measured, monitor.thresholds)
            assert [alert.id for alert in read_open_alerts(connection)] == [alert.id for alert in first.open]
            sync_alerts(connection, [], [Measured("idle_in_transaction")], monitor.thresholds)
            assert read_open_alerts(connection) == ()


def test_an_alert_of_the_application_s_side_stays_open_while_nobody_looks_there(monitor: Monitor) -> None:
    """Else a connection that cannot be used, or a task that failed, tells the end of what nobody saw."""
    monitor.run()
    breach = Breach("cpu", "the server", "the CPU was busy for 99 % of the time", "look at it")
    with psycopg.connect(monitor.database.url, autocommit=True) as connection:
        sync_alerts(connection, [breach], [Measured("cpu")], monitor.thresholds)
        sync_alerts(connection, [], [], monitor.thresholds)
        assert len(read_open_alerts(connection)) == 1
        sync_alerts(
            connection, [], [Measured("prometheus", problem="the connection cannot be used")], monitor.thresholds
        )
        assert len(read_open_alerts(connection)) == 1
        # Whoever took the connection away says that nothing is looked at any more.
        sync_alerts(connection, [], [], limits_with(monitor, "cpu", ignore=("the server",)))
        assert read_open_alerts(connection) == ()


def test_an_alert_that_stands_is_told_again_after_a_day(monitor: Monitor) -> None:
    """Else a trouble that everybody forgot stays forgotten."""
    monitor.database.run("create materialized view public.v as select now() - interval '2 days' as materialized_at")
    monitor.run()
    monitor.run()
    assert monitor.reminders == 0

    monitor.database.run("update deploy_ledger.alert set told_at = now() - interval '25 hours'")
    monitor.run()
    monitor.run()

    assert monitor.reminders == 1


def test_a_security_finding_that_appears_is_told_and_those_of_the_first_look_are_not(monitor: Monitor) -> None:
    """Else the first run on an old database is a flood, or a new hole is one line among fifty."""
    monitor.database.run("create table public.old (a int)")
    assert monitor.run().started == []
    monitor.database.run("create table public.opened (a int)")

    first, second = monitor.run(), monitor.run()

    assert [alert for alert in first.started if "opened" in alert] == first.started
    assert any("rls_disabled" in alert for alert in first.started)
    assert second.started == []


def refresh_from_now_on(monitor: Monitor, **limits: object) -> None:
    """Let the monitor refresh what is stale."""
    views = monitor.thresholds.views.model_copy(update={"refresh": "stale", **limits})
    monitor.thresholds = monitor.thresholds.model_copy(update={"views": views})


def test_a_view_that_nobody_ever_filled_is_told_and_refreshed_only_if_a_setting_says_so(monitor: Monitor) -> None:
    """Else a dashboard shows an error, or the monitor does what nobody asked it to."""
    monitor.database.run("create materialized view public.v as select 1 as id with no data")

    first, second = monitor.run(), monitor.run()
    assert not monitor.database.value("select relispopulated from pg_class where oid = 'public.v'::regclass")
    refresh_from_now_on(monitor)
    third, fourth = monitor.run(), monitor.run()

    # The lints tell it too; this test is about the view's age.
    assert [alert for alert in first.started if alert.startswith("view_freshness")] == ["view_freshness public.v"]
    assert second.started == []
    assert (
        "it was never populated; no job that can be seen here refreshes it"
        in first.causes("view_freshness")["public.v"]
    )
    assert "refreshed it for the first time" in third.page
    assert "view_freshness public.v" in fourth.ended


def test_an_age_that_cannot_be_known_is_no_alert(monitor: Monitor) -> None:
    """Else each view of an application is an alert, forever."""
    monitor.database.run("create materialized view public.v as select 1 as id")
    refresh_from_now_on(monitor)

    outcome = monitor.run()

    assert outcome.started == []
    assert "how old it is cannot be known" in outcome.page
    assert monitor.database.value("select count(*) from deploy_ledger.refresh") == 0


def test_a_stale_view_that_a_long_reader_locks_is_told_with_who_locks_it(monitor: Monitor) -> None:
    """Else "still stale" leaves whoever reads it searching."""
    monitor.database.run(
        "create materialized view public.v as select now() - interval '2 days' as materialized_at, 1 as id"
    )
    refresh_from_now_on(monitor, lock_budget=0.2, give_up_after=0.5)
    with session(monitor.database.url, "select * from public.v", application="a long reader") as reader:
        pid = reader.info.backend_pid
        first, second = monitor.run(), monitor.run()

    told_once(first, second, "view_freshness public.v")
    assert f"pid {pid} (postgres, a long reader; AccessShareLock" in second.lines[0]


def test_an_alert_names_what_is_wrong_with_the_job_of_a_view(cron_monitor: Monitor) -> None:
    """Else "stale" says nothing of why: the job deleted, disabled, failing, or never run."""
    monitor = cron_monitor
    monitor.database.run(VIEW)
    monitor.database.run("create unique index on public.v (id)")
    schedule = "select cron.schedule('refresh-v', '0 * * * *', 'refresh materialized view concurrently public.v')"
    monitor.database.run(schedule)
    assert monitor.run().started == []

    monitor.database.run("select cron.alter_job(jobid, active := false) from cron.job where jobname = 'refresh-v'")
    disabled, again = monitor.run(), monitor.run()
    told_once(disabled, again, "view_freshness public.v")
    assert "its job refresh-v of pg_cron is disabled" in disabled.lines[0]

    monitor.database.run("select cron.alter_job(jobid, active := true) from cron.job where jobname = 'refresh-v'")
    assert monitor.run().ended == ["view_freshness public.v"]

    monitor.database.run("select cron.unschedule(jobid) from cron.job where jobname = 'refresh-v'")
    deleted = monitor.run()
    assert deleted.started == ["view_freshness public.v"]
    assert "its job refresh-v of pg_cron was deleted" in deleted.lines[0]

    monitor.database.run(schedule)
    assert "view_freshness public.v" in monitor.run().ended


def test_a_failing_job_is_told_with_its_error(cron_monitor: Monitor, demo_cluster: Cluster) -> None:
    """Else the cause stands in a table that nobody reads."""
    monitor = cron_monitor
    monitor.database.run(VIEW)
    monitor.database.run(
        "select cron.schedule('refresh-v', '0 * * * *', 'refresh materialized view concurrently public.v')"
    )
    with psycopg.connect(demo_cluster.admin_url(), autocommit=True) as admin:
        # Written as pg_cron writes it, so that nobody waits for the next full hour.
        admin.execute(
            "insert into cron.job_run_details (jobid, runid, command, status, return_message, start_time, end_time)"
            " select jobid, 900, command, 'failed', 'ERROR: cannot refresh materialized view concurrently', now(), now()"
            " from cron.job where jobname = 'refresh-v'"
        )
    first, second = monitor.run(), monitor.run()

    told_once(first, second, "view_freshness public.v")
    assert "fails: ERROR: cannot refresh materialized view concurrently" in first.lines[0]


def test_without_pg_monitor_it_says_what_it_cannot_see(monitor: Monitor, demo_cluster: Cluster) -> None:
    """Else sessions that this role may not see would count as none."""
    with psycopg.connect(admin_url(monitor, demo_cluster), autocommit=True) as admin:
        admin.execute("revoke pg_monitor from postgres")
    try:
        outcome = monitor.run()
    finally:
        with psycopg.connect(admin_url(monitor, demo_cluster), autocommit=True) as admin:
            admin.execute("grant pg_monitor to postgres")

    assert outcome.problems == ()
    assert 'idle_in_transaction: not visible to role "postgres": grant pg_monitor to it' in outcome.page


def ask(monitor: Monitor, times: int) -> None:
    """Run the application's query so many times."""
    with psycopg.connect(monitor.database.url, autocommit=True) as connection:
        for number in range(times):
            connection.execute(QUERY, [number])


def ask_something(monitor: Monitor) -> None:
    """Run some statements, so that there are counters."""
    for _ in range(3):
        monitor.database.rows("select count(*) from pg_catalog.pg_class")


def admin_url(monitor: Monitor, cluster: Cluster) -> str:
    """The superuser's URL of the monitored database."""
    return cluster.admin_url(monitor.database.url.rsplit("/", 1)[1])


def keep_deployed_state(monitor: Monitor, stem: str | None = None, change: str | None = None) -> None:
    """Keep the state as the end of a deployment does. `change` is what the deployment did, between two snapshots."""
    with psycopg.connect(monitor.database.url, autocommit=True) as connection:
        row = connection.execute(
            "insert into deploy_ledger.deployment (dag_id, airflow_run, host, actor, conf, folder, folder_versions,"
            " good_until, phase, state, ended_at) values ('deploy_migrations', 'r', 'h', 'a', '{}', '', '{}', now(), 'report',"
            " 'deployed', now()) returning id"
        ).fetchone()
        if change:
            for moment, statement in (("before", "select 1"), ("after", change)):
                connection.execute(statement.encode())
                keep_state(connection, row[0] if row else 0)
                connection.execute("update deploy_ledger.snapshot set moment = %s where moment = 'deployed'", [moment])
        keep_state(connection, row[0] if row else 0)
        if stem:
            connection.execute(
                "insert into deploy_ledger.attempt (deployment_id, version, stem, sql_hash, state)"
                " values (%s, %s, %s, 'x', 'verified')",
                [row[0] if row else 0, stem.split("_")[0], stem],
            )
