"""deploy_migrations when a migration fails: what is undone, what is refused, what is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_deploy.tasks import groups
from tests.building import fixture, write_migration
from tests.dags.conftest import Deploy
from tests.dags.states import (
    APPLY_FAILED,
    AROUND_RED,
    CHECK_AND_ROLLBACK_FAILED,
    CHECK_FAILED,
    DEPLOYED,
    LEFT_AS_IT_IS,
    NOT_REACHED,
    NOTHING_TO_DO,
)
from tests.looking import Database

VERSION = "20250101000000"


def test_a_failed_check_undoes_its_migration_and_the_run_is_red(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else a migration that does not do what it promised would stay in production, or a rolled-back run look well."""
    stem = f"{VERSION}_add_colours"
    folder = fixture("check_fails", tmp_path)
    before = database.facts

    result = deploy(folder)

    assert result.state == "failed"
    assert {name: result.tasks[name] for name in AROUND_RED} == AROUND_RED
    assert result.group(stem) == CHECK_FAILED
    assert database.facts == before
    assert not database.has("public.colours")
    assert database.history == []
    assert database.attempts == [(VERSION, "rolled_back")]
    assert database.deployments == ["rolled_back"]
    # All of them ran, also after the first that failed.
    assert database.evidence("check") == [
        ("every_index_is_valid", "passed"),
        ("a_first_check_holds", "passed"),
        ("no_colour_has_a_number", "failed"),
        ("one_that_writes_without_saying_so", "error"),
        ("the_last_check_holds", "passed"),
    ]
    assert database.evidence("rollback proof") == [("catalog facts as before", "passed")]
    assert "no colour has a number: 25 found" in result.text
    assert "      colour 1" in result.log
    assert "… and 5 more" in result.text
    assert "cannot execute INSERT in a read-only transaction" in result.text
    assert "hint: look at the numbers" in result.text
    assert "after this rollback: Tell the painters" in result.text
    error = database.value("select error from deploy_ledger.attempt")
    assert 'check "no colour has a number" (verify/no_colour_has_a_number.sql): 25 rows found' in error


