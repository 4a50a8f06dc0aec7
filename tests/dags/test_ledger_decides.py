"""What a person sets in Airflow is no evidence: the ledger says what was approved, rehearsed, applied and held."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pg_deploy.ledger import pins
from pg_deploy.migrations.migration import load_all, read_folder
from tests.building import write_migration
from tests.dags.conftest import Deploy
from tests.dags.states import DEPLOYED, REFUSED
from tests.looking import Database

STEM = "20250101000000_high"
ASKED = {"approval": "risky"}


def _write(folder: Path, sql: str = "create table public.t1 (id int);", stem: str = STEM) -> None:
    write_migration(folder, stem, sql, rollback="drop table public.t1;", manifest="title: The high one\nrisk: high\n")


def _mark(state: str) -> Callable[[Any, Any], None]:
    """What PATCH taskInstances/… does with new_state."""

    def mark(instance: Any, session: Any) -> None:
        instance.set_state(state, session=session)

    return mark


def _fail_the_run(instance: Any, session: Any) -> None:
    from airflow.utils.state import DagRunState, TaskInstanceState

    instance.set_state(TaskInstanceState.FAILED, session=session)
    run = instance.get_dagrun(session=session)
    for each in run.get_task_instances(session=session):
        if each.state is None:
            each.set_state(TaskInstanceState.SKIPPED, session=session)
    run.set_state(DagRunState.FAILED)
    session.merge(run)


def test_an_approval_marked_success_approves_nothing(database: Database, deploy: Deploy, tmp_path: Path) -> None:
    """Else whoever may mark tasks but not approve would approve all the same, and the report would not even say so."""
    _write(tmp_path / "m")

    result = deploy(tmp_path / "m", ASKED, answer=_mark("success"))

    assert result.state == "failed"
    assert result.group(STEM) == REFUSED
    assert "its approval is demanded (approval is risky), and nobody has given it" in result.text
    assert not database.has("public.t1")
    assert database.attempts == []


def test_a_run_without_the_backup_that_it_demands_asks_nobody_and_begins_nothing(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else whoever marks the task `backup` has a green run, and a database whose rows nothing brings back."""
    _write(tmp_path / "m")

    def forget() -> None:
        database.run("delete from deploy_ledger.evidence where kind = 'backup'")

    conf = {**ASKED, "backup": "external"}
    result = deploy(tmp_path / "m", conf, answer="Approve", when="point-in-time recovery", during=forget)

    assert result.state == "failed"
    assert result.group(STEM)["gate"] == "failed"
    assert "its backup is demanded (backup is external), and this run has none of that kind" in result.text
    assert "✗ backup: the conf says backup: external, and this run has none" in result.text
    assert database.evidence("approval asked") == []
    assert not database.has("public.t1")


@pytest.mark.acceptance
def test_the_floor_demands_it_as_well(database: Database, deploy: Deploy, tmp_path: Path) -> None:
    """Else the connection's word would end where the approval's task does."""
    _write(tmp_path / "m")

    result = deploy(tmp_path / "m", answer=_mark("success"), extra={"approval_floor": "all"})

    assert result.group(STEM) == REFUSED
    assert not database.has("public.t1")


@pytest.mark.acceptance
def test_what_was_shown_and_has_changed_is_asked_again(database: Database, deploy: Deploy, tmp_path: Path) -> None:
    """Else a click on the old text would be a yes to the new one, and the never shown statement be deployed."""
    folder = tmp_path / "m"
    _write(folder)

    def another_preflight() -> None:
        # What clearing preflight alone does while the approval waits: the same deployment pins the files of now.
        _write(folder, "create table public.t1 (id int, never_shown int);")
        with psycopg.connect(database.url, autocommit=True) as connection:
            pins.pin(connection, 1, load_all(read_folder(folder)))

    result = deploy(folder, ASKED, answer="Approve", when="an approval waits|^Deploy .*high", during=another_preflight)

    outcomes = [outcome for _, outcome in database.evidence("approval")]
    assert outcomes == ["not counted: what was shown has changed since", "approved"]
    assert "is asked about again" in result.text
    assert "never_shown" in result.text.split("is asked about again")[1]
    assert result.group(STEM) == DEPLOYED


