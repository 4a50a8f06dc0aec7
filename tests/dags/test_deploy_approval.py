"""The approval step: who is asked about what, and what the answer does."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_deploy.errors import PgDeployError
from pg_deploy.tasks.airflow_versions import AirflowFailException
from pg_deploy.tasks.run import failing_plainly
from tests.building import write_migration
from tests.dags.conftest import Deploy
from tests.dags.states import DEPLOYED, NOT_REACHED, REJECTED
from tests.looking import Database

SECRET = "hunter2-Zq9"


def _add(folder: Path, number: int, risk: str) -> str:
    stem = f"202501{number:02}000000_{risk}"
    table = f"public.t{number}"
    write_migration(
        folder,
        stem,
        f"create table {table} (id int);",
        rollback=f"drop table {table};",
        checks={"it_is_there": f"select 1 where to_regclass('{table}') is null;"},
        manifest=f"title: The {risk} one\nrisk: {risk}\n",
    )
    return stem


@pytest.mark.acceptance
def test_who_is_asked_follows_the_policy_and_the_connections_floor(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else a risky change reaches production unseen, or whoever triggers could wave a target's approval away."""
    folder = tmp_path / "migrations"
    low, medium, high, unknown = (
        _add(folder, number, risk) for number, risk in enumerate(("low", "medium", "high", "unknown"), start=1)
    )

    risky = deploy(folder, {"approval": "risky"}, answer="Approve")

    assert risky.state == "success"
    assert [risky.group(stem) for stem in (low, medium, high, unknown)] == [DEPLOYED] * 4
    assert database.evidence("approval") == [(medium, "approved"), (high, "approved"), (unknown, "approved")]
    # Bound to the text that was shown, and to a person.
    for stem, detail in database.rows("select name, detail from deploy_ledger.evidence where kind = 'approval'"):
        assert detail == {
            "by": "tester",
            "by_id": "1",
            "bundle_hash": database.value(
                "select bundle_hash from deploy_ledger.planned_migration where stem = %s", [stem]
            ),
        }
    shown = risky.text
    assert f"Deploy {medium}?" in shown
    assert f"Deploy {low}?" not in shown
    for words in (
        "## The medium one",
        "**Risk:** medium",
        "create table public.t2",
        "### What undoes it",
        "drop table",
    ):
        assert words in shown

    nobody_asked = _add(folder, 5, "high")
    assert deploy(folder, {"approval": "none"}).group(nobody_asked) == DEPLOYED
    asked_always = _add(folder, 6, "low")
    assert deploy(folder, {"approval": "all"}, answer="Approve").group(asked_always) == DEPLOYED
    asked_by_floor = _add(folder, 7, "low")
    floored = deploy(folder, {"approval": "none"}, answer="Approve", extra={"approval_floor": "all"})
    assert floored.group(asked_by_floor) == DEPLOYED
    assert database.evidence("approval")[3:] == [(asked_always, "approved"), (asked_by_floor, "approved")]


def test_a_rejected_migration_is_never_applied_and_the_run_is_red(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else a person's no would be ignored, or a rejected migration would count as deployed."""
    folder = tmp_path / "migrations"
    first, second, third = (_add(folder, number, risk) for number, risk in ((1, "low"), (2, "high"), (3, "low")))

    result = deploy(folder, {"approval": "risky"}, answer="Reject")

    assert result.state == "failed"
    assert [result.group(stem) for stem in (first, second, third)] == [DEPLOYED, REJECTED, NOT_REACHED]
    assert result.tasks["report"] == "failed"
    assert not database.has("public.t2")
    assert not database.has("public.t3")
    assert database.attempts == [("20250101000000", "verified")]
    assert database.history == ["20250101000000"]
    assert database.evidence("approval") == [(second, "rejected")]
    assert database.deployments == ["failed"]
    assert f"{second}: rejected" in result.text
    assert "rejected - The high one" in result.text


def test_an_approval_does_not_hold_for_a_text_that_was_changed_meanwhile(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else somebody could slip other SQL under a person's yes."""
    folder = tmp_path / "migrations"
    stem = _add(folder, 1, "high")

    result = deploy(
        folder,
        {"approval": "risky"},
        answer="Approve",
        when=r"^Deploy .*\?$",
        during=lambda: (folder / stem / "rollback.sql").write_text("drop table public.other;"),
    )

    assert result.state == "failed"
    assert result.group(stem) == REJECTED
    assert database.evidence("approval") == []
    assert database.attempts == []
    assert not database.has("public.t1")


@pytest.mark.acceptance
def test_with_four_eyes_an_approval_counts_only_from_somebody_else(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else one person, or one stolen login, changes production alone although the team agreed that it takes two."""
    folder = tmp_path / "migrations"
    stem = _add(folder, 1, "high")
    triggerer = "dag_test"  # whom Airflow names as the one who called dag.test()

    alone = deploy(folder, {"approval": "risky", "four_eyes": True}, answer="Approve", answered_by=triggerer)

    assert alone.state == "failed"
    assert alone.group(stem) == REJECTED
    assert not database.has("public.t1")
    assert database.evidence("approval") == [(stem, "refused: approved by who triggered")]
    assert database.rows("select actor from deploy_ledger.deployment") == [(triggerer,)]

    # If the connection asks for four eyes, the conf of a run cannot take that back.
    floored = deploy(
        folder, {"approval": "risky"}, answer="Approve", answered_by=triggerer.upper(), extra={"four_eyes": True}
    )
    assert floored.state == "failed"
    assert not database.has("public.t1")

    assert deploy(folder, {"approval": "risky"}, answer="Approve", answered_by=triggerer).group(stem) == DEPLOYED
    other = _add(folder, 2, "high")
    by_two = deploy(folder, {"approval": "risky", "four_eyes": True}, answer="Approve", answered_by="somebody else")
    assert by_two.group(other) == DEPLOYED
    assert database.evidence("approval")[-1] == (other, "approved")


def test_a_secret_is_masked_in_the_log_though_its_word_is_a_line_above(deploy: Deploy, tmp_path: Path) -> None:
    """Else everybody who may read the log of an approval reads what was only shown to whoever is asked."""
    body = f"begin perform 1 from public.users where password =\n'{SECRET}'; return 1; end"
    sql = f"create function public.f() returns int language plpgsql as $$ {body} $$;\n"
    stem = "20250101000000_high"
    write_migration(tmp_path / "m", stem, sql, rollback="drop function public.f();", manifest="title: A\nrisk: high\n")

    result = deploy(tmp_path / "m", {"approval": "risky"}, answer="Reject")

    assert result.group(stem) == REJECTED
    assert "where password =" in result.text
    assert SECRET not in result.text


def test_what_fails_a_task_is_masked_where_airflow_prints_it(caplog: pytest.LogCaptureFixture) -> None:
    """Airflow logs the text of the exception by a logger of its own, below our lines."""
    with pytest.raises(AirflowFailException) as failed, failing_plainly():
        raise PgDeployError(f"the role has\nthe password\n'{SECRET}'")
    assert SECRET not in f"{failed.value} {caplog.text}"
    assert "the role has" in str(failed.value)
