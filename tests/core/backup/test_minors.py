"""Programs of an older minor version than the server: preflight says so, and their backup proves nothing until it is restored."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import psycopg
import pytest

from pg_deploy.backup.errors import RestoreFailedError
from pg_deploy.backup.evidence import judge_backup
from pg_deploy.backup.readiness import readiness_doubts
from pg_deploy.configuration.conf import DeployConf, checked_conf
from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.migrations.migration import load_all, read_folder
from pg_deploy.postgres.programs import Programs
from tests.building import write_migration
from tests.installed import write_program


@pytest.mark.parametrize(
    ("programs", "server", "is_older"),
    [
        ((15, 18), 150020, True),
        ((18, 0), 180001, True),
        ((15, 20), 150020, False),
        ((15, 21), 150020, False),
        ((17, 1), 150020, False),
    ],
)
def test_minors_are_compared_within_a_major(programs: tuple[int, int], server: int, is_older: bool) -> None:
    """A newer major is another question; an older one is refused already."""
    sentence = Programs(Path("/programs"), *programs).why_too_old(server)
    assert (sentence is not None) == is_older
    if sentence:
        assert f"PostgreSQL {programs[0]}.{programs[1]}, older than the server's" in sentence


def test_preflight_has_doubts_about_programs_of_an_older_minor(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the first sign is a restore that fails with "unrecognized parameter", at night."""
    write_migration(tmp_path / "m", "20250101000000_a", "select 1")
    migrations = load_all(read_folder(tmp_path / "m"))
    with psycopg.connect(empty_database) as connection:
        assert readiness_doubts(connection, checked_conf(DeployConf, {}), migrations) == []
        major = connection.info.server_version // 10000
        for name in ("pg_dump", "pg_restore", "postgres", "initdb", "vacuumdb"):
            write_program(tmp_path / name, f"echo '{name} (PostgreSQL) {major}.0'")
        monkeypatch.setenv("PG_DEPLOY_BINDIR", str(tmp_path))
        (doubt,) = readiness_doubts(connection, checked_conf(DeployConf, {}), migrations)
        assert f"are PostgreSQL {major}.0, older than the server's" in doubt
        assert (
            readiness_doubts(connection, checked_conf(DeployConf, {"backup": "none", "rehearse": "none"}), migrations)
            == []
        )


def test_a_backup_that_older_programs_took_is_not_called_valid_until_it_was_restored() -> None:
    """Else a file that restores nowhere stands in the report as a backup."""
    detail: dict[str, object] = {"name": "b", "kind": "full", "doubt": "the programs are older than the server's"}
    verdict, why = judge_backup([_row(Kind.BACKUP, "taken", detail)], "full")
    assert verdict == "not proven"
    assert "older than the server's" in why
    restored = [_row(Kind.BACKUP, "taken", detail), _row(Kind.BACKUP_RESTORED, "equal", {}, name="b")]
    assert judge_backup(restored, "full")[0] == "met"
    verdict, why = judge_backup([_row(Kind.BACKUP, "taken", {**detail, "doubt": None})], "full")
    assert verdict == "not proven"
    assert "older than the server's" not in why


def test_a_backup_that_the_conf_asks_for_and_nobody_took_is_missed() -> None:
    """Else the report of a run whose backup was skipped says that a backup does not apply to it."""
    assert judge_backup([], "none") == ("not applicable", "backup: none")
    assert judge_backup([], "full") == ("not met", "the conf says backup: full, and this run has none")


def test_a_failed_restore_names_the_older_programs_as_the_cause() -> None:
    """Else somebody looks for an extension that is missing."""
    cause = Programs(Path("/programs"), 15, 18).why_too_old(150020)
    assert "often an extension" in str(RestoreFailedError("b", ['unrecognized parameter "pg_attver"']))
    said = str(RestoreFailedError("b", ['unrecognized parameter "pg_attver"'], cause=cause))
    assert "often an extension" not in said
    assert "upgrade the packages of PostgreSQL 15 on this worker" in said


def _row(kind: str, outcome: str, detail: dict[str, object], name: str = "uri") -> Evidence:
    return Evidence(1, 1, None, None, "target", kind, name, outcome, detail, datetime.now(timezone.utc))
