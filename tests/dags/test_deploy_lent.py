"""While a person is asked, anybody may take the target: the run names what others did until the answer, and asks about it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from pg_deploy.ledger import deployment
from pg_deploy.ledger.deployment import Claim
from tests.building import write_migration
from tests.dags.conftest import Deploy
from tests.dags.states import DEPLOYED
from tests.looking import Database

STEM = "20250101000000_risky"
ASKS = r"^Deploy .*\?$"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One migration that a person is asked about."""
    write_migration(
        tmp_path / "migrations",
        STEM,
        "create table public.risky (id int);",
        rollback="drop table public.risky;",
        manifest="title: The risky one\nrisk: high\n",
    )
    return tmp_path / "migrations"


def another_run(database: Database, sql: str, *, ends: bool = True) -> Callable[[], None]:
    """Another run that takes the target, as its preflight does, changes something and lets go of it, or does not."""

    def work() -> None:
        with psycopg.connect(database.url, autocommit=True) as connection:
            wanted = Claim("baseline_migrations", "other run", "somebody", {}, "elsewhere", ())
            held = deployment.claim(connection, wanted, good_for=600, is_over=lambda _: False)
            connection.execute(sql.encode())
            if ends:
                deployment.close(connection, held.id, held.fence, deployment.State.DEPLOYED)

    return work


@pytest.mark.acceptance
def test_another_run_may_have_the_target_and_what_it_changed_is_asked_about_again(
    database: Database, deploy: Deploy, folder: Path
) -> None:
    """Else one question that nobody answers over a night stops every other deployment; or a yes counts for another database."""
    work = another_run(database, "create table public.other (id int)")
    result = deploy(folder, {"approval": "risky"}, answer="Approve", when=ASKS, during=work)
    assert result.state == "success"
    assert result.group(STEM) == DEPLOYED
    assert database.evidence("approval") == [
        (STEM, "not counted: the database has changed since"),
        (STEM, "approved"),
    ]
    assert "meanwhile the target was with baseline_migrations other run" in result.text
    assert "added table public.other" in result.text
    assert database.deployments == ["deployed", "deployed"]


@pytest.mark.acceptance
def test_what_another_run_left_as_it_was_needs_no_second_answer(
    database: Database, deploy: Deploy, folder: Path
) -> None:
    """A person who is asked twice for nothing stops reading."""
    result = deploy(
        folder, {"approval": "risky"}, answer="Approve", when=ASKS, during=another_run(database, "select 1")
    )
    assert result.state == "success"
    assert database.evidence("approval") == [(STEM, "approved")]


@pytest.mark.acceptance
def test_a_run_that_keeps_the_target_is_named_and_nothing_is_applied(
    database: Database, deploy: Deploy, folder: Path
) -> None:
    """Two at work on one database: each would take the other's changes for its own."""
    work = another_run(database, "select 1", ends=False)
    result = deploy(folder, {"approval": "risky", "give_up_after": "2 s"}, answer="Approve", when=ASKS, during=work)
    assert result.state == "failed"
    assert 'run "other run"' in result.text
    assert "holds the target" in result.text
    assert not database.has("public.risky")


@pytest.mark.acceptance
def test_what_was_deployed_meanwhile_is_not_asked_about_nor_applied_twice(
    database: Database, deploy: Deploy, folder: Path
) -> None:
    """The same folder is deployed by another Airflow while this one waits for its person."""

    def elsewhere() -> None:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("create table public.risky (id int)")
            connection.execute(
                "insert into supabase_migrations.schema_migrations (version, name) values (%s, 'risky')", [STEM[:14]]
            )

    result = deploy(folder, {"approval": "risky"}, answer="Approve", when=ASKS, during=elsewhere)
    assert f"version {STEM[:14]} is in the history now" in result.text
    assert "was recorded in the history by somebody else" in result.text
    assert database.evidence("approval") == []
    assert database.attempts == []


def test_a_rejection_needs_no_target(database: Database, deploy: Deploy, folder: Path) -> None:
    """A no must count also while somebody else is at work."""
    work = another_run(database, "select 1", ends=False)
    result = deploy(folder, {"approval": "risky"}, answer="Reject", when=ASKS, during=work)
    assert result.state == "failed"
    assert database.evidence("approval") == [(STEM, "rejected")]


@pytest.mark.acceptance
def test_what_changed_is_rehearsed_again_on_a_new_backup(database: Database, deploy: Deploy, folder: Path) -> None:
    """The rehearsal of another database says nothing of this one."""
    work = another_run(database, "create table public.other (id int)")
    conf = {"approval": "risky", "backup": "full", "rehearse": "full"}
    result = deploy(folder, conf, answer="Approve", when=ASKS, during=work)
    assert result.state == "success"
    assert len(database.evidence("backup")) == 2
    assert [name for name, _ in database.evidence("rehearsal")].count(STEM) == 2
