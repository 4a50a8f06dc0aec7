"""deploy_migrations with backup and rehearsal, as whole runs: what they prove, and that the target waits for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pg_deploy.postgres.temporary import process_start
from tests.building import fixture, write_migration
from tests.dags.conftest import Deploy
from tests.dags.harness import Result, run_dag
from tests.dags.states import DEPLOYED
from tests.looking import Database

PROJECT = Path(__file__).resolve().parents[2]
STEMS = sorted(path.stem for path in (PROJECT / "sql" / "migrations").glob("*.sql"))
CRITERIA = [
    "all migrations applied without errors",
    "database backup exists and is valid",
    "new indexes visible and being used",
    "metadata update function working",
    "RLS policies functioning correctly (security verified)",
    "materialized views populated with data",
    "cron job scheduled and running",
    "dashboard load times improved 50-80 %",
    "analytics queries 20-30 % faster",
    "no increase in error rates",
    "no unauthorized data access",
    "application logs show no new errors",
]
FULL = {"approval": "none", "backup": "full", "rehearse": "full"}


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Backups of each test in a folder of its own."""
    folder = tmp_path / "backups"
    monkeypatch.setenv("BACKUP_URI", f"file://{folder}")
    return folder


def _backups(store: Path) -> list[str]:
    return sorted(path.name for path in store.iterdir()) if store.exists() else []


@pytest.mark.acceptance
def test_the_four_migrations_are_backed_up_rehearsed_and_deployed(demo_url: str, store: Path) -> None:
    """Else the safety net would exist on paper only."""
    result = run_dag("deploy_migrations", demo_url, PROJECT / "sql" / "migrations", FULL)

    assert result.state == "success", result.text
    assert [result.group(stem) for stem in STEMS] == [DEPLOYED] * 4
    database = Database(demo_url)
    (name,) = _backups(store)
    assert database.evidence("backup") == [(f"file://{store}/{name}", "taken")]
    assert database.evidence("backup restored") == [(name, "equal")]
    assert database.evidence("rehearsal") == [(stem, "passed") for stem in STEMS]
    begin = result.log.index("::group::success criteria")
    criteria = [line[2:].split(":")[0] for line in result.log[begin + 1 : result.log.index("::endgroup::", begin)]]
    assert criteria == CRITERIA
    assert "✓ database backup exists and is valid: met" in result.text
    assert "::group::duration of each step beside the guide's timeline" in result.log
    planned = [line.split(" (")[1] for line in result.log if "(the guide plans" in line]
    assert planned == [f"the guide plans {each} min)" for each in (10, 10, 2, 10, 10, 15, 57)]
    assert "rolled back in" in result.text
    assert database.rows("select state from deploy_ledger.attempt") == [("verified",)] * 4
    # Other test processes may have a copy at this very moment: each has an owner that lives.
    owners = [json.loads(path.read_text())["pid"] for path in Path("/tmp").glob("pg-deploy-rehearsal-*/owner.json")]
    assert [pid for pid in owners if pid == os.getpid() or not process_start(pid)] == []


def test_a_check_that_fails_in_the_rehearsal_ends_the_run_before_the_target_was_touched(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """The point of a rehearsal: production must not be where a mistake shows first."""
    folder = fixture("check_fails", tmp_path)

    result = deploy(folder, FULL)

    assert result.state == "failed"
    assert result.tasks["backup"] == "success"
    assert result.tasks["rehearse"] == "failed"
    begun = {state for name, state in result.tasks.items() if name.endswith((".snapshot", ".apply", ".verify"))}
    assert begun == {"upstream_failed"}
    assert database.attempts == []
    assert database.history == []
    assert not database.has("public.colours")
    assert database.evidence("rehearsal") == [("20250101000000_add_colours", "failed")]
    assert "failed in the rehearsal" in result.text
    assert "to restore it, never over the database that is there" in result.text


@pytest.mark.acceptance
def test_nothing_pending_needs_neither_backup_nor_rehearsal(deploy: Deploy, store: Path, tmp_path: Path) -> None:
    """A repeated run must be quick, and must not fill the disk with backups of nothing; skipped tasks would skip the rest."""
    folder = fixture("all_well", tmp_path)
    assert deploy(folder).state == "success"

    again = deploy(folder, FULL)

    assert (again.state, again.tasks["backup"], again.tasks["rehearse"]) == ("success", "success", "success")
    assert "no backup: nothing is pending" in again.text
    assert "no rehearsal: nothing is pending" in again.text
    assert _backups(store) == []


@pytest.mark.acceptance
def test_a_rehearsal_without_a_backup_takes_a_dump_that_is_not_kept(
    database: Database, deploy: Deploy, store: Path, tmp_path: Path
) -> None:
    """Whoever has point-in-time recovery still wants a rehearsal; it needs a copy, and the moment to go back to."""
    folder = _all_well(tmp_path)

    result = deploy(folder, {**FULL, "backup": "external"})

    assert result.state == "success", result.text
    assert [outcome for _, outcome in database.evidence("backup")] == ["external"]
    assert "point-in-time recovery to" in result.text
    assert [outcome for _, outcome in database.evidence("rehearsal")] == ["passed"] * 3
    assert _backups(store) == []
    # A check that is exact on a copy only was answered there.
    assert ("figures_are_exact_on_a_copy", "passed") in database.evidence("check")


@pytest.mark.acceptance
def test_what_grants_a_role_is_rehearsed_without_the_target_noticing(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """In a scratch database of the same server the grant would have been live in production at once."""
    write_migration(
        tmp_path / "migrations",
        "20250101000000_let_everybody_in",
        "grant service_role to authenticated;\nalter role anon set work_mem = '8MB';\n",
        rollback="revoke service_role from authenticated;\nalter role anon reset work_mem;\n",
        # It changes access, as it means to: shown, and not failed.
        manifest="risk: low\naccess: undeclared\n",
    )
    seen: list[object] = []
    question = """select count(*) from pg_auth_members m
        where m.roleid = 'service_role'::regrole and m.member = 'authenticated'::regrole"""

    result = deploy(
        tmp_path / "migrations",
        FULL,
        when="rehearsal passed",
        during=lambda: seen.append(database.value(question)),
    )

    try:
        assert result.state == "success", result.text
        assert seen == [0]
        assert database.value(question) == 1
    finally:
        database.run("revoke service_role from authenticated; alter role anon reset work_mem")


def _all_well(tmp_path: Path) -> Path:
    """The fixture with a check that is exact on a copy, where nobody else writes."""
    folder = fixture("all_well", tmp_path)
    check = folder / "20250101000000_create_orders" / "verify" / "figures_are_exact_on_a_copy.sql"
    check.write_text("-- check: rehearsal\nselect id from public.orders where customer <> 'first'\n")
    return folder


@pytest.mark.acceptance
def test_an_approval_shows_what_the_rehearsal_showed(deploy: Deploy, tmp_path: Path) -> None:
    """Whoever approves decides by durations and locks that were measured, not by those that were hoped for."""
    folder = _all_well(tmp_path)

    result: Result = deploy(folder, {**FULL, "approval": "all"}, answer="Approve")

    assert result.state == "success", result.text
    assert "### Rehearsal" in result.text
    assert "- ✓ rehearsal passed" in result.text
