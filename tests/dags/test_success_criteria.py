"""criteria.yaml through whole runs: judged as preflight found it, refused if it is broken, and nobody else's report speaks of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.building import fixture, write_migration
from tests.dags.conftest import Deploy
from tests.dags.harness import PROJECT
from tests.looking import Database

STEM = "20250101000000_places"
OWN = """
criteria:
  - {text: places can be found, judged_by: proofs, name: places_are_found}
  - {text: nobody sees more than before, judged_by: access}
  - {text: the shop is open, judged_by: person, look: ask the shop}
timeline: {by: the handbook, preparation: 5 min}
next_steps: {lines: [tell the shop]}
"""


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKUP_URI", f"file://{tmp_path}/backups")


def _places(tmp_path: Path, *, proves: str = "places_are_found") -> Path:
    write_migration(
        tmp_path / "migrations",
        STEM,
        "create table public.places (id int);",
        rollback="drop table public.places;",
        checks={"the_table_is_there": "select 1 where to_regclass('public.places') is null"},
        manifest=f"risk: low\nexpected_duration: 2 min\ncriteria: {{{proves}: [the_table_is_there]}}\n",
    )
    return tmp_path / "migrations"


@pytest.mark.acceptance
def test_a_project_without_such_a_file_is_told_of_no_criteria_and_of_nobodys_plan(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else strangers read of dashboards, cron jobs and a guide that they never saw, and look for what they did wrong."""
    result = deploy(fixture("all_well", tmp_path), {"backup": "full"})

    assert result.state == "success", result.text
    assert "success criteria" not in result.text
    assert " plans " not in result.text
    assert "guide" not in result.text
    assert database.evidence("criteria") == []
    assert "::group::duration of each step" in result.log
    assert any(line.endswith(" (expected 1.0 s)") for line in result.log)
    # What the run knows of its backup is told all the same.
    assert [line for line in result.log if line.startswith("– backup: ") and "not restored by this run" in line]


@pytest.mark.acceptance
def test_a_red_report_without_criteria_still_says_what_to_do(
    deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a red report is what somebody reads at night."""
    monkeypatch.setenv("PG_DEPLOY_CONTACTS", "the team's pager")
    result = deploy(fixture("check_fails", tmp_path))

    assert result.state == "failed"
    assert "success criteria" not in result.text
    assert result.log.index("what to do") > max(i for i, line in enumerate(result.log) if line.startswith("✗ 2025"))
    assert "  - contacts: the team's pager" in result.text


def test_a_projects_own_criteria_are_those_that_preflight_found(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """A file that is edited during the run must not change what the run is judged by, nor stop its report."""
    folder = _places(tmp_path)
    file = tmp_path / "criteria.yaml"
    file.write_text(OWN)

    result = deploy(folder, when="migrations pinned", during=lambda: file.write_text("criteria: ["))

    assert result.state == "success", result.text
    begin = result.log.index("::group::success criteria")
    assert result.log[begin + 1 : begin + 5] == [
        "✓ places can be found: met (the table is there)",
        "– nobody sees more than before: not proven (not proven: catalog facts only, rows were neither compared nor sampled)",
        "– the shop is open: not visible from SQL (ask the shop)",
        "::endgroup::",
    ]
    assert "::group::duration of each step beside the handbook's timeline" in result.log
    planned = [line.split(" (")[1] for line in result.log if "(the handbook plans" in line]
    assert planned == ["the handbook plans 5 min)", "the handbook plans 2 min)", "the handbook plans 7 min)"]
    assert database.evidence("criteria") == [("criteria.yaml", "pinned")]


@pytest.mark.acceptance
def test_a_file_for_other_versions_is_no_part_of_the_run(database: Database, deploy: Deploy, tmp_path: Path) -> None:
    """Else the next change of a project would be judged by the goals of the one before."""
    folder = _places(tmp_path)
    write_migration(
        folder, "20250202000000_more", "create table public.more (id int);", rollback="drop table public.more;"
    )
    (tmp_path / "criteria.yaml").write_text(f"versions: ['20250101000000']{OWN}")
    assert deploy(folder, {"migrations": [STEM]}).text.count("success criteria") == 1

    later = deploy(folder)

    assert later.state == "success", later.text
    assert "success criteria" not in later.text
    assert len(database.evidence("criteria")) == 1


@pytest.mark.acceptance
def test_another_folders_file_is_no_part_of_a_run(database: Database, deploy: Deploy, tmp_path: Path) -> None:
    """In the production shape a project's folder is mounted in the place of ours, and our criteria.yaml lies beside it."""
    (tmp_path / "criteria.yaml").write_text((PROJECT / "sql" / "criteria.yaml").read_text())

    result = deploy(_places(tmp_path))

    assert result.state == "success", result.text
    assert "criteria.yaml is about none of the migrations of this folder: nothing is judged by it" in result.text
    assert "success criteria" not in result.text.partition("deployment 1 by")[2]
    assert database.evidence("criteria") == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("criterions: []\n", "unknown key 'criterions'; known keys here: versions, criteria, timeline, next_steps"),
        (
            OWN,
            f'"{STEM}/migration.yaml" says what proves the criterion "places_work", which criteria.yaml does not state',
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_before_anything_happens(
    database: Database, deploy: Deploy, tmp_path: Path, text: str, says: str
) -> None:
    """Else it would be found out by the last task, when nobody can be told how the run went."""
    folder = _places(tmp_path, proves="places_work")
    (tmp_path / "criteria.yaml").write_text(text)

    result = deploy(folder)

    assert result.state == "failed"
    assert result.tasks["preflight"] == "failed"
    assert says in result.text
    assert "nothing was changed" in result.text
    assert not database.has("public.places")


def test_criteria_that_migrations_speak_for_and_nobody_states_are_named_in_preflight(
    deploy: Deploy, tmp_path: Path
) -> None:
    """A folder that was copied without the file beside it deploys, and is not judged in silence."""
    result = deploy(_places(tmp_path))

    assert result.state == "success", result.text
    assert f"{STEM}: migration.yaml says what proves success criteria, and no criteria.yaml states any" in result.text
