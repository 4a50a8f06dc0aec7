"""One deadline for all strong locks of a segment, whatever the statements do and whoever stands in the way."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psycopg
import pytest

from pg_deploy.configuration.limits import Limits
from pg_deploy.execution.errors import LockBudgetExceededError, StatementFailedError
from pg_deploy.rollback.roll_back import roll_back
from tests.building import write_migration
from tests.core.working import working_on
from tests.faults.scenarios import STEM
from tests.looking import Database

TABLES = ("a", "b", "c", "d")


@pytest.fixture
def tables(database: Database) -> Database:
    """A target with four tables."""
    for name in TABLES:
        database.run(f"create table public.{name} (id integer)")
    return database


def _apply(database: Database, folder: Path, limits: Limits) -> str:
    with working_on(database.url, folder, limits) as work:
        work.apply()
        return work.text


def _read_for(url: str, table: str, seconds: float) -> None:
    with psycopg.connect(url, application_name=f"report on {table}") as connection:
        connection.execute(f"select from public.{table}")
        time.sleep(seconds)


def test_four_tables_with_staggered_readers_share_one_deadline(tables: Database, tmp_path: Path) -> None:
    """Else each lock would come within its own timeout while the first table's readers waited for the sum of all."""
    write_migration(
        tmp_path / "m", STEM, "".join(f"alter table public.{name} add column more integer;\n" for name in TABLES)
    )
    # Each lock alone could be had within the budget; the last one only three times the budget after the first.
    readers = [
        threading.Thread(target=_read_for, args=(tables.url, name, 1.6 + 0.8 * number))
        for number, name in enumerate(TABLES)
    ]
    for reader in readers:
        reader.start()
    time.sleep(0.3)

    log = _apply(tables, tmp_path / "m", Limits(lock_budget=1.0, give_up_after=40, slowest_pause=0.5))

    for reader in readers:
        reader.join(10)
    assert "aborted so that nobody waits behind it, again in" in log
    assert "blocked by pid" in log
    assert "application report on" in log
    tries = tables.statements("20250101000000")
    assert {number for number, *_ in tries} > {1}
    assert all(ended for number, _, _, ended in tries if number == max(each[0] for each in tries))
    assert tables.value("select count(*) from pg_attribute where attname = 'more' and not attisdropped") == 4


def test_what_a_do_block_locks_counts_from_when_it_was_locked(tables: Database, tmp_path: Path) -> None:
    """Else a block could hold a lock for the whole budget, and the statements after it for the whole budget again."""
    write_migration(
        tmp_path / "m",
        STEM,
        "do $$ begin execute 'alter table public.a add column more integer'; perform pg_sleep(0.9); end $$;\n"
        "select pg_sleep(1.1);\n",
    )

    with pytest.raises(LockBudgetExceededError, match="line 2"):
        _apply(tables, tmp_path / "m", Limits(lock_budget=1.2, give_up_after=5))


def test_what_a_trigger_locks_counts_for_the_statements_after_it_as_well(tables: Database, tmp_path: Path) -> None:
    """Else each statement that writes has the whole budget, and a table that a trigger locked is held for the sum of all."""
    tables.run(
        "create function public.lock_b() returns trigger language plpgsql as"
        " $$ begin lock table public.b in access exclusive mode; return null; end $$;"
        " create trigger lock_b after insert on public.a execute function public.lock_b()"
    )
    write_migration(tmp_path / "m", STEM, "insert into public.a select 1 from pg_sleep(0.4);\n" * 6)

    with pytest.raises(LockBudgetExceededError, match="line 1 takes a strong lock"):
        _apply(tables, tmp_path / "m", Limits(lock_budget=1.0, give_up_after=5))


def test_a_vacuum_full_waits_for_its_lock_in_short_tries(tables: Database, tmp_path: Path) -> None:
    """Else everybody who reads the table waits behind it, for as long as an old report holds it."""
    write_migration(tmp_path / "m", STEM, "vacuum full public.a;\n")
    reader = threading.Thread(target=_read_for, args=(tables.url, "a", 2.0))
    reader.start()
    time.sleep(0.3)

    log = _apply(tables, tmp_path / "m", Limits(lock_budget=0.5, give_up_after=20, slowest_pause=0.5))

    reader.join(10)
    assert "lock not obtained within the budget, again in" in log


def test_a_block_that_commits_waits_for_a_lock_no_longer_than_the_budget(tables: Database, tmp_path: Path) -> None:
    """Else everybody waits behind it; and tried again by itself, it would do twice what it had committed."""
    write_migration(
        tmp_path / "m",
        STEM,
        "do $$ begin insert into public.b values (1); commit; lock table public.a; perform pg_sleep(3); end $$;\n",
    )
    reader = threading.Thread(target=_read_for, args=(tables.url, "a", 3.0))
    reader.start()
    time.sleep(0.3)

    with pytest.raises(StatementFailedError, match="waited for a lock longer than the lock budget"):
        _apply(tables, tmp_path / "m", Limits(lock_budget=0.5, give_up_after=20))

    reader.join(10)
    assert tables.rows("select id from public.b") == [(1,)]


def test_a_block_that_commits_may_work_longer_than_the_budget(tables: Database, tmp_path: Path) -> None:
    """Else no batches could fill a large table."""
    write_migration(
        tmp_path / "m", STEM, "do $$ begin insert into public.b values (1); commit; perform pg_sleep(1); end $$;\n"
    )

    _apply(tables, tmp_path / "m", Limits(lock_budget=0.3))

    assert [state for _, state in tables.attempts] == ["applied"]


def test_what_was_declared_to_hold_its_lock_may_hold_it_while_it_is_undone(tables: Database, tmp_path: Path) -> None:
    """Else the change could be deployed, and its rollback would be refused when it is needed most."""
    write_migration(
        tmp_path / "m",
        STEM,
        "alter table public.a add column more integer;\nselect pg_sleep(0.5);\n",
        rollback="alter table public.a drop column more;\nselect pg_sleep(0.5);\n",
        manifest="risk: low\nholds_lock: 20 s\n",
    )

    with working_on(tables.url, tmp_path / "m", Limits(lock_budget=0.2)) as work:
        work.apply()
        roll_back(work.job, work.migrations[0].version)

    assert [state for _, state in tables.attempts] == ["rolled_back"]