def test_a_failure_inside_a_transaction_leaves_nothing_and_runs_no_rollback(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else the rollback of a change that never took effect would drop what was there before."""
    stem = f"{VERSION}_change_people"
    folder = fixture("fails_in_transaction", tmp_path)
    database.run("create table public.people (email text)")
    database.run("insert into public.people values ('a'), ('A')")
    before = database.facts

    result = deploy(folder)

    assert result.state == "failed"
    assert result.group(stem) == APPLY_FAILED
    assert database.facts == before
    assert database.rows('select email from public.people order by email collate "C"') == [("A",), ("a",)]
    assert database.statements(VERSION, "rollback") == []
    assert database.statements(VERSION) == [(1, 1, ordinal, False) for ordinal in (1, 2, 3, 4)]
    assert database.rows("select ordinal, sqlstate from deploy_ledger.statement_run where sqlstate is not null") == [
        (3, "23505")
    ]
    assert database.history == []
    assert database.attempts == [(VERSION, "rolled_back")]
    assert database.deployments == ["rolled_back"]
    assert f'"{stem}.sql" line 3 failed' in result.text
    assert "nothing had taken effect, nothing was run" in result.text


@pytest.mark.acceptance
def test_a_failure_between_two_concurrent_builds_leaves_neither_index(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else a failed build would leave an invalid index that slows writes and that IF NOT EXISTS takes for done."""
    stem = f"{VERSION}_index_people"
    folder = fixture("fails_between_builds", tmp_path)
    database.run("create table public.people (name text, email text)")
    database.run("insert into public.people values ('a', 'same'), ('b', 'same')")
    before = database.facts
    seen: list[tuple[bool, list[str]]] = []

    result = deploy(
        folder,
        when="drop index concurrently if exists public.people_name",
        during=lambda: seen.append((database.has("public.people_name"), database.invalid_indexes)),
    )

    assert result.state == "failed"
    assert result.group(stem) == APPLY_FAILED
    # The invalid one goes at once, the valid one by the rollback.
    assert seen == [(True, [])]
    assert '"public"."people_email" was left invalid: dropping it' in result.text
    assert not any(database.has(f"public.{name}") for name in ("people_name", "people_email", "people_both"))
    assert database.facts == before
    assert database.statements(VERSION) == [(1, 1, 1, True), (1, 2, 2, False)]
    assert database.history == []
    assert database.attempts == [(VERSION, "rolled_back")]
    assert database.evidence("rollback proof") == [("catalog facts as before", "passed")]


def test_a_failing_rollback_hides_nothing_and_is_finished_by_the_next_run(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else the engineer on call would see the second error only, and a corrected file could not be used."""
    stem = f"{VERSION}_add_cities"
    folder = fixture("rollback_fails", tmp_path)

    first = deploy(folder)

    assert first.state == "failed"
    assert first.group(stem) == CHECK_AND_ROLLBACK_FAILED
    assert database.attempts == [(VERSION, "rollback_failed")]
    assert database.deployments == ["failed"]
    assert database.has("public.cities")
    error = database.value("select error from deploy_ledger.attempt")
    assert 'check "it has rows" (verify/it_has_rows.sql): 1 row found' in error
    assert 'table "towns" does not exist' in error
    report = first.text.partition("deployment 1 by")[2]
    assert "it has rows" in report
    assert '"towns" does not exist' in report

    (folder / stem / "rollback.sql").write_text("drop table public.cities;\n")
    (folder / f"{stem}.sql").write_text(
        "create table public.cities (name text);\ninsert into public.cities values ('x');\n"
    )
    # Nothing of this run fails, so rollback_all has nothing to undo.
    second = deploy(folder, {"on_failure": "rollback_all"})

    assert second.state == "success", second.text
    assert second.group(stem) == DEPLOYED
    assert "an earlier rollback of this migration was not finished: finishing it first" in second.text
    assert database.attempts == [(VERSION, "rolled_back"), (VERSION, "verified")]
    assert database.rows("select name from public.cities") == [("x",)]
    assert database.history == [VERSION]
    assert database.deployments == ["failed", "deployed"]


NAMES = ["20250101000000_a", "20250102000000_b", "20250103000000_c", "20250104000000_d"]


def _four(folder: Path) -> Path:
    """Four migrations of one table each; the check of the third finds something."""
    for name in NAMES:
        table = f"public.{name[-1]}"
        wrong = "select 'c is wrong';" if name[-1] == "c" else "select 1 where false;"
        write_migration(
            folder,
            name,
            f"create table {table} (id int);",
            rollback=f"drop table {table};",
            checks={"it_is_right": wrong},
        )
    return folder


def _tables(database: Database) -> str:
    return "".join(name for name in "abcd" if database.has(f"public.{name}"))


@pytest.mark.acceptance
def test_with_rollback_failed_those_before_the_failed_one_stay(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else one bad migration would take down good ones, or later ones would be applied on a wrong ground."""
    result = deploy(_four(tmp_path / "migrations"), {"on_failure": "rollback_failed"})

    assert result.state == "failed"
    assert [result.group(name) for name in NAMES] == [DEPLOYED, DEPLOYED, CHECK_FAILED, NOT_REACHED]
    assert _tables(database) == "ab"
    assert database.history == ["20250101000000", "20250102000000"]
    assert database.attempts == [
        ("20250101000000", "verified"),
        ("20250102000000", "verified"),
        ("20250103000000", "rolled_back"),
    ]
    assert database.deployments == ["rolled_back"]
    assert "20250104000000_d not reached" in result.text


@pytest.mark.acceptance
def test_with_rollback_all_everything_of_the_run_is_undone_newest_first(
    database: Database, deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a release that belongs together would be left half deployed. The first one has no group: `earlier` applies it."""
    monkeypatch.setattr(groups, "MOST_GROUPS", 3)
    before = database.facts

    result = deploy(_four(tmp_path / "migrations"), {"on_failure": "rollback_all"})

    assert result.state == "failed"
    assert result.tasks["earlier"] == "success"
    assert [result.group(name) for name in NAMES] == [{}, DEPLOYED, CHECK_FAILED, NOT_REACHED]
    assert result.tasks["undo_earlier"] == "success"
    assert _tables(database) == ""
    assert database.facts == before
    assert database.history == []
    assert database.attempts == [(f"2025010{n}000000", "rolled_back") for n in (1, 2, 3)]
    assert database.rows(
        """select a.version from deploy_ledger.statement_run s join deploy_ledger.attempt a on a.id = s.attempt_id
        where s.direction = 'rollback' order by s.id"""
    ) == [("20250103000000",), ("20250102000000",), ("20250101000000",)]
    assert database.evidence("undone earlier") == [(NAMES[1], "rolled back"), (NAMES[0], "rolled back")]
    assert database.deployments == ["rolled_back"]


@pytest.mark.acceptance
def test_with_stop_the_failed_one_is_left_for_a_person_and_the_next_run_goes_on(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else somebody who wants to look at the failure would find it gone, or could not go on from there."""
    folder = _four(tmp_path / "migrations")

    stopped = deploy(folder, {"on_failure": "stop"})

    assert stopped.state == "failed"
    assert [stopped.group(name) for name in NAMES] == [DEPLOYED, DEPLOYED, LEFT_AS_IT_IS, NOT_REACHED]
    assert _tables(database) == "abc"
    assert database.attempts[-1] == ("20250103000000", "applied")
    assert database.deployments == ["failed"]
    assert "20250103000000_c left as it is, applied and not verified" in stopped.text

    (folder / NAMES[2] / "verify" / "it_is_right.sql").write_text("select 1 where false;")
    went_on = deploy(folder, {"on_failure": "stop"})

    assert went_on.state == "success", went_on.text
    assert [went_on.group(name) for name in NAMES] == [NOTHING_TO_DO, NOTHING_TO_DO, DEPLOYED, DEPLOYED]
    assert _tables(database) == "abcd"
    assert database.attempts == [(f"2025010{n}000000", "verified") for n in (1, 2, 3, 4)]
    assert database.statements("20250103000000") == [(1, 1, 1, True)]
    assert database.history == [f"2025010{n}000000" for n in (1, 2, 3, 4)]


@pytest.mark.acceptance
def test_after_stop_a_file_can_be_corrected_if_nothing_of_it_took_effect(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else a typing error met with on_failure stop could never be mended: the file would count as deployed."""
    folder, stem = tmp_path / "migrations", "20250101000000_a"
    write_migration(folder, stem, "create table public.a (id nonsense);", rollback="drop table public.a;")

    stopped = deploy(folder, {"on_failure": "stop"})
    (folder / f"{stem}.sql").write_text("create table public.a (id int);")
    corrected = deploy(folder, {"on_failure": "stop"})

    assert stopped.state == "failed"
    assert corrected.state == "success", corrected.text
    assert corrected.group(stem) == DEPLOYED
    assert database.attempts == [(VERSION, "rolled_back"), (VERSION, "verified")]


def test_a_failed_create_table_does_not_cost_the_older_table_of_that_name(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else the rollback of a migration that failed at once would drop a table full of somebody's rows."""
    folder = fixture("older_table", tmp_path)
    database.run("create table public.invoices (number text)")
    database.run("insert into public.invoices values ('2024-1')")

    result = deploy(folder)

    assert result.state == "failed"
    assert result.group(f"{VERSION}_create_invoices") == APPLY_FAILED
    assert database.rows("select * from public.invoices") == [("2024-1",)]
    assert database.statements(VERSION, "rollback") == []
    assert database.attempts == [(VERSION, "rolled_back")]


def test_a_rollback_that_would_drop_an_older_object_is_refused(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else a careless rollback.sql would lose what the migration never made."""
    folder = fixture("drops_older", tmp_path)
    database.run("create table public.ledgers (number text)")
    database.run("insert into public.ledgers values ('1')")

    result = deploy(folder)

    assert result.state == "failed"
    assert result.group(f"{VERSION}_create_parts") == CHECK_AND_ROLLBACK_FAILED
    assert database.rows("select * from public.ledgers") == [("1",)]
    assert database.has("public.parts")
    assert database.attempts == [(VERSION, "rollback_failed")]
    assert "which was there before the migration, so it was not committed" in result.text
    assert 'public.ledgers"' in result.text


@pytest.mark.acceptance
def test_a_benchmark_over_its_limit_undoes_the_migration(database: Database, deploy: Deploy, tmp_path: Path) -> None:
    """Else a migration that makes a query crawl would be called deployed, because its checks hold."""
    folder = fixture("slower", tmp_path)
    database.run("create table public.big as select n as id from generate_series(1, 200000) as n")
    database.run("create index big_id on public.big (id)")
    database.run("analyze public.big")
    before = database.facts

    result = deploy(folder)

    assert result.state == "failed"
    assert result.group(f"{VERSION}_drop_the_index") == CHECK_FAILED
    assert database.has("public.big_id")
    assert database.facts == before
    assert database.evidence("benchmark") == [("look_up", "breached")]
    assert ("the_index_is_gone", "passed") in database.evidence("check")
    detail = database.value("select detail from deploy_ledger.evidence where kind = 'benchmark'")
    assert detail["goal_met"] is True
    assert len(detail["after"]["runs_ms"]) <= 5
    assert "slower than its limit of 2 times" in result.text
    assert database.attempts == [(VERSION, "rolled_back")]
