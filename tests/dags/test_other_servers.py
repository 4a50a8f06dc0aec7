"""Whole runs on every major version of PostgreSQL: backup, rehearsal, deployment, monitor, rollback, restore."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from tests.dags.harness import PROJECT, Result, run_dag
from tests.dags.states import DEPLOYED
from tests.looking import Database
from tests.migrations.runner import state
from tests.servers.server import Server, bootstrap, fill, running
from tests.servers.table import MATRIX, keep

MIGRATIONS = PROJECT / "sql" / "migrations"
EVERYWHERE = PROJECT / "tests" / "fixtures" / "migrations" / "on_every_server"
NEEDS_CRON = "20251118000003_optimize_telemetry_analytics"


@pytest.mark.parametrize("name", ["18-wheel"])
def test_a_whole_run_on_a_second_major_ends_where_it_began(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the product works on the one server that it was written on."""
    whole_run(name, tmp_path, monkeypatch)


@pytest.mark.acceptance
@pytest.mark.parametrize("name", MATRIX)
def test_a_whole_run_on_every_major_ends_where_it_began(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a major of PostgreSQL is called supported and nobody has seen it."""
    keep(whole_run(name, tmp_path, monkeypatch))


def whole_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Deploy, monitor, undo, restore; returns what the table says of it."""
    with running(name) as server:
        bootstrap(server)
        fill(server)
        monkeypatch.setenv("PG_DEPLOY_BINDIR", str(server.bindir))
        monkeypatch.setenv("BACKUP_URI", f"file://{tmp_path}/backups")
        url, database = server.url(), Database(server.url())
        folder = _folder(tmp_path / "migrations", server)
        stems = sorted(path.stem for path in folder.glob("*.sql"))
        before = state(url, server.bindir)

        deployed = run_dag("deploy_migrations", url, folder, {"approval": "none", "backup": "full", "rehearse": "full"})
        assert deployed.state == "success", deployed.text
        assert [deployed.group(stem) for stem in stems] == [DEPLOYED] * len(stems)
        assert database.evidence("rehearsal") == [(stem, "passed") for stem in stems]
        assert [outcome for _, outcome in database.evidence("backup restored")] == ["equal"]
        assert "✓ access" in deployed.text or "access" in deployed.text

        for monitored in (run_dag("monitor_database", url, folder), run_dag("monitor_database", url, folder)):
            assert monitored.state == "success", monitored.text
            assert _alerts(monitored) == []

        undone = run_dag("rollback_migrations", url, folder, {"down_to": "0", "approval": "none"})
        assert undone.state == "success", undone.text
        assert state(url, server.bindir) == before

        restored = run_dag("restore_backup", url, folder, {"database": "restored"})
        assert restored.state == "success", restored.text
        assert _schema(server, "restored") == _schema(server, "demo")
        return {"name": name, "migrations": str(len(stems)), "server": _version(server), "pg_cron": _cron(server)}


def _folder(folder: Path, server: Server) -> Path:
    folder.mkdir()
    for source in (MIGRATIONS, EVERYWHERE):
        shutil.copytree(source, folder, dirs_exist_ok=True)
    if not server.has_cron:
        (folder / f"{NEEDS_CRON}.sql").unlink()
        shutil.rmtree(folder / NEEDS_CRON)
    return folder


def _alerts(result: Result) -> list[str]:
    return [line for line in result.log if line.startswith("ALERT")]


def _schema(server: Server, database: str) -> int:
    with psycopg.connect(server.url(database)) as connection:
        row = connection.execute("select count(*) from public.organizations").fetchone()
        assert row is not None
        return int(row[0])


def _version(server: Server) -> str:
    with psycopg.connect(server.url()) as connection:
        return f"{connection.info.server_version // 10000}.{connection.info.server_version % 10000}"


def _cron(server: Server) -> str:
    with psycopg.connect(server.url()) as connection:
        row = connection.execute("select extversion from pg_extension where extname = 'pg_cron'").fetchone()
        return str(row[0]) if row else "none"
