"""Adopting a database that was migrated before we came: whole runs of baseline_migrations, then of deploy_migrations."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pg_deploy.catalog import reader as catalog
from pg_deploy.ledger import attempt, evidence, schema
from pg_deploy.migrations import history
from pg_deploy.migrations.history_text import history_statements
from tests.dags.harness import Result, run_dag
from tests.dags.states import NOTHING_TO_DO

FIRST = "20260101000000_add_tag"
SECOND = "20260102000000_add_tag_name"
THIRD = "20260103000000_add_label"
FILES = {
    FIRST: "create table public.tag (id int primary key);\n",
    SECOND: "-- names\nalter table public.tag add column name text;\nalter table public.tag add column note text;\n",
    THIRD: "create table public.label (id int primary key);\n",
}
CASES = Path(__file__).resolve().parents[1] / "cases" / "files"
UNCHECKED = "adopted as it is, not verified"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three migrations; the second has two checks, of which one does not hold."""
    for stem, text in FILES.items():
        (tmp_path / f"{stem}.sql").write_text(text)
    verify = tmp_path / SECOND / "verify"
    verify.mkdir(parents=True)
    (verify / "the_table_is_there.sql").write_text("select 1 where to_regclass('public.tag') is null;\n")
    (verify / "every_tag_has_a_name.sql").write_text("select 'no index on name' as what;\n")
    (verify.parent / "rollback.sql").write_text("alter table public.tag drop column name, drop column note;\n")
    return tmp_path


@pytest.fixture
def by_hand(empty_database: str) -> str:
    """A database in which somebody ran the first two files with psql."""
    with psycopg.connect(empty_database) as connection:
        connection.execute(FILES[FIRST])
        connection.execute(FILES[SECOND])
    return empty_database


def run(url: str, folder: Path, **conf: Any) -> Result:
    return run_dag("baseline_migrations", url, folder, conf)


def deploy(url: str, folder: Path, **conf: Any) -> Result:
    return run_dag("deploy_migrations", url, folder, {"approval": "none", **conf})


def recorded(url: str) -> dict[str, tuple[str, list[str]]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select version, name, statements from supabase_migrations.schema_migrations"
        ).fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


