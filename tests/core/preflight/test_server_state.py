"""Tests of what preflight reads about the server, and of what it concludes from it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pg_deploy.preflight.server.judgement import describe, refusals, warnings
from pg_deploy.preflight.server.state import (
    LockWait,
    PreparedTransaction,
    Replica,
    ServerState,
    Slot,
    read_server_state,
    without_literals,
)
from tests.core.preflight.conftest import Server, as_postgres, free_port, wait_for
from tests.installed import installed
from tests.servers.table import MATRIX
from tests.waiting import until


def state_of(server: Server, role: str = "deployer", **changes: object) -> ServerState:
    with server.connect(role) as connection:
        return replace(read_server_state(connection), **changes)  # type: ignore[arg-type]


def refusal_kinds(state: ServerState, *extensions: str, **options: bool) -> list[str]:
    return [type(each).__name__ for each in refusals(state, required_extensions=extensions, **options)]


@contextmanager
def in_force(server: Server, make: str, undo: str, role: str = "postgres") -> Iterator[None]:
    """`make` in force inside the block, `undo` after it."""
    with server.connect(role) as connection:
        connection.execute(make)
    try:
        yield
    finally:
        with server.connect(role) as connection:
            for statement in undo.split(";"):
                connection.execute(statement)


def test_the_state_of_a_healthy_server_is_read_whole_and_nothing_is_refused(server: Server) -> None:
    """A deployment as Supabase's non-superuser must pass, with every figure in the log."""
    state = state_of(server)
    assert (state.database, state.role) == ("app", "deployer")
    assert state.version_num >= 140000
    assert state.size_bytes > 1_000_000
    assert state.is_supabase
    assert state.connections.most == 40
    assert state.connections.reserved == 3
    assert state.connections.used >= 1
    assert state.tables_per_schema["vault"] == 1
    assert state.settings["wal_level"] == "logical"
    assert state.settings["data_checksums"] in {"on", "off"}
    assert state.extensions_installed["plpgsql"]
    assert "citext" in state.extensions_available
    assert "pg_monitor" in state.member_of
    assert state.not_visible == ("free disk space",)
    assert refusals(state, required_extensions=["plpgsql"], must_read_everything=True) == ()
    text = "\n".join(describe(state))
    assert '"app"' in text
    assert "createrole" in text
    assert "not visible to this role from SQL: free disk space" in text


def test_tables_are_counted_as_the_guide_counts_them(server: Server) -> None:
    """The number is compared with the one that the guide's own query prints."""
    query = "select count(*) from information_schema.tables where table_schema = 'public'"
    for role in ("deployer", "plain", "postgres"):
        with server.connect(role) as connection:
            counted = connection.execute(query).fetchone()
            assert read_server_state(connection).table_count == (counted or (None,))[0]


def test_reading_changes_nothing_and_works_in_a_read_only_transaction(server: Server) -> None:
    """A dry run is read-only; a refused read inside the caller's transaction must not end it."""
    with psycopg.connect(server.url("plain"), autocommit=False) as connection:
        connection.read_only = True
        state = read_server_state(connection)
        assert state.role == "plain"
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_role_without_pg_monitor_reads_the_state_and_is_told_what_it_cannot_see(server: Server) -> None:
    """Silence about other sessions would read as "nobody is in the way"."""
    with server.connect("deployer") as other, other.transaction():
        other.execute("select 1")
        state = state_of(server, "plain")
    assert "transactions of other roles" in state.not_visible
    assert state.transactions == ()
    assert "others are not visible" in "\n".join(describe(state))
    assert state.connections.used >= 2


def test_an_open_transaction_is_shown_with_its_owner_and_without_its_secrets(server: Server) -> None:
    """A CONCURRENTLY build waits for it: the engineer must know whom to call, and the log must hold no token."""
    with psycopg.connect(server.url("stranger"), application_name="report tool") as other:
        other.execute("select 'sk_live_12345', $$hidden$$, 4111111111111111 /* password */ as \"it's\"")
        state = state_of(server)
        oldest = state.oldest_transaction
        assert oldest is not None
        assert (oldest.user, oldest.application, oldest.state) == ("stranger", "report tool", "idle in transaction")
        assert oldest.query == 'select ?, ?, ? as "it\'s"'
        assert state.idle_in_transaction == 1
        assert warnings(state) == ()
        old = replace(state, transactions=(replace(oldest, age_seconds=75.0),))
        assert f'pid {oldest.pid} ("stranger", "report tool") has had a transaction open for 75 s' in warnings(old)[0]
        assert "report tool" in "\n".join(describe(state))
    assert state_of(server).oldest_transaction is None


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("select E'it\\'s secret' , 'b'", "select ? , ?"),
        ("select 'unfinished sec", "select ?"),
        ("select $a$one $b$ two$a$ + t1.x2 -- it's mine\n from t1", "select ? + t1.x2 from t1"),
        ("update t set token = 'x''y', n = 12.5e3", "update t set token = ?, n = ?"),
        ('select "col1" /* don\'t */ from "T\'s"', 'select "col1" from "T\'s"'),
        ("select " + "x, " * 90, ("select " + "x, " * 90)[:99] + "…"),
    ],
)
def test_literals_and_comments_never_reach_the_log(query: str, shown: str) -> None:
    """Queries of other people carry tokens and addresses."""
    assert without_literals(query) == shown


