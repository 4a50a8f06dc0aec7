"""Whether nobody called the statements that name an object, and for how long that is proven."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from demo.cluster import Cluster
from pg_deploy.ledger.kinds.workload import RecordedStatement
from pg_deploy.monitor.thresholds import read_thresholds
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.workload.quiet import Quiet, prove_quiet
from pg_deploy.workload.statement_calls import CountedCalls, read_counted_calls
from tests.core.monitor.monitoring import Monitor
from tests.core.monitor.test_statement_calls import age, ask, key
from tests.looking import Database

NOTE = "select note from public.orders"
ID = "select id from public.orders"
HOUR, DAY = 3600, 86400


@pytest.fixture
def monitor(empty_database: str) -> Monitor:
    """The monitor of a database with a table of orders, whose notes were read once before."""
    made = Monitor(Database(empty_database), read_thresholds())
    made.database.run("create table public.orders (id int, note text)")
    ask(made, NOTE)
    return made


@pytest.fixture
def connection(monitor: Monitor) -> Iterator[Connection]:
    """A session of the engine on its target, which has a ledger."""
    with Target("target_db", monitor.database.url).session("test") as session:
        yield session


def test_what_nobody_called_for_as_long_as_asked_is_quiet(monitor: Monitor, connection: Connection) -> None:
    """Else a drop that is safe can never be deployed."""
    monitor.run()
    begin_earlier(monitor, 3 * DAY + 4 * HOUR)
    ask(monitor, ID)

    found = is_quiet(connection, monitor, DAY)

    assert found.is_enough
    assert found.seconds >= 3 * DAY + 4 * HOUR
    assert found.sentence == "no statement that names public.orders.note was called for 3 days 4 h"


def test_a_record_that_is_too_short_is_not_enough(monitor: Monitor, connection: Connection) -> None:
    """Else a job of the month's end is dropped in the middle of the month."""
    monitor.run()
    begin_earlier(monitor, 5 * HOUR)

    found = is_quiet(connection, monitor, DAY)

    assert not found.is_enough
    assert found.sentence.startswith(
        "the monitor's samples show 5 h without a gap, and quiet_for asks for 24 h; before that, the monitor first looked at "
    )


def test_a_statement_that_was_called_is_named_with_its_role(monitor: Monitor, connection: Connection) -> None:
    """Else nobody knows whom to ask."""
    monitor.run()
    begin_earlier(monitor, 5 * DAY)
    ask(monitor, NOTE)
    monitor.run()
    shift_calls(monitor, 2 * HOUR)

    found = is_quiet(connection, monitor, DAY)

    assert not found.is_enough
    assert found.sentence == "the statement 1a2b3c4d (app) was called 2 h ago, and quiet_for asks for 24 h"
    assert is_quiet(connection, monitor, HOUR).is_enough


def test_a_call_since_the_last_sample_counts(monitor: Monitor, connection: Connection) -> None:
    """Else the quarter of an hour before the drop is nobody's."""
    monitor.run()
    begin_earlier(monitor, 5 * DAY)
    ask(monitor, NOTE)

    found = is_quiet(connection, monitor, DAY)

    assert (found.seconds, found.is_enough) == (0, False)
    assert "the statement 1a2b3c4d (app) was called since the monitor's last sample of " in found.sentence


def test_a_statement_that_the_record_does_not_know_counts_as_called_now(
    monitor: Monitor, connection: Connection
) -> None:
    """Else the statement of the release of this minute is quiet for days."""
    monitor.run()
    begin_earlier(monitor, 5 * DAY)
    new = "select max(note) from public.orders"
    ask(monitor, new)

    found = is_quiet(connection, monitor, DAY, new)

    assert (found.seconds, found.is_enough) == (0, False)
    assert "the statement 1a2b3c4d (app) is new since the monitor's last sample of " in found.sentence


def test_without_a_statement_the_record_alone_proves_it(monitor: Monitor, connection: Connection) -> None:
    """Else what nobody ever used cannot be dropped."""
    monitor.run()
    begin_earlier(monitor, 2 * DAY)

    assert prove_quiet(connection, "public.orders.note", [], DAY).is_enough
    assert not prove_quiet(connection, "public.orders.note", [], 3 * DAY).is_enough