def test_a_second_yes_to_the_first_text_does_not_count_for_the_second(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Airflow shows the first text of a task for ever: else who clicks once more deploys what nobody has shown."""
    from airflow.models.hitl import HITLDetail
    from sqlalchemy import select

    from tests.dags.harness import answer_one

    folder, shown = tmp_path / "m", list[str]()
    _write(folder)

    def answer(instance: Any, session: Any) -> None:
        detail = session.scalars(select(HITLDetail).where(HITLDetail.ti_id == instance.id)).one()
        shown.append(detail.body)
        if len(shown) == 1:
            _write(folder, "create table public.t1 (id int, never_shown int);")
            with psycopg.connect(database.url, autocommit=True) as connection:
                pins.pin(connection, 1, load_all(read_folder(folder)))
        # The page sends what stands in the field, the API may send nothing, and somebody has read the log.
        ((_, field),) = detail.params.items()
        kept = database.rows("select detail from deploy_ledger.evidence where kind = 'approval asked' order by id")
        code = [field["value"], field["value"], "", kept[-1][0]["shown"][:8]][len(shown) - 1]
        answer_one(instance, session, "Approve", "tester", code=code)

    result = deploy(folder, ASKED, answer=answer)

    outcomes = [outcome for _, outcome in database.evidence("approval")]
    assert outcomes == [
        "not counted: what was shown has changed since",
        *["not counted: it is to the text that was shown first"] * 2,
        "approved",
    ]
    assert len(set(shown)) == 1
    assert result.group(STEM) == DEPLOYED


@pytest.mark.acceptance
def test_a_run_that_failed_while_it_asked_frees_the_target_at_once(
    database: Database, deploy: Deploy, tmp_path: Path
) -> None:
    """Else an approval that nobody will answer would hold production's target until tomorrow: it has lent it (0279)."""
    _write(tmp_path / "m")
    first = deploy(tmp_path / "m", ASKED, answer=_fail_the_run)
    assert first.group(STEM)["approve"] == "failed"
    assert database.deployments == ["open"]
    assert database.value("select good_until < now() from deploy_ledger.deployment")

    second = deploy(tmp_path / "m", {"give_up_after": "5 s"})

    assert second.group(STEM) == DEPLOYED, second.text
    assert database.deployments == ["abandoned", "deployed"]


@pytest.mark.acceptance
@pytest.mark.parametrize("lost", ["before anything", "after the apply"])
def test_a_run_that_lost_its_claim_is_never_called_a_dry_run(
    database: Database, deploy: Deploy, tmp_path: Path, lost: str
) -> None:
    """Else a preflight that was marked success, or an XCom that was deleted, would make a green run that said nothing."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    _write(tmp_path / "m")

    def forget() -> None:
        with create_session() as session:
            session.query(XComModel).filter(XComModel.task_id == "preflight").delete()

    # The value is written when preflight ends, so the next task's first line is early enough.
    when = "no backup" if lost == "before anything" else r"create table, \d"
    result = deploy(tmp_path / "m", when=when, during=forget)

    assert result.state == "failed"
    assert "dry run" not in result.text
    assert "did not take the target, or what it handed on is gone" in result.text
    assert "open" not in database.deployments


@pytest.mark.acceptance
def test_a_verify_marked_success_verifies_nothing(database: Database, deploy: Deploy, tmp_path: Path) -> None:
    """Else the next migration would be deployed on top of one that nobody looked at."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    write_migration(
        tmp_path / "m",
        STEM,
        "create table public.t1 (id int);",
        rollback="drop table public.t1;",
        checks={"it_fails": "select 'wrong';"},
    )
    second = "20250102000000_next"
    write_migration(tmp_path / "m", second, "create table public.t2 (id int);", rollback="drop table public.t2;")

    def mark() -> None:
        with create_session() as session:
            found = session.scalars(select(TaskInstance).where(TaskInstance.task_id == f"{STEM}.verify")).all()
            for each in found:
                each.set_state("success", session=session)

    result = deploy(tmp_path / "m", when="applied|create table, ", during=mark)

    assert result.state == "failed"
    assert not database.has("public.t2")
    assert result.group(STEM)["passed"] == "skipped"
