"""The ledger's copies of SQL: who may read its tables learns no secret, and an undo still has them whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pg_deploy.deployment.verify import verify
from pg_deploy.ledger import pins, sealing
from pg_deploy.ledger.errors import SealedError
from pg_deploy.migrations import history
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
