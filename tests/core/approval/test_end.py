"""What the end of a run keeps: the database as the run leaves it, and nothing that somebody else did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pg_deploy.approval.lend_target import end_deployment, lend_target, regain_target
from pg_deploy.ledger import deployment
from pg_deploy.ledger.deployment import State
from pg_deploy.ledger.guard import Ownership
from pg_deploy.preflight.claiming import never_over
from pg_deploy.preflight.drift import keep_state, read_drift
from tests.building import write_migration
from tests.core.working import Working, working_on
from tests.looking import Database


@pytest.fixture
def work(empty_database: str, tmp_path: Path) -> Iterator[Working]:
    """A deployment that holds the target, after an earlier one that left an empty database."""
    write_migration(tmp_path / "m", "20250101000000_a", "select 1;")
    with working_on(empty_database, tmp_path / "m", ends="deployed") as earlier:
        keep_state(earlier.job.ledger, earlier.job.deployment_id)
    with working_on(empty_database, tmp_path / "m") as found:
        yield found


def _held(work: Working) -> Ownership:
    mine = deployment.by_id(work.job.ledger, work.job.deployment_id)
    assert mine is not None
    return Ownership(mine.id, mine.fence)


def _drift(work: Working) -> list[str]:
    found = read_drift(work.job.ledger)
    assert found is not None
    return [line.split(":")[0] for line in found.lines if line.startswith("added table")]


def _change_by_hand(work: Working) -> None:
    Database(work.job.target.conninfo).run("create table public.by_hand (id int)")


@pytest.mark.parametrize("changed_something", [True, False])
def test_what_was_changed_while_the_target_was_lent_is_drift(work: Working, changed_something: bool) -> None:
    """Else a fix by hand, made while nobody answered, is what the run deployed, and no run ever names it."""
    held = _held(work)
    lend_target(work.job.ledger, work.job.target, held, "waiting for the approval of a")
    _change_by_hand(work)

    end_deployment(work.job.ledger, held, State.FAILED, changed_something=changed_something)

    assert _drift(work) == ["added table public.by_hand"]


@pytest.mark.parametrize("changed_something", [True, False])
def test_what_a_run_did_itself_is_no_drift(work: Working, changed_something: bool) -> None:
    """Else every run begins with what the one before it deployed; and a run that did nothing would own what others did."""
    held = _held(work)
    lend_target(work.job.ledger, work.job.target, held, "waiting for the approval of a")
    regain_target(
        work.job.ledger, work.job.target, held, "approved", give_up_after=5, log=work.job.log, is_over=never_over
    )
    _change_by_hand(work)

    end_deployment(work.job.ledger, held, State.DEPLOYED, changed_something=changed_something)

    assert _drift(work) == ([] if changed_something else ["added table public.by_hand"])


def test_a_run_that_no_longer_holds_the_target_keeps_nothing(work: Working) -> None:
    """Else the report of an old run that is cleared today swallows all that changed since."""
    held = _held(work)
    end_deployment(work.job.ledger, held, State.FAILED, changed_something=True)
    _change_by_hand(work)

    end_deployment(work.job.ledger, held, State.FAILED, changed_something=True)

    assert _drift(work) == ["added table public.by_hand"]
