"""deploy_migrations while the world goes on: files change, sessions hold locks, processes are killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from pg_deploy.tasks import deploy_tasks, groups
from tests.building import fixture, write_migration
from tests.dags.conftest import Deploy
from tests.dags.harness import PROJECT
from tests.dags.states import DEPLOYED, NOT_REACHED, NOTHING_TO_DO, REFUSED
from tests.looking import Database

PINNED = "migrations pinned"


def _table(folder: Path, stem: str, **more: object) -> None:
    table = f"public.{stem.split('_', 1)[1]}"
    write_migration(folder, stem, f"create table {table} (id int);", rollback=f"drop table {table};", **more)  # type: ignore[arg-type]


def test_a_file_that_arrives_after_preflight_is_not_deployed(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else a file that a git pull brings during a run would be deployed though preflight and approval never saw it."""
    folder, aside = tmp_path / "migrations", tmp_path / "later.sql"
    late = folder / "20250102000000_late.sql"
    _table(folder, "20250101000000_early")
    late.write_text("create table public.late (id int);")

    result = deploy(folder, after_parsing=lambda: late.rename(aside), when=PINNED, during=lambda: aside.rename(late))

    assert result.state == "success"
    assert [result.group(stem) for stem in ("20250101000000_early", "20250102000000_late")] == [DEPLOYED, NOTHING_TO_DO]
    assert "20250102000000_late arrived after this run began: nothing is done" in result.text
    assert not database.has("public.late")
    assert database.history == ["20250101000000"]


@pytest.mark.parametrize("edited", ["20250101000000_early.sql", "20250101000000_early/rollback.sql"])
def test_a_file_edited_after_preflight_is_refused(
    database: Database, deploy: Deploy, tmp_path: Path, edited: str
) -> None:
    """Else what runs would be another text than the one that was judged, and approved."""
    folder = tmp_path / "migrations"
    _table(folder, "20250101000000_early")
    _table(folder, "20250102000000_next")
    path = folder / edited

    result = deploy(folder, when=PINNED, during=lambda: path.write_text("drop schema public cascade;"))

    assert result.state == "failed"
    assert result.group("20250101000000_early") == REFUSED
    assert result.group("20250102000000_next") == NOT_REACHED
    assert '"20250101000000_early" was changed on disk after this run began; nothing of it was run' in result.text
    assert database.attempts == []
    assert database.history == []
    assert not database.has("public.early")
    assert database.deployments == ["failed"]


