"""What a project states as success: read strictly, judged from evidence, and never spoken of to another project."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from pg_deploy.errors import PgDeployError
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.migrations.manifest import Manifest
from pg_deploy.migrations.migration import load_all, read_folder
from pg_deploy.migrations.project_criteria import (
    FILE,
    Judge,
    ProjectCriteria,
    StatedCriterion,
    read_criteria,
    unknown_criteria,
)
from pg_deploy.reporting.criteria import MigrationResult, judge_criteria
from pg_deploy.reporting.timeline import Step
from tests.building import write_migration

PROJECT = Path(__file__).resolve().parents[3]
V1 = "20250101000000"
STEM = f"{V1}_orders"


def _read(tmp_path: Path, text: str) -> ProjectCriteria | None:
    (tmp_path / "migrations").mkdir(exist_ok=True)
    (tmp_path / FILE).write_text(text)
    return read_criteria(tmp_path / "migrations", [V1])


def test_a_folder_without_the_file_states_nothing(tmp_path: Path) -> None:
    """Else every project would have to say what it does not want to say."""
    (tmp_path / "migrations").mkdir()
    assert read_criteria(tmp_path / "migrations", [V1]) is None


def test_the_file_is_looked_for_beside_the_folder_however_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`MIGRATIONS_DIR=.` has no parent by its name."""
    _read(tmp_path, "timeline: {by: the handbook}")
    monkeypatch.chdir(tmp_path / "migrations")
    found = read_criteria(Path("."), [V1])
    assert found is not None
    assert found.timeline is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("criterions: []", "unknown key 'criterions'; known keys here: versions, criteria, timeline, next_steps"),
        (
            "criteria: [{txt: it works, judged_by: person}]",
            "unknown key 'criteria.0.txt'; known keys here: text, judged_by, name, look",
        ),
        ("criteria: [{text: it works}]", "'criteria.0.judged_by'"),
        (
            "criteria: [{text: it works, judged_by: luck}]",
            "'criteria.0.judged_by' is 'luck': input should be 'deployed', 'backup', 'proofs', 'access' or 'person'",
        ),
        ("criteria: [{text: it works, judged_by: proofs}]", "judged_by: proofs needs a name"),
        ("criteria: [{text: it works, judged_by: backup, name: works}]", "a name means nothing with judged_by: backup"),
        ("criteria: [{text: it works, judged_by: access, look: there}]", "look means nothing with judged_by: access"),
        (
            "criteria: [{text: a, judged_by: proofs, name: works}, {text: b, judged_by: proofs, name: works}]",
            "works stands twice",
        ),
        ("timeline: {by: the handbook, preparation: ten minutes}", '"ten minutes" is not a duration'),
        ("next_steps: {judged: [horoscope]}", "'next_steps.judged.0' is 'horoscope'"),
        (
            "versions: ['20250101000000', '20990101000000']",
            "'versions' names 20990101000000, and the folder has no such migration",
        ),
        ("versions: []\nversions: []", "versions stands twice"),
        ("- a list", "input should be a valid dictionary"),
        ("criteria: [", "expected the node content"),
        ("versions: [2025-13-01]", "a value is none of its kind (month must be in 1..12): write it in quotes"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_key_and_what_to_do(tmp_path: Path, text: str, says: str) -> None:
    """Else a typo would let a criterion go unjudged, and the report would look complete."""
    with pytest.raises(PgDeployError) as failure:
        _read(tmp_path, text)

    said = str(failure.value)
    assert said.startswith(f'"{tmp_path / FILE}" cannot be used: ')
    assert says in said
    assert said.endswith("; correct it and trigger again")
    assert "\n" not in said


def test_a_migration_that_speaks_for_a_criterion_that_nobody_states_is_named(tmp_path: Path) -> None:
    """Else its proof would count for nothing, silently."""
    write_migration(
        tmp_path / "migrations",
        STEM,
        "create table public.orders (id int);",
        checks={"orders_are_there": "select 1 where false"},
        manifest="risk: low\ncriteria: {orders_wrok: [orders_are_there]}\n",
    )
    stated = _read(tmp_path, "criteria: [{text: orders work, judged_by: proofs, name: orders_work}]")
    assert stated is not None

    (fault,) = unknown_criteria(stated, load_all(read_folder(tmp_path / "migrations")))

    assert f'"{STEM}/migration.yaml" says what proves the criterion "orders_wrok"' in str(fault)
    assert "by name it states orders_work" in str(fault)


def test_the_guides_twelve_are_stated_and_each_of_its_migrations_speaks_for_one_of_them() -> None:
    """The guide calls a deployment successful only if all twelve hold."""
    folder = PROJECT / "sql" / "migrations"
    migrations = load_all(read_folder(folder))
    stated = read_criteria(folder, [each.version for each in migrations])

    assert stated is not None
    assert len(stated.criteria) == 12
    assert unknown_criteria(stated, migrations) == []
    assert {name for each in migrations for name in each.manifest.criteria} == set(stated.names)
    assert all(each.manifest.criteria for each in migrations)


def test_a_run_without_any_of_its_versions_is_not_judged_by_the_file() -> None:
    """Else the next change of the same project would be asked for the goals of this one."""
    assert ProjectCriteria(versions=(V1,)).is_about(["20250202000000", V1])
    assert not ProjectCriteria(versions=(V1,)).is_about(["20250202000000"])
    assert ProjectCriteria().is_about(["20250202000000"])


def _row(kind: str, name: str, outcome: str, **detail: Any) -> Evidence:
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return Evidence(1, 1, 1, V1, "target", kind, name, outcome, detail, at)


def _judged(*rows: Evidence, is_deployed: bool = True, was_begun: bool = True) -> MigrationResult:
    manifest = Manifest(criteria={"works": ("orders_are_there",)})
    return MigrationResult(manifest, is_deployed, was_begun, rows)


HELD = _row("check", "orders_are_there", "passed")
BROKEN = _row("check", "orders_are_there", "failed")
EQUAL = _row("access", "access", "unchanged", verdict="equal")
OPENED = _row("access", "access", "different", verdict="different", against=["anon reads public.orders"])


@pytest.mark.parametrize(
    ("judged_by", "name", "migration", "verdict"),
    [
        ("deployed", "", _judged(), "met"),
        ("deployed", "", _judged(is_deployed=False), "not met"),
        ("deployed", "", _judged(is_deployed=False, was_begun=False), "not reached"),
        ("backup", "", _judged(), "not applicable"),
        ("proofs", "works", _judged(HELD), "met"),
        ("proofs", "works", _judged(BROKEN), "not met"),
        ("proofs", "works", _judged(), "not met"),
        ("proofs", "works", _judged(HELD, is_deployed=False), "not met"),
        ("proofs", "works", _judged(HELD, is_deployed=False, was_begun=False), "not reached"),
        ("proofs", "another", _judged(HELD), "not applicable"),
        ("access", "", _judged(EQUAL), "met"),
        ("access", "", _judged(OPENED), "not met"),
        ("access", "works", _judged(EQUAL, BROKEN), "not met"),
        ("access", "", _judged(HELD), "not applicable"),
        ("person", "", _judged(HELD), "not visible from SQL"),
    ],
)
def test_each_kind_of_criterion_is_judged_from_its_evidence(
    judged_by: Judge, name: str, migration: MigrationResult, verdict: str
) -> None:
    """A criterion is "met" only if what judges it is there."""
    stated = StatedCriterion(text="it works", judged_by=judged_by, name=name)

    (found,) = judge_criteria([stated], [migration], [], backup="none")

    assert (found.title, found.verdict) == ("it works", verdict)


def test_a_step_says_who_plans_it() -> None:
    """Whoever has no such procedure is told what the author of the migration expects, and of nobody's guide."""
    assert Step("x", 3.0, 600.0, "the guide").line == "x: 3.0 s (the guide plans 10 min)"
    assert Step("x", 3.0, 600.0).line == "x: 3.0 s (expected 10 min)"
    assert Step("x", 3.0, None, "the guide").line == "x: 3.0 s"


def test_the_engine_speaks_of_nobodys_guide() -> None:
    """What belongs to the guide stands in its migrations and in sql/criteria.yaml."""
    spoken = re.compile(r"\bguides?\b|analysis document", re.IGNORECASE)
    places = [*(PROJECT / "plugins").rglob("*"), *(PROJECT / "dags").rglob("*.py"), *(PROJECT / "launch").rglob("*.py")]
    found = [
        str(path)
        for path in places
        if path.suffix in {".py", ".sql", ".html", ".md", ".js"}
        and "vendor" not in path.parts
        and spoken.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
