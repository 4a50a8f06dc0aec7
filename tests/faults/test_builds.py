"""Builds outside a transaction: the engine watches them while they run, and looks into the catalog before it tries one again."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

from pg_deploy.errors import ConnectionLostError
from pg_deploy.execution import statement_watch
from pg_deploy.execution.concurrent_builds import index_state
from pg_deploy.execution.errors import (
    InvalidIndexInTheWayError,
    OtherDefinitionError,
    StatementFailedError,
    UncertainStatementError,
)
from tests.building import write_migration
from tests.core.working import Working, working_on
from tests.faults.killing import Bench, Case, kill_at_line
from tests.faults.scenarios import STEM, sleep_per_row
from tests.faults.server import Server
from tests.looking import Database
from tests.waiting import until

BUILD = "create index concurrently item_note on public.item (note);\n"


def _apply(database: Database, folder: Path, sql: str) -> str:
    """Apply `sql` as a migration, again if it was tried before; returns the log."""
    write_migration(folder, STEM, sql)
    with working_on(database.url, folder) as work:
        work.apply()
        return work.text


def _forget_the_end(database: Database) -> None:
    """Make the ledger what it is if the process dies after the build and before it writes the build's end."""
    database.run(
        """update deploy_ledger.statement_run set ended_at = null;
        update deploy_ledger.attempt set state = 'applying', applied_at = null;
        delete from supabase_migrations.schema_migrations"""
    )


def _oid(database: Database) -> int:
    return int(database.value("select 'public.item_note'::regclass::oid"))


def _invalidate(server: Server, database: Database, index: str) -> None:
    server.admin(
        f"update pg_index set indisvalid = false where indexrelid = '{index}'::regclass", database.url.rsplit("/", 1)[1]
    )


def test_a_build_says_how_far_it_is_and_for_whom_it_waits(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a build of hours would look like a hung task, and nobody would know which old transaction holds it up."""
    monkeypatch.setattr(statement_watch, "_SAY_EVERY_S", 0.1)
    write_migration(tmp_path / "m", STEM, "create index concurrently item_slow on public.item (slow(k));\n")
    with working_on(database.url, tmp_path / "m") as work:
        with psycopg.connect(database.url, application_name="an old report") as old:
            old.execute("update public.item set note = note where id = 1")
            worker = threading.Thread(target=work.apply)
            worker.start()
            until(lambda: "an old report" in work.text, "the old transaction is named")
        worker.join(60)

    assert "waiting for writers before build" in work.text
    assert any("running for" in line and "building index" in line for line in work.lines), work.lines
    assert database.invalid_indexes == []


def test_a_valid_index_of_an_earlier_try_is_done(database: Database, tmp_path: Path) -> None:
    """Else a build of hours would be done twice because the process died a moment before it could say so."""
    _apply(database, tmp_path / "m", BUILD)
    first = _oid(database)
    _forget_the_end(database)

    log = _apply(database, tmp_path / "m", BUILD)

    assert "already done by an earlier try, as the catalog shows" in log
    assert _oid(database) == first
    assert database.attempts[-1][1] == "applied"


def test_an_invalid_index_of_an_earlier_try_is_dropped_and_built_again(
    server: Server, database: Database, tmp_path: Path
) -> None:
    """Else IF NOT EXISTS would take the remains of a killed build for an index, and no query would ever use it."""
    sql = BUILD.replace("item_note on", "if not exists item_note on")
    _apply(database, tmp_path / "m", sql)
    first = _oid(database)
    _forget_the_end(database)
    _invalidate(server, database, "public.item_note")

    log = _apply(database, tmp_path / "m", sql)

    assert "was left invalid: dropping it" in log
    assert _oid(database) != first
    assert database.invalid_indexes == []


def test_a_valid_index_of_another_definition_is_not_taken_for_the_earlier_try(
    database: Database, tmp_path: Path
) -> None:
    """Else whatever somebody built under that name meanwhile would count as the migration's index."""
    _apply(database, tmp_path / "m", BUILD)
    _forget_the_end(database)
    database.run("drop index public.item_note")
    database.run("create index item_note on public.item (k)")

    with pytest.raises(
        OtherDefinitionError, match=r"`USING btree \(k\)` where the migration wants `USING btree \(note\)`"
    ):
        _apply(database, tmp_path / "m", BUILD)


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("reattach", "sentence"),
    [
        (60.0, "already done by an earlier try, as the catalog shows"),
        pytest.param(0.1, "was left invalid: dropping it", marks=pytest.mark.faults),
    ],
)
def test_a_build_that_outlived_its_process_is_attached_to_and_ended_only_past_the_limit(
    bench: Bench, reattach: float, sentence: str
) -> None:
    """Else the work of hours would be thrown away, or a hung build would hold up every later run."""

    def disturb(case: Case) -> None:
        # 150 rows, each looked at twice: longer than the time after which the server ends other statements of a dead client,
        # and longer than a new process takes on a slow machine until it looks.
        sleep_per_row(case.database, 0.06)
        kill_at_line("INFO   line 1: create unique index", 0.3)(case)
        case.start(reattach=reattach).wait()
        sleep_per_row(case.database, 0.0015)

    log = bench.run(f"attach_{int(reattach)}", "unique", disturb).runs[1].log

    assert "an earlier try is still at work in the server: pid" in log
    assert ("ending the backend" in log) == (reattach < 1)
    assert sentence in log


