"""The mark of a verdict. Report, pages and downloads take it from here, so that none says more.

A tick promises that the thing holds. What was not proved, differs, was sampled, opened something undeclared or gives users an
error has none, even if the run may go on.
"""

from __future__ import annotations

from pg_deploy.ledger.kinds.access import AccessFound, Outcome
from pg_deploy.ledger.kinds.benchmark import BenchmarkOutcome
from pg_deploy.ledger.kinds.check import CheckOutcome
from pg_deploy.ledger.kinds.rehearsal import RehearsalOutcome
from pg_deploy.ledger.kinds.report import Verdict
from pg_deploy.presentation.lines import Tone


def of_criterion(verdict: Verdict) -> Tone:
    """A success criterion: good if it is met, bad if it is not met, plain if the evidence says neither."""
    return "good" if verdict == Verdict.MET else "bad" if verdict == Verdict.NOT_MET else "plain"


def of_access(found: AccessFound) -> Tone:
    """The access proof of one migration: bad if something counts against it, good if all is proved and nothing differs."""
    if found.against:
        return "bad"
    if found.outcome == Outcome.AS_DECLARED:
        return "good"
    return "good" if found.is_settled and not found.undeclared else "plain"


def of_check(outcome: CheckOutcome) -> Tone:
    """A check, or one that was not run here."""
    match outcome:
        case CheckOutcome.PASSED:
            return "good"
        case CheckOutcome.FAILED | CheckOutcome.ERROR:
            return "bad"
        case CheckOutcome.NOT_RUN:
            return "plain"


def of_benchmark(outcome: BenchmarkOutcome) -> Tone:
    """A benchmark: bad if its limit was breached; good if it was kept."""
    match outcome:
        case BenchmarkOutcome.BREACHED:
            return "bad"
        case BenchmarkOutcome.KEPT:
            return "good"


def of_rehearsal(outcome: RehearsalOutcome) -> Tone:
    """A rehearsal, or what was left out of it."""
    match outcome:
        case RehearsalOutcome.PASSED:
            return "good"
        case RehearsalOutcome.FAILED:
            return "bad"
        case RehearsalOutcome.NOT_REHEARSED:
            return "plain"