@pytest.mark.acceptance
def test_of_forty_pending_the_oldest_fifteen_go_through_earlier(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else a new database with a long history could not be brought up to date, or only its newest part would be."""
    folder = tmp_path / "migrations"
    stems = [f"202501{n:02}000000_t{n:02}" if n <= 31 else f"202502{n - 31:02}000000_t{n:02}" for n in range(1, 41)]
    for stem in stems:
        _table(folder, stem)
    bad = folder / stems[9] / "verify" / "it_is_right.sql"
    bad.parent.mkdir()
    bad.write_text("select 'wrong';")

    stopped = deploy(folder)

    assert stopped.state == "failed"
    assert stopped.tasks["earlier"] == "failed"
    assert len([name for name in stopped.tasks if name.endswith(".gate")]) == 25
    assert not [name for name, state in stopped.tasks.items() if name.endswith(".apply") and state == "success"]
    assert len(database.history) == 9
    assert database.attempts[-2:] == [(stems[8][:14], "verified"), (stems[9][:14], "rolled_back")]
    assert not database.has("public.t10")
    assert database.deployments == ["rolled_back"]

    bad.unlink()
    result = deploy(folder)

    assert result.state == "success", result.text
    assert result.tasks["earlier"] == "success"
    assert all(result.group(stem) == DEPLOYED for stem in stems[15:])
    assert database.history == [stem[:14] for stem in stems]
    assert database.deployments == ["rolled_back", "deployed"]
    order = [version for version, state in database.attempts if state == "verified"]
    assert order == sorted(order)
    assert len(order) == 40


@pytest.mark.acceptance
@pytest.mark.parametrize(("approval", "in_earlier"), [("none", 2), ("all", 0)])
def test_of_a_long_set_what_needs_no_group_goes_through_earlier_up_to_the_first_that_needs_one(
    database: Database, deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, approval: str, in_earlier: int
) -> None:
    """Else a hundred small files would take seven tasks each; what a person must see is not passed by."""
    monkeypatch.setattr(deploy_tasks, "SHOWN_SINGLY", 3)
    folder = tmp_path / "migrations"
    stems = [f"2025010{number}000000_{name}" for number, name in enumerate("abcd", start=1)]
    for stem in stems:
        _table(folder, stem)
    for stem in (stems[0], stems[1], stems[3]):
        shutil.rmtree(folder / stem)

    result = deploy(folder, {"approval": approval}, answer="Approve")

    assert result.state == "success", result.text
    states = [result.group(stem) for stem in stems]
    assert states == [NOTHING_TO_DO] * in_earlier + [DEPLOYED] * (4 - in_earlier)
    assert len(database.evidence("approval")) == (4 if approval == "all" else 0)
    assert [version for version, state in database.attempts if state == "verified"] == [stem[:14] for stem in stems]


@pytest.mark.acceptance
def test_with_stop_earlier_leaves_the_failed_one_for_a_person(
    database: Database, deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else on_failure would hold for the newest migrations only. Approval asks once for all that have no group."""
    monkeypatch.setattr(groups, "MOST_GROUPS", 1)
    folder = tmp_path / "migrations"
    _table(folder, "20250101000000_a", manifest="risk: high\n")
    _table(folder, "20250102000000_b", manifest="risk: high\n", checks={"it_is_right": "select 'wrong';"})
    _table(folder, "20250103000000_c")

    result = deploy(folder, {"on_failure": "stop", "approval": "risky"}, answer="Approve")

    assert result.state == "failed"
    assert result.tasks["approve_earlier"] == "success"
    assert result.tasks["earlier"] == "failed"
    assert "Deploy 20250101000000_a, 20250102000000_b?" in result.text
    assert database.evidence("approval") == [("20250101000000_a", "approved"), ("20250102000000_b", "approved")]
    assert database.attempts == [("20250101000000", "verified"), ("20250102000000", "applied")]
    assert database.has("public.b")
    assert not database.has("public.c")


def test_a_lock_that_somebody_holds_is_waited_for_without_stalling_the_application(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else an ALTER TABLE queued behind one slow report would make every query of the application wait behind it."""
    folder = tmp_path / "migrations"
    stem = "20250101000000_widen"
    write_migration(
        folder,
        stem,
        "alter table public.busy add column more int;",
        rollback="alter table public.busy drop column more;",
    )
    database.run("create table public.busy (id int)")
    stop, waits = threading.Event(), [0.0]
    others = [
        threading.Thread(target=_hold_for, args=(database.url, 3.5)),
        threading.Thread(target=_read_until, args=(database.url, stop, waits)),
    ]

    def begin() -> None:
        for other in others:
            other.start()
        time.sleep(0.3)

    try:
        result = deploy(
            folder,
            {"lock_budget": "1 s", "give_up_after": "30 s"},
            when="snapshot of",
            during=begin,
        )
    finally:
        stop.set()
        for other in others:
            other.join(timeout=10)

    assert result.state == "success", result.text
    assert result.group(stem) == DEPLOYED
    assert "blocked by pid" in result.text
    assert "application holder" in result.text
    assert "aborted so that nobody waits behind it, again in" in result.text
    tries = database.statements("20250101000000")
    assert len(tries) > 1
    assert [ended for *_, ended in tries] == [False] * (len(tries) - 1) + [True]
    assert 0.5 < max(waits) < 2.0
    assert database.attempts == [("20250101000000", "verified")]


def _hold_for(url: str, seconds: float) -> None:
    with psycopg.connect(url, application_name="holder") as connection:
        connection.execute("select from public.busy")
        time.sleep(seconds)


def _read_until(url: str, stop: threading.Event, waits: list[float]) -> None:
    with psycopg.connect(url, autocommit=True, application_name="reader") as connection:
        while not stop.wait(0.05):
            started = time.monotonic()
            connection.execute("select from public.busy")
            waits.append(time.monotonic() - started)


# The line that is logged, and how long after it the process is killed: the update sleeps in the server for 1.5 s.
KILLED_AT = {"verify": ("^checks$", 0.0, "applied"), "apply": ("^  line 1: update", 0.5, "applying")}


@pytest.mark.acceptance
@pytest.mark.parametrize("task", KILLED_AT)
def test_a_run_killed_in_the_middle_is_finished_by_the_next_one_without_applying_twice(
    database: Database, deploy: Deploy, tmp_path: Path, task: str
) -> None:
    """Else a migration whose worker died would count as deployed unverified, or its update would happen twice."""
    stem, (when, delay, left) = "20250101000000_count_up", KILLED_AT[task]
    folder = fixture("counter", tmp_path)
    database.run("create table public.counter (x int not null)")
    database.run("insert into public.counter values (0)")

    died = subprocess.run(
        [sys.executable, "-m", "tests.dags.killed", database.url, str(folder), when, str(delay)],
        env={**os.environ, "PG_DEPLOY_GOOD_FOR": "3 s"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert died.returncode == -9, died.stdout[-3000:] + died.stderr[-3000:]
    assert database.attempts == [("20250101000000", left)]
    assert database.deployments == ["open"]

    result = deploy(folder)

    assert result.state == "success", result.text
    assert result.group(stem) == DEPLOYED
    assert database.value("select x from public.counter") == 1
    assert database.attempts == [("20250101000000", "verified")]
    assert database.history == ["20250101000000"]
    assert database.deployments == ["abandoned", "deployed"]
    assert "begun by an earlier run and not finished" in result.text
    if task == "verify":
        assert "applied already by an earlier run that ended before verify: nothing to apply" in result.text
        assert database.statements("20250101000000") == [(1, 1, 1, True)]
