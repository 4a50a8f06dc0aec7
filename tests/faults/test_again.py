"""A task that is started again after its last commit, by a retry or by a person's click, finds its work done."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

from pg_deploy.deployment.apply import apply
from pg_deploy.deployment.errors import AppliedMeanwhileError
from pg_deploy.deployment.verify import verify
from pg_deploy.rollback.resume import resume
from pg_deploy.rollback.roll_back import roll_back
from tests.core.working import working_on
from tests.faults.scenarios import SCENARIOS, STEM, VERSION, write
from tests.looking import Database


def test_every_task_of_a_deployed_migration_may_be_started_again(database: Database, tmp_path: Path) -> None:
    """Else a verify whose success was not told would fail and undo a good migration, and a cleared apply would apply twice."""
    with working_on(database.url, write(SCENARIOS["mixed"], tmp_path)) as work:
        for _ in range(2):
            work.apply()
            verify(work.job, work.migrations[0])

    assert database.value("select x from public.counter") == 2
    assert database.attempts == [(VERSION, "verified")]
    assert "verified already by an earlier try" in work.text
    assert "deployed and verified already: nothing to apply" in work.text


def test_a_rollback_may_be_started_again(database: Database, tmp_path: Path) -> None:
    """Else a rollback that was done would be reported as failed, and a person would mend what is not broken."""
    with working_on(database.url, write(SCENARIOS["mixed"], tmp_path)) as work:
        work.apply()
        first, second = roll_back(work.job, VERSION), roll_back(work.job, VERSION)

    assert first.statements_run > 0
    assert (second.statements_run, second.sentence) == (0, "rolled back already by an earlier try")
    assert database.value("select x from public.counter") == 0
    assert database.attempts == [(VERSION, "rolled_back")]


def test_what_somebody_else_recorded_meanwhile_is_not_applied_a_second_time(database: Database, tmp_path: Path) -> None:
    """Else a push by another tool while an approval waited would make an update happen twice."""
    with working_on(database.url, write(SCENARIOS["data"], tmp_path)) as work:
        resume(work.job, work.migrations[0])
        database.run(f"insert into supabase_migrations.schema_migrations (version) values ('{VERSION}')")
        with pytest.raises(AppliedMeanwhileError, match=STEM):
            apply(work.job, work.migrations[0])
        undone = roll_back(work.job, VERSION)

    assert undone.sentence == "nothing had been begun, nothing was run"
    assert database.value("select x from public.counter") == 0
    assert database.history == [VERSION]


def test_what_somebody_else_records_while_a_lock_is_waited_for_is_not_applied_a_second_time(
    database: Database, tmp_path: Path
) -> None:
    """Else whoever had the lock, to do the same by hand, is followed by this run, and its rollback unrecords their work."""
    with working_on(database.url, write(SCENARIOS["data"], tmp_path)) as work, psycopg.connect(database.url) as other:
        resume(work.job, work.migrations[0])
        other.execute("update public.counter set x = x + 1")
        other.execute("insert into supabase_migrations.schema_migrations (version) values (%s)", [VERSION])
        threading.Timer(1, other.commit).start()
        with pytest.raises(AppliedMeanwhileError, match=STEM):
            apply(work.job, work.migrations[0])
        assert database.value("select x from public.counter") == 1
        undone = roll_back(work.job, VERSION)

    assert undone.statements_run == 0
    assert database.value("select x from public.counter") == 1
    assert database.history == [VERSION]
    assert database.attempts == [(VERSION, "rolled_back")]