def test_a_unique_build_on_duplicates_shows_the_keys_and_leaves_nothing(database: Database, tmp_path: Path) -> None:
    """Else the engineer would have to find the duplicates alone, and an invalid index would go on costing every write."""
    with pytest.raises(StatementFailedError) as failed:
        _apply(database, tmp_path / "m", "create unique index concurrently item_once on public.item (k);\n")

    assert "k=3 (15 rows)" in str(failed.value)
    assert not database.has("public.item_once")
    assert database.invalid_indexes == []


def test_an_index_of_another_definition_is_refused_by_if_not_exists(database: Database, tmp_path: Path) -> None:
    """Else the migration would look deployed, with an index that its queries cannot use."""
    with pytest.raises(OtherDefinitionError):
        _apply(database, tmp_path / "m", "create index concurrently if not exists item_k on public.item (k, note);\n")

    assert database.value("select pg_get_indexdef('public.item_k'::regclass)").endswith("(k)")


def test_a_strangers_invalid_index_is_refused_again_by_the_second_run_and_never_dropped(
    server: Server, database: Database, tmp_path: Path
) -> None:
    """Else a run left by on_failure = stop would, tried again, drop what somebody else is working on."""
    _invalidate(server, database, "public.item_k")
    sql = "create index concurrently if not exists item_k on public.item (k);\n"

    for _ in range(2):
        with pytest.raises(InvalidIndexInTheWayError):
            _apply(database, tmp_path / "m", sql)

    assert database.invalid_indexes == ["item_k"]


def test_a_build_over_a_name_that_is_taken_leaves_that_one_alone(database: Database, tmp_path: Path) -> None:
    """Else the failed statement would be tidied up by dropping an index that was there before."""
    first = database.value("select 'public.item_k'::regclass::oid")
    with pytest.raises(StatementFailedError, match="already exists"):
        _apply(database, tmp_path / "m", "create index concurrently item_k on public.item (k);\n")

    assert database.value("select 'public.item_k'::regclass::oid") == first


def test_an_index_that_somebody_is_building_is_not_called_left_over(database: Database, tmp_path: Path) -> None:
    """Else a colleague would be told to drop what another one is building just now."""
    sleep_per_row(database, 0.02)
    with psycopg.connect(database.url, autocommit=True) as other:
        pid = other.info.backend_pid
        build = threading.Thread(
            target=other.execute, args=("create index concurrently item_slow on public.item (slow(k))",)
        )
        build.start()
        until(lambda: bool(database.invalid_indexes), "the other build has begun")
        with pytest.raises(InvalidIndexInTheWayError, match=f"being built by somebody else right now, pid {pid}"):
            _apply(database, tmp_path / "m", "create index concurrently item_slow on public.item (slow(k));\n")
        build.join(60)

    assert database.value("select indisvalid from pg_index where indexrelid = 'public.item_slow'::regclass")


def test_a_deadlock_of_a_statement_outside_a_transaction_is_tried_again(database: Database, tmp_path: Path) -> None:
    """Else a rollback would end half way because the application waited for the same rows for a second."""
    write_migration(tmp_path / "m", STEM, "create index concurrently item_note on public.item (note);\n")
    with psycopg.connect(database.url) as other, working_on(database.url, tmp_path / "m") as work:
        other.execute("update public.item set note = note where id = 1")
        worker = threading.Thread(target=work.apply)
        worker.start()
        until(lambda: database.value("select count(*) from pg_locks where not granted") == 1, "the build waits for us")
        # The build waits for this transaction; this one now waits for the build.
        other.execute("lock table public.item in share update exclusive mode")
        other.commit()
        worker.join(60)

    assert "chosen as the victim of a deadlock, again in" in work.text
    assert database.value("select indisvalid from pg_index where indexrelid = 'public.item_note'::regclass")


