"""The timeouts of a server: the engine finds them in the server's own list, whatever the version calls them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pg_deploy.configuration.limits import Limits
from pg_deploy.execution.segments import Observer
from pg_deploy.parsing.statements import Segment
from pg_deploy.postgres.session import Connection, Target
from tests.building import write_migration
from tests.core.working import working_on
from tests.looking import Database
from tests.servers.server import Server

STEM = "20250101000000_look"


@pytest.fixture
def hurried(newer: Server) -> Iterator[Server]:
    """A server whose deploying role has every setting of a session that is a time at 100 ms, as a provider might set one."""
    with psycopg.connect(newer.admin_url(), autocommit=True) as admin:
        names = [
            row[0]
            for row in admin.execute(
                "select name from pg_settings where context = 'user' and unit in ('ms', 's') and min_val = '0'"
                " and vartype = 'integer' and name not like 'tcp%'"
            )
        ]
        assert "transaction_timeout" in names
        for name in names:
            admin.execute(sql.SQL("alter role postgres set {} = '100ms'").format(sql.Identifier(name)))
        yield newer
        admin.execute("alter role postgres reset all")
        admin.execute('alter role postgres set search_path = "$user", public, extensions')


def test_no_setting_of_role_or_database_ends_a_session_of_ours(hurried: Server) -> None:
    """Else a version that brings one more timeout aborts segments over and over, and nobody sees why."""
    target = Target("target_db", hurried.url())
    with pytest.raises(psycopg.Error), target.connect_plain("plain") as connection:
        _be_slow(connection)

    with target.session("test") as connection:
        _be_slow(connection)
        assert target.renew_session(connection, "again")
        _be_slow(connection)


def _be_slow(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute("begin")
    connection.execute("select pg_sleep(0.25)")
    time.sleep(0.25)
    connection.execute("select 1")
    connection.execute("commit")
    time.sleep(0.25)
    connection.execute("select 1")


def test_many_short_looks_before_the_commit_are_no_lost_connection(newer: Server, tmp_path: Path) -> None:
    """Else a busy machine, which takes long for what the engine reads before the commit, ends the session from 17 on."""
    write_migration(tmp_path / "m", STEM, "lock table public.looked_at;")
    url = newer.url("looking")
    with psycopg.connect(newer.admin_url(), autocommit=True) as admin:
        admin.execute("create database looking owner postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table public.looked_at (id int)")
    with working_on(url, tmp_path / "m", Limits(lock_budget=0.5)) as work:

        class Looking(Observer):
            looks = 9

            def before_commit(self, connection: Connection, segment: Segment) -> None:
                while self.looks:
                    self.looks -= 1
                    connection.execute("select pg_sleep(0.1)")

        work.apply(observer=Looking())

    assert "what we look at before the commit took too long while a lock was held; aborted" in work.text
    assert Database(url).attempts[-1][1] == "applied"
