"""Checks: rows are findings, nothing of a check stays, and every one runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from demo import cluster
from pg_deploy.deployment.checks import built_in_checks, log_result, run_check, run_checks
from pg_deploy.deployment.errors import VerificationFailedError
from pg_deploy.deployment.verify import verify
from pg_deploy.ledger.kinds.check import MOST_ROWS, CheckResult
from pg_deploy.migrations.errors import UnknownDirectiveError
from pg_deploy.migrations.migration import load_all, read_folder
from pg_deploy.parsing.errors import TransactionControlError
from tests.building import write_migration
from tests.core.working import working_on
from tests.looking import Database
from tests.waiting import until

STEM = "20250101000000_checked"


@pytest.fixture
def database(empty_database: str) -> Database:
    """A target with one row."""
    found = Database(empty_database)
    found.run("create table public.t (id int)")
    found.run("insert into public.t values (1)")
    return found


def _run(database: Database, folder: Path, text: str, *, on_copy: bool = False, timeout_s: float = 10.0) -> CheckResult:
    write_migration(folder, STEM, "select 1;", checks={"a_check": text})
    (migration,) = load_all(read_folder(folder))
    with psycopg.connect(database.url, autocommit=True) as connection:
        return run_check(connection, migration.checks[0], on_copy=on_copy, timeout_s=timeout_s)


def test_no_rows_is_good_and_rows_are_findings(database: Database, tmp_path: Path) -> None:
    """Else a check would say the opposite of what its author wrote."""
    assert _run(database, tmp_path / "m", "select id from public.t where id > 1;").outcome == "passed"
    found = _run(database, tmp_path / "m", "select id, null as nothing from public.t;")
    assert (found.outcome, found.found, found.columns, found.rows) == ("failed", 1, ("id", "nothing"), (("1", "null"),))


def test_of_many_findings_twenty_are_shown_and_a_hundred_are_counted(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Else a million bad rows would fill the log, or look like twenty."""
    found = _run(database, tmp_path / "m", "select n from generate_series(1, 100000) as n;")
    with caplog.at_level(logging.INFO):
        log_result(found, logging.getLogger("checks"))

    assert found.found == MOST_ROWS + 1
    assert [row[0] for row in found.rows] == [str(n) for n in range(1, 21)]
    assert caplog.messages[0].startswith("  ✗ a check: more than 100 found")
    assert caplog.messages[-1].strip() == "… and more: the first are enough"
    assert len(caplog.messages) == 23


def test_only_the_last_statement_counts_and_the_earlier_ones_set_the_scene(database: Database, tmp_path: Path) -> None:
    """Else a check could not look as another role would."""
    text = "set local role anon;\nselect current_user where current_user <> 'anon';\n"
    assert _run(database, tmp_path / "m", text).outcome == "passed"
    assert database.value("select current_user") == "postgres"


def test_a_check_that_writes_without_saying_so_is_an_error(database: Database, tmp_path: Path) -> None:
    """Else a check could change production by accident."""
    result = _run(database, tmp_path / "m", "delete from public.t;\nselect 1 where false;\n")
    assert result.outcome == "error"
    assert "read-only transaction" in str(result.error)
    assert not result.is_good


def test_a_check_that_writes_leaves_no_trace(database: Database, tmp_path: Path) -> None:
    """Else proving a migration would change the rows that it proves."""
    text = "-- check: writes\ndelete from public.t;\ncreate table public.trace ();\nselect id from public.t;\n"
    assert _run(database, tmp_path / "m", text).outcome == "passed"
    assert database.rows("select id from public.t") == [(1,)]
    assert not database.has("public.trace")


def test_a_check_for_the_rehearsal_runs_on_a_copy_only(database: Database, tmp_path: Path) -> None:
    """Else exact figures would fail a target where others write, or would never be compared."""
    text = "-- check: rehearsal\nselect 1;\n"
    here = _run(database, tmp_path / "m", text)
    assert (here.outcome, here.is_good) == ("not run", True)
    assert _run(database, tmp_path / "m", text, on_copy=True).outcome == "failed"


def test_a_check_that_takes_too_long_is_an_error(database: Database, tmp_path: Path) -> None:
    """Else a verification could hang a deployment for ever."""
    result = _run(database, tmp_path / "m", "select pg_catalog.pg_sleep(10);", timeout_s=0.3)
    assert result.outcome == "error"
    assert "statement timeout" in str(result.error)
    assert result.seconds < 5


