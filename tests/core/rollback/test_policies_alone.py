"""Policies alone: restored with the functions that they call, once, whatever these are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_deploy.deployment.verify import verify
from pg_deploy.ledger import pins
from pg_deploy.rollback.policies_alone import read_policies, restore_policies
from tests.building import write_migration
from tests.core.working import working_on
from tests.looking import Database

VERSION = "20250101000000"
FUNCTION = "create or replace function app.{name}() returns boolean language sql stable as $$ select {answer} $$"


@pytest.mark.parametrize("name", ["is_admin", '"Is Admin"', '"is ""admin"""'])
def test_a_function_of_a_policy_is_put_back_and_a_second_try_finds_it_done(
    empty_database: str, tmp_path: Path, name: str
) -> None:
    """Else the policies are as before and everybody is an admin; or a killed task's next try fails at "already exists"."""
    database = Database(empty_database)
    database.run("create schema app; create table app.t (id int); alter table app.t enable row level security")
    database.run(FUNCTION.format(name=name, answer="false"))
    database.run(f"create policy mine on app.t using (app.{name}())")
    facts = database.facts
    sql = f"{FUNCTION.format(name=name, answer='true')}; drop policy mine on app.t;"
    write_migration(tmp_path / "m", f"{VERSION}_change", sql, rollback="select 1;")
    with working_on(empty_database, tmp_path / "m") as work:
        work.apply()
        verify(work.job, work.migrations[0])
        _, pinned = read_policies(work.job.ledger, VERSION, work.job.guard.read_facts())
        pins.pin_undo(work.job.ledger, work.job.deployment_id, [pinned])

        restore_policies(work.job, pinned)
        assert database.facts == facts
        restore_policies(work.job, pinned)
    assert database.facts == facts
