"""What several tests of this room begin with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pg_deploy.deployment.verify import verify
from pg_deploy.errors import PgDeployError
from pg_deploy.rollback.roll_back import RollbackResult, roll_back
from tests.building import write_migration
from tests.core.working import working_on
from tests.looking import Database

STEM, VERSION = "20250101000000_change", "20250101000000"
Undo = Callable[..., RollbackResult]


@pytest.fixture
def database(empty_database: str) -> Database:
    """A target with an older table that has rows."""
    found = Database(empty_database)
    found.give_nothing_new_to_the_api()
    found.run("create table public.old (id int, email text)")
    found.run("insert into public.old values (1, 'a'), (2, 'b')")
    return found


@pytest.fixture
def undo(database: Database, tmp_path: Path) -> Undo:
    """Apply a migration, and roll it back with the text given; a failing apply is taken as it is."""

    def run(sql: str, rollback: str | None, *, verified: bool = False) -> RollbackResult:
        write_migration(tmp_path / "m", STEM, sql, rollback=rollback)
        with working_on(database.url, tmp_path / "m") as work:
            try:
                work.apply()
            except PgDeployError:
                assert database.attempts == [(VERSION, "applying")]
            if verified:
                verify(work.job, work.migrations[0])
            return roll_back(work.job, VERSION)

    return run
