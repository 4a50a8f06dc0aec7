"""What was there before an attempt is there after its rollback, whatever it is called by then; see pg_deploy.rollback.what_was_there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pg_deploy.rollback.errors import RollbackRefusedError
from pg_deploy.rollback.roll_back import roll_back
from tests.building import write_migration
from tests.core.working import Working, working_on
from tests.looking import Database

STEM, VERSION = "20250101000000_change", "20250101000000"
NEW = "create table public.old (id int, email text);"

WAYS = {
    "renamed": (
        f"alter table public.old rename to old_2024; {NEW}",
        "drop table public.old_2024;",
    ),
    "moved to another schema": (
        f"create schema attic; alter table public.old set schema attic; {NEW}",
        "drop table attic.old; drop schema attic;",
    ),
    "renamed inside a do block": (
        f"do $$ begin alter table public.old rename to old_2024; end $$; {NEW}",
        "do $$ begin drop table public.old_2024; end $$;",
    ),
    "dropped and made again by the rollback": (
        "alter table public.old add column more int;",
        f"drop table public.old; {NEW}",
    ),
    "a column dropped and made again by the rollback": (
        "alter table public.old add column more int;",
        "alter table public.old drop column more, drop column email; alter table public.old add column email text;",
    ),
    "emptied by the rollback": (
        "alter table public.old add column more int;",
        "alter table public.old drop column more; truncate public.old;",
    ),
    "emptied by a function that the rollback calls": (
        "alter table public.old add column more int;",
        "alter table public.old drop column more; do $$ begin delete from public.old; end $$;",
    ),
}


@contextmanager
def _applied(database: Database, folder: Path, way: str) -> Iterator[Working]:
    migration, rollback = WAYS[way]
    write_migration(folder / "m", STEM, migration, rollback=rollback)
    with working_on(database.url, folder / "m") as work:
        work.apply()
        yield work


@pytest.mark.parametrize("name", WAYS)
def test_a_written_rollback_that_would_lose_what_was_there_is_not_committed(
    database: Database, tmp_path: Path, name: str
) -> None:
    """Else the table that was swapped out is dropped with every row in it, and the report says "as before"."""
    with _applied(database, tmp_path, name) as work, pytest.raises(RollbackRefusedError, match="old"):
        roll_back(work.job, VERSION)

    table = {"renamed": "public.old_2024", "renamed inside a do block": "public.old_2024"}.get(name, "public.old")
    table = "attic.old" if name.startswith("moved") else table
    assert database.rows(f"select id, email from {table} order by id") == [(1, "a"), (2, "b")]
    assert database.attempts == [(VERSION, "rollback_failed")]


def test_without_addresses_no_table_that_has_rows_is_dropped(database: Database, tmp_path: Path) -> None:
    """Else the rollback of a deployment by an older version loses a swapped table as that version did."""
    with _applied(database, tmp_path, "renamed") as work:
        database.run("update deploy_ledger.snapshot set objects = null")
        with pytest.raises(RollbackRefusedError, match=r"public\.old_2024 \(it has rows\)"):
            roll_back(work.job, VERSION)
        assert "older than addresses" in work.text

    assert database.rows("select id from public.old_2024 order by id") == [(1,), (2,)]