def states(url: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with psycopg.connect(url) as connection:
        for stem, state in connection.execute("select stem, state from deploy_ledger.attempt order by id"):
            found.setdefault(stem, []).append(state)
    return found


def fingerprint(url: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        return catalog.read_facts(connection).fingerprint


def nothing_was_made(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        return not schema.exists(connection) and not history.read(connection)


def test_a_database_made_by_hand_is_adopted_and_the_rest_deployed(by_hand: str, folder: Path) -> None:
    """A team whose database is older than we are would else see its migrations run a second time, and fail."""
    result = run(by_hand, folder, up_to="20260102000000", reason="ran both with psql on Monday")
    assert result.state == "success", result.text
    assert result.tasks == {"check": "success", "adopt": "success", "report": "success"}
    assert recorded(by_hand) == {
        "20260101000000": ("add_tag", list(history_statements(FILES[FIRST]))),
        "20260102000000": ("add_tag_name", list(history_statements(FILES[SECOND]))),
    }
    assert states(by_hand) == {FIRST: ["baselined"], SECOND: ["baselined"]}
    assert f"✓ {SECOND}: {UNCHECKED}" in result.text
    assert "ran both with psql on Monday" in result.text
    assert "1 of 2 checks of it hold" in result.text
    assert "not checked: that the database holds what these files say" in result.text
    with psycopg.connect(by_hand) as connection:
        newest = attempt.latest(connection, "20260102000000")
        assert newest is not None
        rows = evidence.of_attempt(connection, newest.id)
        held = connection.execute("select state, ended_at is not null from deploy_ledger.deployment").fetchall()
    assert [(row.kind, row.name, row.outcome) for row in rows] == [
        ("baseline", SECOND, UNCHECKED),
        ("check at baseline", "every_tag_has_a_name", "failed"),
        ("check at baseline", "the_table_is_there", "passed"),
    ]
    assert rows[0].detail["reason"] == "ran both with psql on Monday"
    assert rows[0].detail["by"]
    assert held == [("deployed", True)]

    rest = deploy(by_hand, folder)
    assert rest.state == "success", rest.text
    for stem in (FIRST, SECOND):
        assert rest.group(stem) == NOTHING_TO_DO
    assert f"{FIRST} is adopted as it was: nothing to do" in rest.text
    assert states(by_hand) == {FIRST: ["baselined"], SECOND: ["baselined"], THIRD: ["verified"]}


def test_what_the_cli_recorded_is_kept_as_it_is_and_compared_with_the_files(by_hand: str, folder: Path) -> None:
    """Rewriting the CLI's rows would hide that a file was edited after the CLI had applied it."""
    with psycopg.connect(by_hand, autocommit=True) as connection:
        history.ensure(connection)
        history.insert(connection, "20260101000000", "add_tag", history_statements(FILES[FIRST]))
        history.insert(connection, "20260102000000", "add_tag_name", ["alter table public.tag add column title text"])
    before = recorded(by_hand)
    result = run(by_hand, folder, migrations=["20260101000000", SECOND])
    assert result.state == "success", result.text
    assert recorded(by_hand) == before
    assert states(by_hand) == {FIRST: ["baselined"], SECOND: ["baselined"]}
    assert "history row was there; recorded text: the file's" in result.text
    assert "the history holds another text of it than the file" in result.text


@pytest.mark.acceptance
def test_twice_is_harmless_and_says_what_was_left_alone(by_hand: str, folder: Path) -> None:
    """Whoever is unsure whether it ran triggers it again; a second evidence row would name the wrong person."""
    assert run(by_hand, folder, up_to=SECOND).state == "success"
    again = run(by_hand, folder, up_to=SECOND)
    assert again.state == "success", again.text
    assert f"{FIRST} is adopted as it was: left alone" in again.text
    assert "nothing to adopt" in again.text
    assert states(by_hand) == {FIRST: ["baselined"], SECOND: ["baselined"]}


@pytest.mark.acceptance
def test_what_we_verified_is_left_alone(empty_database: str, folder: Path) -> None:
    """A proven deployment must never be degraded to a person's word."""
    (folder / SECOND / "verify" / "every_tag_has_a_name.sql").unlink()
    assert deploy(empty_database, folder).state == "success"
    result = run(empty_database, folder)
    assert result.state == "success", result.text
    assert f"{THIRD} is deployed and verified by us: left alone" in result.text
    assert states(empty_database) == {FIRST: ["verified"], SECOND: ["verified"], THIRD: ["verified"]}


@pytest.mark.acceptance
def test_an_edited_file_is_refused_after_its_baseline(by_hand: str, folder: Path) -> None:
    """The hash taken at the baseline is the only proof of what was in place; both DAGs must hold on to it."""
    assert run(by_hand, folder, up_to=SECOND).state == "success"
    before = fingerprint(by_hand)
    (folder / f"{FIRST}.sql").write_text("create table public.tag (id bigint primary key);\n")
    refusal = f'"{FIRST}.sql" was edited after it was deployed'
    for result in (deploy(by_hand, folder), run(by_hand, folder, up_to=SECOND)):
        assert result.state == "failed"
        assert refusal in result.text
    assert fingerprint(by_hand) == before
    assert states(by_hand) == {FIRST: ["baselined"], SECOND: ["baselined"]}


def test_a_dry_run_shows_what_would_be_adopted_and_makes_nothing(by_hand: str, folder: Path) -> None:
    """A look at a production database must leave no schema behind."""
    before = fingerprint(by_hand)
    result = run(by_hand, folder, up_to=SECOND, dry_run=True)
    assert result.state == "success", result.text
    assert f"{FIRST} is pending: to be adopted as it is, not verified" in result.text
    assert nothing_was_made(by_hand)
    assert fingerprint(by_hand) == before


@pytest.mark.acceptance
def test_a_broken_off_deployment_is_adopted_only_when_a_person_says_it_was_finished(
    empty_database: str, folder: Path
) -> None:
    """Adopting the half of a migration would hide the other half for ever; but there must be a way out."""
    (folder / f"{THIRD}.sql").write_text("create table public.label (id int);\nvacuum public.nowhere;\n")
    (folder / SECOND / "verify" / "every_tag_has_a_name.sql").unlink()
    assert deploy(empty_database, folder, on_failure="stop").state == "failed"
    assert states(empty_database)[THIRD] == ["applying"]
    for conf in ({}, {"migrations": [THIRD]}, {"finished_by_hand": True}):
        refused = run(empty_database, folder, **conf)
        assert refused.state == "failed"
        assert refused.tasks == {"check": "failed", "adopt": "upstream_failed", "report": "failed"}
        assert f'"{THIRD}" was begun by a deployment that did not end (state applying)' in refused.text
        assert "set finished_by_hand to true" in refused.text
        assert states(empty_database)[THIRD] == ["applying"]
    finished = run(empty_database, folder, migrations=[THIRD], finished_by_hand=True, reason="vacuumed the right table")
    assert finished.state == "success", finished.text
    assert states(empty_database)[THIRD] == ["applying", "baselined"]
    assert deploy(empty_database, folder).state == "success"


@pytest.mark.acceptance
def test_a_rolled_back_migration_is_adopted_only_by_name(empty_database: str, folder: Path) -> None:
    """ "All of the folder" must not declare in place what we ourselves took out."""
    assert deploy(empty_database, folder).state == "failed"
    assert states(empty_database) == {FIRST: ["verified"], SECOND: ["rolled_back"]}
    refused = run(empty_database, folder)
    assert refused.state == "failed"
    assert f'"{SECOND}" was rolled back by an earlier deployment, so it is not in the database' in refused.text
    assert states(empty_database) == {FIRST: ["verified"], SECOND: ["rolled_back"]}
    with psycopg.connect(empty_database) as connection:
        connection.execute(FILES[SECOND])
    adopted = run(empty_database, folder, migrations=[SECOND])
    assert adopted.state == "success", adopted.text
    assert states(empty_database)[SECOND] == ["rolled_back", "baselined"]


def test_a_file_made_for_psql_is_adopted_without_its_companion(by_hand: str, folder: Path) -> None:
    """Old files hold COPY … FROM stdin or psql commands; they ran, and need not run again."""
    (folder / f"{FIRST}.sql").write_text("\\set ON_ERROR_STOP on\ncreate table public.tag (id int primary key);\n")
    result = run(by_hand, folder, up_to=SECOND)
    assert result.state == "success", result.text
    assert f"{FIRST} is adopted without its companion" in result.text
    assert states(by_hand) == {FIRST: ["baselined"], SECOND: ["baselined"]}


@pytest.mark.parametrize(
    ("conf", "reason"),
    [
        ({"migrations": ["20990101000000"]}, '"20990101000000" was not found'),
        ({"up_to": "20990101000000"}, '"20990101000000" was not found'),
        ({"upto": "20260101000000"}, 'the conf holds the unknown key "upto"'),
        ({"target": "nowhere_db"}, 'there is no Airflow connection "nowhere_db"'),
    ],
)
def test_a_bad_choice_is_refused_and_changes_nothing(
    by_hand: str, folder: Path, conf: dict[str, object], reason: str
) -> None:
    """A misspelt bound would adopt more than was meant."""
    before = fingerprint(by_hand)
    result = run(by_hand, folder, **conf)
    assert result.state == "failed"
    assert result.tasks == {"check": "failed", "adopt": "upstream_failed", "report": "failed"}
    assert reason in result.text
    assert nothing_was_made(by_hand)
    assert fingerprint(by_hand) == before


def test_a_gap_is_named_before_it_becomes_out_of_order(by_hand: str, folder: Path) -> None:
    """A version left out stays pending behind a newer one: better known now than at the next deployment."""
    result = run(by_hand, folder, migrations=[SECOND])
    assert result.state == "success", result.text
    assert (
        f"{FIRST} is older than 20260102000000 and stays pending: to deploy it later needs out_of_order" in result.text
    )


@pytest.mark.acceptance
def test_the_way_out_of_a_doubled_version_that_is_applied_leads_to_a_green_run(
    empty_database: str, tmp_path: Path
) -> None:
    """The message names a rename and a command: whoever follows them to the letter must get to a deployment."""
    case = CASES / "same-version-twice-and-applied"
    folder = Path(shutil.copytree(case / "migrations", tmp_path / "migrations"))
    with psycopg.connect(empty_database) as connection:
        connection.execute((case / "before.sql").read_bytes())

    refusal = deploy(empty_database, folder).text
    renames = re.findall(r'"(\d+_\w+\.sql)" to "(\d+_\w+\.sql)"', refusal)
    command = re.search(r"make baseline CONF='(.*?)'", refusal)
    assert renames
    assert command
    for old, new in renames:
        (folder / old).rename(folder / new)
    adopted = run(empty_database, folder, **json.loads(command[1]))
    deployed = deploy(empty_database, folder)

    assert adopted.state == "success", adopted.text
    assert deployed.state == "success", deployed.text
    assert recorded(empty_database).keys() == {"20240112000000", "20240112000001", "20240205000000"}
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("select to_regclass('public.newest') is not null").fetchone() == (True,)
