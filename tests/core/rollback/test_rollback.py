"""Rolling back: what may be dropped, what is run, what proves that the state before is back."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from pg_deploy.deployment.verify import verify
from pg_deploy.errors import PgDeployError
from pg_deploy.execution.errors import InvalidIndexInTheWayError, StatementFailedError
from pg_deploy.rollback.errors import NoRollbackError, RollbackNotProvenError, RollbackRefusedError
from pg_deploy.rollback.roll_back import roll_back
from tests.building import write_migration
from tests.core.rollback.conftest import STEM, VERSION, Undo
from tests.core.working import working_on
from tests.looking import Database


@pytest.fixture
def database(empty_database: str) -> Database:
    """A target with an older table and an older index."""
    found = Database(empty_database)
    found.give_nothing_new_to_the_api()
    found.run("create table public.old (id int, email text)")
    found.run("create index old_id on public.old (id)")
    found.run("insert into public.old values (1, 'a'), (2, 'a')")
    return found


def _again(database: Database, folder: Path) -> str:
    with working_on(database.url, folder) as work:
        roll_back(work.job, VERSION)
        return work.text


def test_a_verified_migration_is_undone_and_leaves_the_history(database: Database, undo: Undo) -> None:
    """Else undoing a deployed release would leave a version that the Supabase CLI believes applied."""
    before = database.facts

    undone = undo("create table public.new (id int);", "drop table public.new;", verified=True)

    assert undone.sentence == "rolled back, the database is as before"
    assert database.facts == before
    assert database.history == []
    assert database.attempts == [(VERSION, "rolled_back")]


@pytest.mark.parametrize("wide", ["text", "varchar(30)"])
def test_a_value_that_was_written_since_and_does_not_fit_is_not_cut(
    database: Database, tmp_path: Path, wide: str
) -> None:
    """Else undoing a wider column cuts what customers wrote, without a word, and calls that "as before"."""
    database.run("alter table public.old add column note varchar(5)")
    write_migration(tmp_path / "m", STEM, f"alter table public.old alter column note type {wide};")
    with working_on(database.url, tmp_path / "m") as work:
        work.apply()
        verify(work.job, work.migrations[0])
        database.run("update public.old set note = 'longer than that' where id = 1")
        with pytest.raises(PgDeployError):
            roll_back(work.job, VERSION)
        assert database.value("select note::text from public.old where id = 1") == "longer than that"
        database.run("update public.old set note = null")
        roll_back(work.job, VERSION)

    kept = database.value(
        "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'public.old'::regclass and attname = 'note'"
    )
    assert kept == "character varying(5)"


def test_a_transaction_that_drops_what_was_there_is_not_committed(database: Database, undo: Undo) -> None:
    """Else `drop … cascade` in a rollback would take somebody's view or policy with it."""
    database.run("create view public.seen as select id from public.old")

    with pytest.raises(RollbackRefusedError, match=r"public\.seen"):
        undo("alter table public.old add column more int;", "drop table public.old cascade;")

    assert database.has("public.seen")
    assert database.rows("select id from public.old order by id") == [(1,), (2,)]
    assert database.attempts == [(VERSION, "rollback_failed")]


@pytest.mark.parametrize("name", ["public.old_id", "old_id", '"old_id"'])
def test_a_drop_outside_a_transaction_of_what_was_there_is_never_begun(
    database: Database, undo: Undo, name: str
) -> None:
    """Else the check would come too late: what is dropped concurrently cannot be taken back."""
    with pytest.raises(RollbackRefusedError, match="old_id"):
        undo("create index concurrently new_id on public.old (id);", f"drop index concurrently if exists {name};")

    assert database.has("public.old_id")
    assert database.statements(VERSION, "rollback") == []


def test_a_bare_name_behind_a_moved_search_path_is_not_taken_for_one_in_public(database: Database, undo: Undo) -> None:
    """Else `set search_path` in a rollback would be a way around the refusal."""
    database.run("create schema apart create table kept (id int)")
    database.run("create index kept_id on apart.kept (id)")
    with pytest.raises(RollbackRefusedError, match="kept_id"):
        undo(
            "create index concurrently new_id on public.old (id);",
            "set search_path = apart;\ndrop index concurrently if exists kept_id;",
        )

    assert database.rows("select to_regclass('apart.kept_id') is not null") == [(True,)]


def test_a_partly_applied_migration_does_not_cost_the_older_table_of_that_name(database: Database, undo: Undo) -> None:
    """Else a rollback written for the whole would drop the table that made the second part fail."""
    with pytest.raises(RollbackRefusedError, match=r"public\.old"):
        undo(
            "create table public.new (id int);\ncreate index concurrently new_id on public.new (id);\n"
            "create table public.old (other int);\n",
            "drop table if exists public.new;\ndrop table if exists public.old;\n",
        )

    assert database.rows("select id from public.old order by id") == [(1,), (2,)]


