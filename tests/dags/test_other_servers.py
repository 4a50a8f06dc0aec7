"""Whole runs on every major version of PostgreSQL: backup, rehearsal, deployment, monitor, rollback, restore."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.dags.harness import PROJECT, run_dag
from tests.dags.states import DEPLOYED
from tests.looking import Database
from tests.migrations.runner import STEMS, state
from tests.servers.programs import SOURCES, has_cron
from tests.servers.server import Server, bootstrap, fill, running
from tests.servers.table import MATRIX, Run, keep_run

MIGRATIONS = PROJECT / "sql" / "migrations"
EVERYWHERE = PROJECT / "tests" / "fixtures" / "migrations" / "on_every_server"
FULL = {"approval": "none", "backup": "full", "rehearse": "full"}
THIS = "tests/dags/test_other_servers.py"


@pytest.mark.acceptance
@pytest.mark.parametrize("name", MATRIX)
def test_a_whole_run_on_every_major_ends_where_it_began(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a major of PostgreSQL is called supported and nobody has seen it."""
    keep_run(whole_run(name, tmp_path, monkeypatch, ours=STEMS if has_cron(name) else STEMS[:3]))


def whole_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, ours: Sequence[str]) -> Run:
    """Deploy `ours` and the folder for every server, monitor, undo, restore; returns what the table says of it."""
    began = time.monotonic()
    with running(name) as server:
        bootstrap(server)
        fill(server)
        monkeypatch.setenv("PG_DEPLOY_BINDIR", str(server.bindir))
        monkeypatch.setenv("BACKUP_URI", f"file://{tmp_path}/backups")
        url, database = server.url(), Database(server.url())
        folder = _folder(tmp_path / "migrations", ours)
        stems = sorted(path.stem for path in folder.glob("*.sql"))
        before = state(url, server.bindir)

        deployed = run_dag("deploy_migrations", url, folder, FULL)
        assert deployed.state == "success", deployed.text
        assert [deployed.group(stem) for stem in stems] == [DEPLOYED] * len(stems)
        assert database.evidence("rehearsal") == [(stem, "passed") for stem in stems]
        assert [outcome for _, outcome in database.evidence("backup restored")] == ["equal"]
        assert "access: the same" in deployed.text or "access: equal" in deployed.text

        for _ in range(2):
            monitored = run_dag("monitor_database", url, folder)
            assert monitored.state == "success", monitored.text
            assert [line for line in monitored.log if line.startswith("ALERT")] == []

        undone = run_dag("rollback_migrations", url, folder, {"down_to": "0", "approval": "none"})
        assert undone.state == "success", undone.text
        assert state(url, server.bindir) == before

        restored = run_dag("restore_backup", url, folder, {"database": "restored"})
        assert restored.state == "success", restored.text
        assert _organizations(server, "restored") == _organizations(server, "demo") > 0
        return Run(_version(url), SOURCES[name].origin, _cron(url), len(stems), time.monotonic() - began, THIS)


def _folder(folder: Path, ours: Sequence[str]) -> Path:
    shutil.copytree(EVERYWHERE, folder)
    for stem in ours:
        shutil.copy(MIGRATIONS / f"{stem}.sql", folder)
        shutil.copytree(MIGRATIONS / stem, folder / stem)
    return folder


def _organizations(server: Server, database: str) -> int:
    return int(Database(server.url(database)).value("select count(*) from public.organizations"))


def _version(url: str) -> str:
    return f"PostgreSQL {str(Database(url).value('show server_version')).split(' ', 1)[0]}"


def _cron(url: str) -> str:
    found = Database(url).rows("select extversion from pg_extension where extname = 'pg_cron'")
    return str(found[0][0]) if found else "none"