def test_prepared_transactions_and_waits_for_locks_are_seen(server: Server) -> None:
    """A forgotten prepared transaction holds its locks for ever and shows in no list of sessions."""
    with in_force(
        server, "create table public.locked (id int)", "rollback prepared 'lost one';drop table public.locked"
    ):
        with server.connect() as connection:
            connection.execute("begin")
            connection.execute("alter table public.locked add column x int")
            connection.execute("prepare transaction 'lost one'")
        waiting = server.connect()

        def wait() -> None:
            with pytest.raises(psycopg.errors.QueryCanceled):
                waiting.execute("select * from public.locked")

        waiter = threading.Thread(target=wait)
        waiter.start()
        try:
            for _ in range(100):
                state = state_of(server)
                if state.lock_waits:
                    break
        finally:
            waiting.cancel()
            waiter.join()
            waiting.close()
    assert [(each.gid, each.owner) for each in state.prepared_transactions] == [("lost one", "postgres")]
    (lock_wait,) = state.lock_waits
    assert (lock_wait.object, lock_wait.mode) == ("public.locked", "AccessShareLock")
    assert 'prepared transaction "lost one"' in warnings(state)[0]
    assert "public.locked" in "\n".join(describe(state))
    # A wait of less than five seconds is no warning.
    assert len(warnings(replace(state, lock_waits=(replace(lock_wait, waited_seconds=6.0),)))) == 2


def wait_until_alone(admin: psycopg.Connection) -> None:
    left = "select 1 from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
    until(lambda: admin.execute(left).fetchone() is None, "all other sessions are closed")


def test_the_number_of_free_connections_is_the_number_that_can_really_be_opened(server: Server) -> None:
    """Too many promised: the run fails in the middle. Too few: a deployment is refused for nothing."""
    for make, undo in (
        ("select 1", "select 1"),
        ("alter role deployer connection limit 5", "alter role deployer connection limit -1"),
        ("alter database app connection limit 6", "alter database app connection limit -1"),
    ):
        with in_force(server, make, undo), ExitStack() as stack:
            # The server counts a closed session until its process has ended. The session that waits for that counts too.
            wait_until_alone(stack.enter_context(server.connect(database="template1")))
            first = stack.enter_context(server.connect("deployer"))
            promised = read_server_state(first).connections.free
            for _ in range(promised):
                stack.enter_context(server.connect("deployer"))
            with pytest.raises(psycopg.OperationalError, match=r"too many connections|remaining connection slots"):
                server.connect("deployer")
            with ExitStack() as one:
                one.enter_context(first)
                crowded = read_server_state(first)
            assert refusal_kinds(crowded) == ["TooFewConnectionsError"]
            assert "0 connections left" in str(refusals(crowded, required_extensions=())[0])


def test_read_only_sessions_are_refused(server: Server) -> None:
    """Supabase turns this on when a disk is full: the first CREATE would fail."""
    make = "alter role deployer in database app set default_transaction_read_only = on"
    with in_force(server, make, "alter role deployer in database app reset all"):
        assert refusal_kinds(state_of(server)) == ["ReadOnlyServerError"]


def test_what_our_own_session_has_set_is_not_taken_for_the_servers(server: Server) -> None:
    """A dry run makes its session read-only itself: that is no reason to refuse."""
    with server.connect("deployer") as connection:
        connection.execute("set default_transaction_read_only = on")
        connection.execute("set lock_timeout = '2s'")
        state = read_server_state(connection)
    assert (state.settings["default_transaction_read_only"], state.settings["lock_timeout"]) == ("off", "0 ms")
    assert refusal_kinds(state) == []


def test_an_old_server_is_refused(server: Server) -> None:
    """Below 14 the engine's own queries do not work."""
    (error,) = refusals(state_of(server, version_num=130018), required_extensions=())
    assert "runs PostgreSQL 13" in str(error)


@pytest.mark.parametrize("version_num", [190000, 190003, 200001])
def test_a_server_newer_than_the_parser_is_refused_by_name(server: Server, version_num: int) -> None:
    """Nobody has seen what it keeps in its catalog, and its syntax is not known here; the newest of the matrix is taken."""
    (error,) = refusals(state_of(server, version_num=version_num), required_extensions=())
    assert f"runs PostgreSQL {version_num // 10000}, and this version of pg_deploy knows PostgreSQL 14 to 18" in str(
        error
    )
    newest = max(int(name.split(".")[0]) for name in MATRIX)
    assert refusals(state_of(server, version_num=newest * 10000 + 99), required_extensions=()) == ()