DETACH = 'alter table parts detach partition "Odd one" concurrently;\n'


def _make_parts(database: Database) -> None:
    database.run(
        'create table public.parts (id integer) partition by list (id); create table public."Odd one"'
        " partition of public.parts for values in (1)"
    )


def _is_attached(database: Database) -> bool:
    return bool(
        database.value("""select exists (select from pg_inherits where inhrelid = 'public."Odd one"'::regclass)""")
    )


def _apply_and_lose_it(work: Working) -> None:
    with pytest.raises(ConnectionLostError):
        work.apply()


def test_a_partition_that_a_killed_try_half_detached_is_detached(database: Database, tmp_path: Path) -> None:
    """Else its rows are in no table that anybody reads, and the next run asks a person what the catalog shows."""
    _make_parts(database)
    write_migration(tmp_path / "m", STEM, DETACH)
    with psycopg.connect(database.url) as reader, working_on(database.url, tmp_path / "m") as work:
        reader.execute("select from public.parts")
        worker = threading.Thread(target=_apply_and_lose_it, args=(work,))
        worker.start()
        try:
            until(lambda: database.value("select bool_or(inhdetachpending) from pg_inherits"), "it is half detached")
            ended = (
                "select pg_terminate_backend(pid) from pg_stat_activity where starts_with(query, 'alter table parts')"
            )
            assert database.value(ended)
            worker.join(30)
        finally:
            reader.commit()

    log = _apply(database, tmp_path / "m", DETACH)

    assert "half detached from public.parts: finishing it" in log
    assert not _is_attached(database)


def test_a_partition_that_an_earlier_try_detached_is_done(database: Database, tmp_path: Path) -> None:
    """Else a person is asked what the catalog shows."""
    _make_parts(database)
    _apply(database, tmp_path / "m", DETACH)
    _forget_the_end(database)

    assert "already done by an earlier try, as the catalog shows" in _apply(database, tmp_path / "m", DETACH)


def test_a_partition_that_is_gone_was_not_surely_detached(database: Database, tmp_path: Path) -> None:
    """Else a name that means nothing in this session counts as work that was done."""
    _make_parts(database)
    _apply(database, tmp_path / "m", DETACH)
    _forget_the_end(database)
    database.run('alter table public."Odd one" rename to another')

    with pytest.raises(UncertainStatementError):
        _apply(database, tmp_path / "m", DETACH)


def test_of_a_killed_reindex_only_its_own_copies_are_dropped(
    server: Server, database: Database, tmp_path: Path
) -> None:
    """Else an index that somebody else is repairing goes, or a name with a bracket is an error."""
    sql = 'reindex index concurrently "a[1";\n'
    database.run('create index "a[1" on public.item (note)')
    _apply(database, tmp_path / "m", sql)
    _forget_the_end(database)
    for name in ("a[1_ccnew", "a[1_b_ccnew"):
        database.run(f'create index "{name}" on public.item (note)')
        _invalidate(server, database, f'public."{name}"')

    _apply(database, tmp_path / "m", sql)

    assert database.invalid_indexes == ['"a[1_b_ccnew"']


def test_a_build_is_seen_without_the_right_to_see_it(server: Server, database: Database) -> None:
    """Else a build of others is called left over, and whoever drops it ends the work of hours."""
    server.admin("create role sees_little")
    with psycopg.connect(database.url) as old, psycopg.connect(database.url, autocommit=True) as other:
        pid = other.info.backend_pid
        old.execute("update public.item set note = note where id = 1")
        build = threading.Thread(target=other.execute, args=("create index concurrently item_new on public.item (k)",))
        build.start()
        try:
            until(lambda: database.invalid_indexes, "the build has begun")
            url = database.url.replace("deployer@", "admin@")
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("set role sees_little")
                state = index_state(connection, "public.item_new")
        finally:
            old.commit()
            build.join(30)
            server.admin("drop role sees_little")

    assert state is not None
    assert state.builder == pid