def test_every_check_runs_after_the_first_failure_and_after_an_error(database: Database, tmp_path: Path) -> None:
    """Else an author would mend one finding a run."""
    texts = {"a": "select 1;", "b": "select nonsense;", "c": "select 1 where false;", "d": "select 2;"}
    write_migration(tmp_path / "m", STEM, "select 1;", checks=texts)
    (migration,) = load_all(read_folder(tmp_path / "m"))

    with psycopg.connect(database.url, autocommit=True) as connection:
        results = run_checks(connection, migration.checks, on_copy=False, timeout_s=5, log=logging.getLogger("checks"))

    assert [(result.name, result.outcome) for result in results] == [
        ("a", "failed"),
        ("b", "error"),
        ("c", "passed"),
        ("d", "failed"),
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("commit;\nselect 1;", TransactionControlError),
        ("select 1;\nrollback;", TransactionControlError),
        ("-- check: wirtes\nselect 1;", UnknownDirectiveError),
    ],
)
def test_a_check_that_could_escape_its_transaction_is_refused(
    tmp_path: Path, text: str, error: type[Exception]
) -> None:
    """Else `commit` in a check would keep what it wrote."""
    write_migration(tmp_path / "m", STEM, "select 1;", checks={"a_check": text})
    with pytest.raises(Exception, match=r"a_check\.sql") as failed:
        load_all(read_folder(tmp_path / "m"))
    assert [type(fault) for fault in failed.value.faults] == [error]  # type: ignore[attr-defined]


def _found_invalid(url: str) -> list[str]:
    """The indexes that the built-in check names to a role that sees of other sessions what everybody does."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set role anon")
        (result,) = [
            run_check(connection, check, on_copy=False, timeout_s=5, built_in=True) for check in built_in_checks()
        ]
    assert result.error is None
    return [row[0] for row in result.rows]


@contextmanager
def _at_work(database: Database, sql: str) -> Iterator[None]:
    """Another role's statement on public.t that waits for an older transaction; it ends with the block."""
    with psycopg.connect(database.url) as old, psycopg.connect(database.url, autocommit=True) as other:
        old.execute("insert into public.t values (1)")
        work = threading.Thread(target=other.execute, args=(sql,))
        work.start()
        try:
            until(lambda: database.invalid_indexes, "the other's work has begun")
            yield
        finally:
            old.commit()
            work.join(30)


@pytest.mark.parametrize(
    "sql",
    [
        "create index concurrently t_new on public.t (id)",
        "reindex table concurrently public.t",
        "drop index concurrently public.t_0",
    ],
)
def test_the_built_in_check_leaves_out_what_others_are_building_or_dropping(database: Database, sql: str) -> None:
    """Else a good migration would be undone because a colleague works on an index of the same database."""
    for number in range(3):
        database.run(f"create index t_{number} on public.t (id)")

    with _at_work(database, sql):
        assert database.invalid_indexes
        assert _found_invalid(database.url) == []

    assert database.invalid_indexes == []


def test_the_built_in_check_finds_an_invalid_index(database: Database) -> None:
    """Else a migration without a companion could leave a failed build, and count as deployed."""
    database.run("insert into public.t values (1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.run("create unique index concurrently t_id on public.t (id)")

    # A vacuum or an open transaction that locks the table builds no index.
    with psycopg.connect(database.url) as other:
        other.execute("lock table public.t in share update exclusive mode")
        assert _found_invalid(database.url) == ["public.t_id"]


def test_of_many_invalid_indexes_only_a_new_one_is_the_migrations(
    database: Database, demo_cluster: cluster.Cluster, tmp_path: Path
) -> None:
    """Else no migration could be deployed where a score of old invalid indexes stand, and a new one could hide among them."""
    name = database.url.rsplit("/", 1)[1]
    for number in range(21):
        database.run(f"create index old_{number} on public.t (id)")
    with psycopg.connect(demo_cluster.admin_url(name), autocommit=True) as admin:
        admin.execute("update pg_index set indisvalid = false where indexrelid::regclass::text like 'old_%'")
    write_migration(tmp_path / "m", STEM, "create index t_id on public.t (id);")

    with working_on(database.url, tmp_path / "m", benchmark=False) as work:
        work.apply()
        verify(work.job, work.migrations[0])
    assert [state for _, state in database.attempts] == ["verified"]

    write_migration(tmp_path / "n", "20250102000000_next", "insert into public.t values (1);")
    with working_on(database.url, tmp_path / "n", benchmark=False) as work:
        work.apply()
        with pytest.raises(psycopg.errors.UniqueViolation):
            database.run("create unique index concurrently t_unique on public.t (id)")
        with pytest.raises(VerificationFailedError, match=r"1 row found.* public\.t_unique"):
            verify(work.job, work.migrations[0])
