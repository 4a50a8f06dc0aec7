"""`make explain-workload`: statements of a file are asked before and after the pending migrations, and nothing is deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_deploy.rehearsal.explain_workload import main
from tests.building import write_migration
from tests.looking import Database

STEM = "20250101000000_change"


@pytest.fixture
def database(empty_database: str) -> Database:
    """A target with a table."""
    made = Database(empty_database)
    made.run("create table public.orders (id integer primary key, note text)")
    return made


def _explained(
    database: Database, tmp_path: Path, sql: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> tuple[int, str]:
    caplog.set_level("INFO")
    write_migration(tmp_path / "m", STEM, "alter table public.orders rename column note to remark;\n")
    file = tmp_path / "next.sql"
    file.write_text(sql)
    monkeypatch.setenv("TARGET_URL", database.url)
    monkeypatch.setenv("MIGRATIONS_DIR", str(tmp_path / "m"))
    return main([str(file)]), caplog.text


def test_a_statement_that_fails_tomorrow_is_named_with_its_place(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """For teams without pg_stat_statements."""
    code, said = _explained(database, tmp_path, "select id,\n  note from public.orders;", monkeypatch, caplog)

    assert code == 1
    assert 'column "note" does not exist (42703)' in said
    assert database.value(
        "select count(*) from pg_attribute where attname = 'note' and attrelid = 'public.orders'::regclass"
    )
    assert not database.has("deploy_ledger.deployment")


def test_a_statement_of_the_next_release_is_asked_against_tomorrows_schema(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It fails today, and that is right."""
    code, said = _explained(database, tmp_path, "select remark from public.orders;", monkeypatch, caplog)

    assert code == 0, said


def test_without_a_query_it_says_what_to_give(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One sentence, and nothing was begun."""
    code, _ = _explained(database, tmp_path, "create table x (id int);", monkeypatch, caplog)

    assert code == 2
    assert "holds no query: give a file of SQL" in capsys.readouterr().err
