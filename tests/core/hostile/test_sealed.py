"""The ledger's copies of SQL: who may read its tables learns no secret, and an undo still has them whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pg_deploy.deployment.verify import verify
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import pins, sealing
from pg_deploy.ledger.errors import SealedError
from pg_deploy.ledger.kinds.rehearsal import Changes, Rehearsal, RehearsalOutcome
from pg_deploy.migrations import history
from pg_deploy.postgres.session import Target
from pg_deploy.postgres.sql_files import engine_sql
from pg_deploy.preflight.drift import keep_state, read_drift, record_drift
from pg_deploy.rollback.roll_back import roll_back
from tests.building import write_migration
from tests.core.working import working_on
from tests.looking import Database

SECRET = "hunter2-Zq9"
COMPARES = "select id from public.sessions s where s.access_token = wanted and token = 'pending'"
STEM, VERSION = "20250101000000_change", "20250101000000"
BEFORE = f"create function public.token() returns text language sql as $$ select 'password={SECRET} é \"1'::text $$"
CHANGE = f"create or replace function public.token() returns text language sql as $$ select 'password={SECRET}-new'::text $$;\n"
BODY = "select prosrc from pg_proc where proname = 'token'"


@pytest.fixture
def keys() -> Iterator[list[str]]:
    """The keys of this Airflow, to be changed."""
    kept = list(sealing._source)
    found = ["a-key-of-44-characters-as-airflow-makes-them="]
    sealing.take_keys_from(lambda: ",".join(found))
    yield found
    sealing._source[:] = kept


@pytest.fixture
def database(empty_database: str) -> Database:
    """A target with a function that holds a secret."""
    found = Database(empty_database)
    found.run(BEFORE)
    return found


def _everything_kept(database: Database) -> str:
    tables = database.rows(
        "select schemaname || '.' || tablename from pg_tables where schemaname in ('deploy_ledger', 'supabase_migrations')"
    )
    return "\n".join(str(database.rows(f"select to_jsonb(t)::text from {name} t")) for (name,) in tables)


@pytest.mark.parametrize("rollback", [BEFORE.replace("create", "create or replace") + ";\n", None])
def test_no_table_of_ours_holds_it_and_the_undo_brings_it_back(
    database: Database, tmp_path: Path, keys: list[str], rollback: str | None
) -> None:
    """`pg_read_all_data` is enough to read what a migration's author typed; a masked copy could not be run."""
    body = database.rows(BODY)
    write_migration(tmp_path / "m", STEM, CHANGE, rollback=rollback)
    with working_on(database.url, tmp_path / "m") as work:
        work.apply()
        verify(work.job, work.migrations[0])
        assert SECRET not in _everything_kept(database)
        pinned = pins.pinned(work.job.ledger, work.job.deployment_id)[0]
        assert pinned.sql == CHANGE
        assert pinned.rollback == rollback
        roll_back(work.job, VERSION)
    assert database.rows(BODY) == body
    assert SECRET not in _everything_kept(database)


def test_what_a_job_without_a_name_is_called_and_what_is_said_of_it_hold_no_secret(
    demo_url: str, tmp_path: Path, keys: list[str]
) -> None:
    """Such a job is called by its command, and the command is where a token for an API stands."""
    database = Database(demo_url)
    schedule = "select cron.schedule('0 {} * * *', $$select 1 as {} -- Authorization: Bearer {}$$);\n"
    database.run(schedule.format(1, "there_before", SECRET))
    write_migration(tmp_path / "m", STEM, schedule.format(2, "made_by_it", SECRET), rollback="select 1;")
    with working_on(database.url, tmp_path / "m") as work:
        work.apply()
        verify(work.job, work.migrations[0])
        roll_back(work.job, VERSION)
        connection, number = work.job.ledger, work.job.deployment_id
        assert database.evidence("mended") == [(STEM, "mended")]
        keep_state(connection, number)
        database.run(schedule.format(3, "made_by_hand", SECRET))
        drift = read_drift(connection)
        assert drift is not None
        assert ["made_by_hand" in line for line in drift.lines] == [True]
        record_drift(connection, number, drift)
        current = attempts.latest(connection, VERSION)
        assert current is not None
        begun = attempts.start(connection, number, version=VERSION, stem=STEM, sql_hash="")
        for state in ("snapshotted", "applying", "rolling_back"):
            begun = attempts.move(connection, begun, attempts.State(state))
        attempts.move(connection, begun, attempts.State.ROLLBACK_FAILED, error="; ".join(drift.lines))
    assert SECRET not in _everything_kept(database)
    assert "there_before" not in str(database.rows("select identity from deploy_ledger.catalog_fact"))


