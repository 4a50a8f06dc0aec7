"""Two runs at once against one target: one deploys, the other waits and finds nothing to do; a run that lost the target stops."""

from __future__ import annotations

import re

import pytest

from tests.faults.deployer import DEPLOYED, NOT_DEPLOYED
from tests.faults.killing import Bench, Case
from tests.faults.scenarios import sleep_per_row


def test_of_two_first_runs_at_once_one_deploys_and_the_other_finds_nothing_to_do(bench: Bench) -> None:
    """Else an update would happen twice, or two builds would wait for each other; not even the ledger is there yet."""

    def disturb(case: Case) -> None:
        runs = [case.start(good_for=30), case.start(good_for=30)]
        assert [run.wait() for run in runs] == [DEPLOYED, DEPLOYED], case.story()
        assert case.database.deployments == ["deployed", "deployed"]

    logs = [run.log for run in bench.run("two_at_once", "mixed", disturb).runs]

    assert sum("1 migrations pinned" in log for log in logs) == 1
    assert sum("0 migrations pinned" in log for log in logs) == 1


@pytest.mark.acceptance
def test_who_waits_says_for_whom_and_in_which_phase(bench: Bench) -> None:
    """Else a person would not know whether to wait, or for what."""

    def disturb(case: Case) -> None:
        sleep_per_row(case.database, 4)
        first = case.start(good_for=30)
        assert first.until_logged("INFO   line 1: update")
        second = case.start()
        assert second.wait() == DEPLOYED, case.story()
        assert first.wait() == DEPLOYED, case.story()
        sleep_per_row(case.database)

    log = bench.run("who_waits", "data", disturb).runs[1].log

    assert re.search(r"who_waits run 1 holds the target, in phase apply 20250101000000_change: waiting", log)


@pytest.mark.acceptance
@pytest.mark.parametrize("line", ["INFO   line 1: update", pytest.param("INFO task apply", marks=pytest.mark.faults)])
def test_a_run_whose_fence_was_raised_commits_nothing_more(bench: Bench, line: str) -> None:
    """Else a run that was thought dead, and was only slow, would go on beside the one that took its place."""

    def disturb(case: Case) -> None:
        run = case.start(good_for=30)
        assert run.until_logged(line)
        case.database.run("update deploy_ledger.deployment set fence = nextval('deploy_ledger.fence_seq')")
        assert run.wait() == NOT_DEPLOYED, case.story()
        assert case.database.value("select x from public.counter") == 0
        assert case.database.history == []
        # Its successor closes what it finds; here nobody does, so that the next run may claim.
        case.database.run("update deploy_ledger.deployment set good_until = clock_timestamp()")

    log = bench.run(f"fence_{len(line)}", "data", disturb).runs[0].log

    assert "no longer holds the target: another try of it holds the target under a newer fence" in log