def test_a_missing_extension_is_refused_with_what_to_do(server: Server) -> None:
    """The guide's troubleshooting entry, at the moment it helps: create it, load it first, or install its package."""
    state = state_of(server)
    (absent,) = refusals(state, required_extensions=["no_such_extension", "no_such_extension"])
    assert type(absent).__name__ == "ExtensionNotAvailableError"
    (missing,) = refusals(state, required_extensions=["citext", "plpgsql"])
    assert str(missing).endswith("run `create extension if not exists citext;`")
    dashes = replace(state, extensions_available={"uuid-ossp": "1.1"})
    (dashed,) = refusals(dashes, required_extensions=["uuid-ossp"])
    assert str(dashed).endswith('run `create extension if not exists "uuid-ossp";`')
    for settings, sentence in (
        ({"cron.database_name": "app"}, "run `create extension if not exists pg_cron;`"),
        ({"cron.database_name": "postgres"}, 'cron.database_name = "postgres"'),
        ({}, "shared_preload_libraries"),
    ):
        with_cron = replace(state, settings=settings, extensions_available={"pg_cron": "1.4"})
        (cron,) = refusals(with_cron, required_extensions=["pg_cron"])
        assert sentence in str(cron)


def test_a_role_that_cannot_record_deployments_is_refused_with_the_grant_it_needs(server: Server) -> None:
    """Without a ledger nothing could be rolled back; the message is what the administrator has to run."""
    (error,) = refusals(state_of(server, "plain"), required_extensions=())
    assert str(error).endswith('run `grant create on database "app" to "plain"`')
    with in_force(server, "create schema deploy_ledger", "drop schema deploy_ledger cascade"):
        (error,) = refusals(state_of(server, "deployer"), required_extensions=())
        assert 'grant usage, create on schema "deploy_ledger" to "deployer"' in str(error)
        with server.connect() as connection:
            connection.execute("create table deploy_ledger.deployment (id int)")
            connection.execute("grant usage on schema deploy_ledger to deployer")
        (error,) = refusals(state_of(server, "deployer"), required_extensions=())
        assert 'on all tables in schema "deploy_ledger" to "deployer"' in str(error)
        with server.connect() as connection:
            connection.execute("grant select, insert, update on deploy_ledger.deployment to deployer")
        assert refusal_kinds(state_of(server, "deployer")) == []


def test_rows_hidden_from_the_role_are_refused_if_a_backup_is_made(server: Server) -> None:
    """A dump by such a role fails or silently holds fewer rows, so it could not restore the others."""
    with in_force(server, "grant create on database app to plain", "revoke create on database app from plain"):
        state = state_of(server, "plain")
        assert "public.hidden" in state.partly_readable
        assert refusal_kinds(state) == []
        (error,) = refusals(state, required_extensions=(), must_read_everything=True)
    assert '"public.hidden"' in str(error)
    assert "bypassrls" in str(error)


def test_trouble_with_replication_is_a_warning(server: Server) -> None:
    """Index builds write WAL: a replica that lags already will lag more."""
    state = state_of(
        server,
        replicas=(Replica("far", "streaming", 10**9, 30.0), Replica("near", "streaming", 10, 0.1)),
        slots=(Slot("left", False, 5 * 10**9), Slot("used", True, 5 * 10**9)),
        prepared_transactions=(PreparedTransaction("x", "y", 3.0),),
        lock_waits=(LockWait(1, "ShareLock", "public.own", 30.0, [2]),),
    )
    text = "\n".join(warnings(state))
    assert [word in text for word in ('"far"', '"near"', '"left"', '"used"', '"x"', "public.own")] == [
        True, False, True, False, True, True,
    ]  # fmt: skip


def test_a_standby_is_refused_and_shows_on_its_primary(server: Server, directory: Path) -> None:
    """A connection that names the read replica must not get as far as the approval."""
    copy = directory / "standby"
    port = free_port()
    command = [
        str(installed().bindir / "pg_basebackup"),
        "-D",
        str(copy),
        "-R",
        "-C",
        "-S",
        "replica_slot",
        "-c",
        "fast",
        "-d",
        server.url("postgres", "postgres"),
    ]
    if as_postgres(command).wait(60):
        pytest.fail("pg_basebackup failed")
    standby = as_postgres([str(installed().bindir / "postgres"), "-D", str(copy), "-p", str(port)])
    try:
        wait_for(server.url(port=port), standby)
        with server.connect("deployer", port=port) as connection:
            state = read_server_state(connection)
        assert refusal_kinds(state) == ["StandbyError"]
        assert "a standby" in describe(state)[0]
        assert state.not_visible == ("free disk space",)
        primary = state_of(server)
        assert [(each.name, each.state) for each in primary.replicas] == [("walreceiver", "streaming")]
        assert [each.name for each in primary.slots] == ["replica_slot"]
        assert refusal_kinds(primary) == []
        assert state_of(server, "plain").replicas[0].lag_bytes is None
    finally:
        standby.terminate()
        try:
            standby.wait(20)
        except subprocess.TimeoutExpired:
            standby.kill()
        with server.connect() as connection:
            connection.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where active")
            for _ in range(50):
                try:
                    connection.execute("select pg_drop_replication_slot('replica_slot')")
                    break
                except psycopg.errors.ObjectInUse:
                    connection.execute("select pg_sleep(0.1)")
