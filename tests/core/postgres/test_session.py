"""A renewed session: whatever a migration left in it, the next one begins as in a new connection."""

from __future__ import annotations

import psycopg
import pytest

from demo.cluster import Cluster
from pg_deploy.catalog.reader import read_facts
from pg_deploy.postgres.session import Target

STATE = """select current_user::text, session_user::text, current_setting('search_path'), current_setting('datestyle'),
    current_setting('lock_timeout'), current_setting('statement_timeout'), current_setting('default_transaction_read_only'),
    current_setting('synchronous_commit'), current_setting('jit'),
    (select count(*) from pg_catalog.pg_prepared_statements), (select count(*) from pg_catalog.pg_cursors),
    (select count(*) from pg_catalog.pg_listening_channels()), pg_catalog.to_regclass('pg_temp.left_behind'),
    (select count(*) from pg_catalog.pg_locks where pid = pg_catalog.pg_backend_pid() and locktype = 'advisory'),
    current_setting('client_connection_check_interval', true), current_setting('app.tenant', true) is null"""

LEFT = {
    "role": "set role anon",
    "session authorization": "set session authorization authenticated",
    "search_path": "set search_path = auth, public",
    "style of dates": "set datestyle = 'German'",
    "timeouts": "set lock_timeout = '7s'; set statement_timeout = '9s'; set client_connection_check_interval = 0",
    "read only": "set session characteristics as transaction read only; set default_transaction_read_only = on",
    "no flush": "set synchronous_commit = off; set jit = off",
    "prepared statement": "prepare mine as select 1",
    "cursor": "begin; declare mine cursor with hold for select 1; commit",
    "listener": "listen news",
    "temporary table": "create temporary table left_behind (id int)",
    "advisory lock": "select pg_advisory_lock(42), pg_advisory_lock_shared(43)",
}


@pytest.fixture
def target(demo_cluster: Cluster) -> Target:
    """As the superuser, who may set everything."""
    return Target("target_db", demo_cluster.admin_url("postgres"))


@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_a_renewed_session_is_like_a_new_one(target: Target, left: str) -> None:
    """Else the settings of one migration would decide the next one's names, rights and locks, but only if they share a task."""
    with target.session("first") as connection, target.session("new") as fresh:
        expected = fresh.execute(STATE).fetchone()
        connection.execute(left.encode())
        assert connection.execute(STATE).fetchone() != expected
        pid = connection.info.backend_pid
        assert target.renew_session(connection, "second")
        assert connection.execute(STATE).fetchone() == expected
        assert connection.info.backend_pid == pid
        assert connection.execute("select current_setting('application_name')").fetchone() == ("pg_deploy second",)


def test_our_own_plan_stays_and_a_lookalike_is_not_used(target: Target) -> None:
    """Facts are read under a rollback's locks: planning their statement there takes longer than the statement."""
    names = "select name from pg_catalog.pg_prepared_statements where name like 'deploy%'"
    with target.session("first") as connection, target.session("other") as fresh:
        expected = read_facts(connection, keep_plan=True).fingerprint
        assert target.renew_session(connection, "second")
        found = connection.execute(names).fetchall()
        assert len(found) == 1
        fresh.execute(
            f"prepare {found[0][0]} as select 'table' as kind, 'x' as identity, 'database' as scope, '{{}}' as definition"
        )
        assert read_facts(fresh, keep_plan=True).fingerprint == expected


def test_a_renewed_session_has_forgotten_its_sequences(target: Target) -> None:
    """Else currval() would give what the last migration inserted."""
    with target.session("first") as connection:
        connection.execute("create sequence public.counted")
        try:
            connection.execute("select nextval('public.counted')")
            assert target.renew_session(connection, "second")
            with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
                connection.execute("select currval('public.counted')")
        finally:
            connection.execute("drop sequence public.counted")


@pytest.mark.parametrize("purpose", ["rollback of '2025' \\ 100%", "ü" * 80])
def test_a_purpose_of_any_letters_names_the_session(target: Target, purpose: str) -> None:
    """The name goes into the statement's text: a quote or a per cent of a file's name must not end it."""
    with target.session(purpose) as connection:
        named = connection.execute("select current_setting('application_name')").fetchone()
        assert target.renew_session(connection, purpose)
        assert connection.execute("select current_setting('application_name')").fetchone() == named


def test_a_session_in_a_transaction_or_ended_is_not_renewed(target: Target) -> None:
    """It is closed, and the caller opens a new one."""
    busy = target.connect("busy")
    busy.execute("begin")
    assert not target.renew_session(busy, "next")
    assert busy.closed
    with target.session("killer") as killer:
        ended = target.connect("ended")
        killer.execute("select pg_terminate_backend(%s, 5000)", [ended.info.backend_pid])
        assert not target.renew_session(ended, "next")
        assert ended.closed