def test_what_a_ledger_kept_before_jobs_were_sealed_is_compared_as_before(
    demo_url: str, tmp_path: Path, keys: list[str]
) -> None:
    """Else each job that an earlier release wrote down in clear would be called deleted, and made by hand."""
    database = Database(demo_url)
    database.run(f"select cron.schedule('0 1 * * *', $$select 1 -- Authorization: Bearer {SECRET}$$)")
    write_migration(tmp_path / "m", STEM, "select 1;\n")
    with working_on(database.url, tmp_path / "m") as work:
        kept, keys[:] = list(keys), []
        keep_state(work.job.ledger, work.job.deployment_id)
        keys[:] = kept
        keep_state(work.job.ledger, work.job.deployment_id)
        drift = read_drift(work.job.ledger)
    assert drift is not None
    assert drift.lines == ()


@pytest.mark.parametrize("is_deleted", [False, True])
def test_no_job_is_called_deleted_because_its_name_is_sealed(
    demo_url: str, tmp_path: Path, keys: list[str], is_deleted: bool
) -> None:
    """The measure compares in the server, which has no key: else every such job would raise an alert at once."""
    database = Database(demo_url)
    command = f"select 1 -- Authorization: Bearer {SECRET}"
    database.run(f"select cron.schedule('0 1 * * *', $${command}$$), cron.schedule('0 2 * * *', 'select 2')")
    write_migration(tmp_path / "m", STEM, "select 1;\n")
    with working_on(database.url, tmp_path / "m", ends="deployed") as work:
        keep_state(work.job.ledger, work.job.deployment_id)
    if is_deleted:
        database.run("select cron.unschedule(jobid) from cron.job where jobname is null")
    with Target("target_db", database.url).session("test") as connection:
        found = [row[0] for row in connection.execute(engine_sql("monitor/deleted_jobs")).fetchall()]
    assert found == (["command: select 2"] if is_deleted else [])


def test_what_a_rehearsal_keeps_is_sealed_and_comes_back(keys: list[str]) -> None:
    """An undo goes by what the copy showed, so it has to be whole again."""
    changes = Changes(added=(("cron job", f"command: select 1 -- token={SECRET}"), ("table", "public.token")))
    kept = Rehearsal(STEM, RehearsalOutcome.PASSED, changes=changes, generated_rollback=CHANGE, lost=(CHANGE,))
    detail = kept.to_detail()
    assert SECRET not in str(detail)
    back = Rehearsal.from_detail({"name": STEM, "outcome": "passed", **detail})
    assert (back.changes, back.generated_rollback) == (changes, CHANGE)


def test_a_key_that_was_replaced_still_opens_and_another_airflow_is_told(
    database: Database, tmp_path: Path, keys: list[str]
) -> None:
    """Keys are rotated by putting the new one in front; a text that nobody opens must not be run, or be called changed."""
    write_migration(tmp_path / "m", STEM, CHANGE, rollback=None)
    with working_on(database.url, tmp_path / "m") as work:
        keys.insert(0, "a-newer-key")
        assert pins.pinned(work.job.ledger, work.job.deployment_id)[0].sql == CHANGE
        keys[:] = ["the key of another Airflow"]
        with pytest.raises(SealedError, match="add the key of the Airflow that deployed them"):
            pins.pinned(work.job.ledger, work.job.deployment_id)


def test_what_holds_no_secret_stays_readable_and_so_does_all_without_a_key(keys: list[str]) -> None:
    """Whoever looks into the ledger with psql should read what was deployed."""
    assert sealing.seal("create table t (id int)") == "create table t (id int)"
    keys.clear()
    assert sealing.seal(CHANGE) == CHANGE
    assert "kept READABLE, as this Airflow has no" in (sealing.how_kept(CHANGE) or "")
    assert sealing.how_kept("select 1") is None


def test_the_history_has_it_masked(empty_database: str) -> None:
    """Other tools read it, so it can be sealed for none of them; they also run what they find there."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        history.ensure(connection)
        kept = history.statements_to_keep(f"alter role x password '{SECRET}';\n{COMPARES};\n")
        history.insert(connection, VERSION, "change", kept)
        assert history.recorded_statements(connection, VERSION) == ("alter role x password '***'", COMPARES)
