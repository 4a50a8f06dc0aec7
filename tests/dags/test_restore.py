"""restore_backup: a backup in a new database beside the target, never over it."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from demo import cluster
from tests.building import write_migration
from tests.dags.harness import run_dag
from tests.looking import Database

STEM = "20250101000000_create_notes"


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for backups."""
    monkeypatch.setenv("BACKUP_URI", f"file://{tmp_path}/backups")
    return tmp_path / "backups"


def test_a_backup_comes_back_beside_the_target_with_the_steps_to_switch(
    empty_database: str, demo_cluster: cluster.Cluster, stored: Path, tmp_path: Path
) -> None:
    """Else the safety net is a file that nobody knows how to use at night, or it destroys what is there."""
    database = Database(empty_database)
    database.run(
        "create table public.notes (id integer primary key, body text);"
        "alter table public.notes enable row level security;"
        "create policy notes_read on public.notes for select to authenticated using (auth.uid() is not null);"
        "insert into public.notes values (1, 'kept')"
    )
    write_migration(tmp_path / "m", STEM, "update public.notes set body = 'spoiled'", manifest="risk: low\n")
    deployed = run_dag(
        "deploy_migrations", database.url, tmp_path / "m", {"approval": "none", "backup": "full", "rehearse": "none"}
    )
    assert deployed.state == "success", deployed.text
    facts = database.facts
    try:
        restored = run_dag("restore_backup", database.url, tmp_path / "m", {"database": "restored_here"})

        assert restored.state == "success", restored.text
        beside = Database(psycopg.conninfo.make_conninfo(database.url, dbname="restored_here"))
        assert beside.rows("select * from public.notes") == [(1, "kept")]
        assert beside.value("select count(*) from pg_policies where policyname = 'notes_read'") == 1
        assert database.rows("select * from public.notes") == [(1, "spoiled")]
        assert database.facts == facts
        assert 'alter database "restored_here" rename to' in restored.text

        again = run_dag("restore_backup", database.url, tmp_path / "m", {"database": "restored_here"})
        assert again.state == "failed"
        assert '"restored_here" exists already, and nothing is restored over it' in again.text
    finally:
        cluster.drop(demo_cluster, "restored_here")


@pytest.mark.acceptance
def test_a_damaged_or_a_missing_backup_makes_no_database(
    empty_database: str, demo_cluster: cluster.Cluster, stored: Path, tmp_path: Path
) -> None:
    """Half a restore must not be taken for a whole one."""
    folder, conf = tmp_path / "m", {"database": "restored_never"}
    write_migration(folder, STEM, "create table public.notes (id integer);", rollback="drop table public.notes;")

    missing = run_dag("restore_backup", empty_database, folder, conf)
    taken = run_dag(
        "deploy_migrations", empty_database, folder, {"approval": "none", "backup": "full", "rehearse": "none"}
    )
    (backup,) = stored.iterdir()
    (backup / "dump" / "toc.dat").write_bytes(b"")
    damaged = run_dag("restore_backup", empty_database, folder, conf)

    assert [run.state for run in (missing, taken, damaged)] == ["failed", "success", "failed"]
    assert "has no backup at file://" in missing.text
    assert "cannot be trusted" in damaged.text
    with psycopg.connect(demo_cluster.admin_url("postgres")) as connection:
        assert connection.execute("select from pg_database where datname = 'restored_never'").fetchone() is None