def test_a_rollback_that_forgets_something_is_not_called_one(database: Database, undo: Undo, tmp_path: Path) -> None:
    """Else a table left behind would be found by the next deployment, in production."""
    with pytest.raises(RollbackNotProvenError, match=r"added \w+ public\.left_over"):
        undo("create table public.new (id int);\ncreate table public.left_over (id int);\n", "drop table public.new;")

    assert database.attempts == [(VERSION, "rollback_failed")]
    assert database.evidence("rollback proof") == [("catalog facts as before", "failed")]

    # Mended by hand, as the message says: what committed of the same text is not run again.
    database.run("drop table public.left_over")
    assert "1 of 1 segments of this rollback committed before" in _again(database, tmp_path / "m")
    assert database.attempts == [(VERSION, "rolled_back")]
    assert database.history == []


def test_a_corrected_rollback_runs_from_its_beginning(database: Database, undo: Undo, tmp_path: Path) -> None:
    """Else what the first text forgot could only be mended by hand."""
    with pytest.raises(RollbackNotProvenError):
        undo("create table public.new (id int);\ncreate table public.left_over (id int);\n", "drop table public.new;")

    (tmp_path / "m" / STEM / "rollback.sql").write_text("drop table if exists public.new, public.left_over;")
    _again(database, tmp_path / "m")

    assert not database.has("public.left_over")
    assert database.attempts == [(VERSION, "rolled_back")]


def test_a_corrected_rollback_takes_nothing_for_its_own_that_the_first_text_did_not_begin(
    database: Database, undo: Undo, tmp_path: Path
) -> None:
    """Else the invalid index that a colleague works on is dropped, because the first text had another statement in that place."""
    with pytest.raises(StatementFailedError):
        undo("drop index public.old_id;", "create index concurrently old_id on public.old (nothing);")
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.run("create unique index concurrently old_id on public.old (email)")

    (tmp_path / "m" / STEM / "rollback.sql").write_text("create index concurrently old_id on public.old (id);")
    with pytest.raises(InvalidIndexInTheWayError):
        _again(database, tmp_path / "m")

    assert database.invalid_indexes == ["old_id"]


def test_a_migration_that_brings_no_rollback_is_undone_from_the_catalog(database: Database, undo: Undo) -> None:
    """What was made and holds nothing older can go again; a person need not write that down."""
    before = database.facts

    assert undo("create table public.new (id int);", None).statements_run == 3

    assert database.facts == before
    assert database.history == []
    assert database.attempts == [(VERSION, "rolled_back")]


def test_one_that_brings_no_rollback_and_changed_rows_says_so_and_stays(database: Database, undo: Undo) -> None:
    """Else a person would believe that something had been undone."""
    with pytest.raises(NoRollbackError, match=r"rows of public\.old: line 2 changed them"):
        undo("create table public.new (id int);\nupdate public.old set email = 'b';", None)

    assert database.has("public.new")
    assert database.history == [VERSION]
    assert database.attempts == [(VERSION, "rollback_failed")]


def test_if_nothing_took_effect_nothing_is_run(database: Database, undo: Undo) -> None:
    """Else a rollback written for a change would run against a database that never saw it. Even without any rollback.sql."""
    undone = undo("create table public.new (id int);\ncreate table public.old (id int);\n", None)

    assert undone.statements_run == 0
    assert undone.sentence == "nothing had taken effect, nothing was run"
    assert database.attempts == [(VERSION, "rolled_back")]


def test_a_failed_rollback_keeps_the_first_error_and_the_last(database: Database, undo: Undo, tmp_path: Path) -> None:
    """Else the reason why it was needed would be hidden, or drown in repetitions."""
    with pytest.raises(PgDeployError):
        undo("create table public.new (id int);", "drop table public.absent;")
    database.run("update deploy_ledger.attempt set error = 'the check found something'")
    for _ in range(2):
        with pytest.raises(PgDeployError, match="absent"):
            _again(database, tmp_path / "m")

    first, *rest = database.value("select error from deploy_ledger.attempt").split("\nthen the rollback failed: ")
    assert first == "the check found something"
    assert len(rest) == 1
    assert 'table "absent" does not exist' in rest[0]


def test_a_cron_job_of_the_migration_may_be_unscheduled(demo_url: str, tmp_path: Path) -> None:
    """Its row is deleted from a table that was there before: else no migration that schedules a job could be undone."""
    write_migration(
        tmp_path / "m",
        STEM,
        "select cron.schedule('made_by_migration', '0 5 * * *', 'select 1');",
        rollback="select cron.unschedule(j.jobid) from cron.job j where j.jobname = 'made_by_migration';",
    )
    with working_on(demo_url, tmp_path / "m") as work:
        work.apply()
        undone = roll_back(work.job, VERSION)
    assert undone.sentence == "rolled back, the database is as before"