def test_without_samples_nothing_is_proven(monitor: Monitor, connection: Connection) -> None:
    """Else a team without the monitor drops what is in use."""
    monitor.run()
    monitor.database.run("delete from deploy_ledger.sample")

    found = is_quiet(connection, monitor, DAY)

    assert (found.seconds, found.is_enough) == (0, False)
    assert "there are no samples: schedule monitor_database" in found.sentence


def test_a_reset_since_the_last_sample_takes_the_proof(
    monitor: Monitor, connection: Connection, demo_cluster: Cluster
) -> None:
    """Else whoever resets the counters makes every statement quiet."""
    monitor.run()
    begin_earlier(monitor, 5 * DAY)
    statement = recorded(monitor, NOTE)
    with psycopg.connect(demo_cluster.admin_url(connection.info.dbname), autocommit=True) as admin:
        admin.execute("select extensions.pg_stat_statements_reset()")

    found = prove_quiet(connection, "public.orders.note", [statement], DAY)

    assert (found.seconds, found.is_enough) == (0, False)
    assert found.sentence.startswith("the counters were reset at ")


def test_a_monitor_that_stopped_looking_proves_nothing(monitor: Monitor, connection: Connection) -> None:
    """Else the samples of last month prove that this month was quiet."""
    monitor.run()
    begin_earlier(monitor, 5 * DAY)
    age(monitor, 3 * HOUR)

    found = is_quiet(connection, monitor, DAY)

    assert not found.is_enough
    assert found.sentence.startswith("the monitor did not look for 3 h")


def test_the_time_zone_of_a_session_is_no_reset(monitor: Monitor, connection: Connection) -> None:
    """Else a database in Berlin never proves anything."""
    monitor.run()
    begin_earlier(monitor, 2 * DAY)
    connection.execute("set time zone 'Europe/Berlin'; set datestyle = 'German'")

    assert is_quiet(connection, monitor, DAY).is_enough


def test_counters_that_were_read_already_are_taken(monitor: Monitor, connection: Connection) -> None:
    """Else each object of a migration reads thousands of counters again."""
    monitor.run()
    begin_earlier(monitor, 2 * DAY)
    now = read_counted_calls(connection)
    statement = recorded(monitor, NOTE)
    more = {**now.by_key, statement.key: now.by_key[statement.key] + 1}
    called = CountedCalls(now.at, more, now.reset_at, now.evictions, now.server_start)

    assert prove_quiet(connection, "public.orders", [statement], DAY, now=now).is_enough
    assert not prove_quiet(connection, "public.orders", [statement], DAY, now=called).is_enough


def test_each_key_of_a_statement_counts(monitor: Monitor, connection: Connection) -> None:
    """Else a text is quiet under the table that was, while it is called under the one that took its name."""
    ask(monitor, ID)
    monitor.run()
    begin_earlier(monitor, 2 * DAY)
    ask(monitor, ID)
    twice = replace(recorded(monitor, NOTE), more_keys=(key(monitor, ID),))

    assert "1a2b3c4d (app) was called since" in prove_quiet(connection, "public.orders", [twice], DAY).sentence


def is_quiet(connection: Connection, monitor: Monitor, asked_s: float, text: str = NOTE) -> Quiet:
    """Whether that statement was quiet."""
    return prove_quiet(connection, "public.orders.note", [recorded(monitor, text)], asked_s)


def recorded(monitor: Monitor, text: str) -> RecordedStatement:
    """The statement as a workload holds it."""
    return RecordedStatement("1a2b3c4d", text, "app", key=key(monitor, text))


def begin_earlier(monitor: Monitor, seconds: int) -> None:
    """Let the record begin so much earlier; the last look stays."""
    monitor.database.run(
        f"update deploy_ledger.measurement set rows = rows || jsonb_build_object('since', (rows ->> 'since')::bigint - {seconds})"
        " where measure = 'statement_calls'"
    )


def shift_calls(monitor: Monitor, seconds: int) -> None:
    """Let every call that the record saw be so much earlier."""
    monitor.database.run(
        "update deploy_ledger.measurement m set rows = m.rows || jsonb_build_object('statements', ("
        " select jsonb_object_agg(key, case when jsonb_array_length(value) > 1"
        f" then jsonb_build_array(value -> 0, (value ->> 1)::bigint - {seconds}) else value end)"
        " from jsonb_each(m.rows -> 'statements'))) where measure = 'statement_calls'"
    )
