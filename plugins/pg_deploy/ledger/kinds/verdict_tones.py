"""The mark of a verdict. Report, pages and downloads all take it from here, so none promises more.

A tick promises that the thing holds. A verdict gets no tick if something was not proved, differs, was only sampled, opened
something undeclared or gives users an error, even if the run may go on.
"""

from __future__ import annotations

from pg_deploy.ledger.kinds.access import AccessFound, Outcome
from pg_deploy.ledger.kinds.benchmark import BenchmarkOutcome
from pg_deploy.ledger.kinds.check import CheckOutcome
from pg_deploy.ledger.kinds.rehearsal import RehearsalOutcome
from pg_deploy.ledger.kinds.report import Verdict
from pg_deploy.presentation.lines import Tone


def tone_of_criterion(verdict: Verdict) -> Tone:
    """A criterion: good if met, bad if not met, plain for anything else (not reached, not proven, not applicable, not visible)."""
    return "good" if verdict == Verdict.MET else "bad" if verdict == Verdict.NOT_MET else "plain"


def tone_of_access(found: AccessFound) -> Tone:
    """The access proof of one migration: bad if something counts against it, good if all is proved and nothing differs."""
    if found.against:
        return "bad"
    if found.outcome == Outcome.AS_DECLARED:
        return "good"
    return "good" if found.is_settled and not found.undeclared else "plain"


def tone_of_check(outcome: CheckOutcome) -> Tone:
    """A check: good if it passed, bad if it failed or gave an error, plain if it was not run here."""
    match outcome:
        case CheckOutcome.PASSED:
            return "good"
        case CheckOutcome.FAILED | CheckOutcome.ERROR:
            return "bad"
        case CheckOutcome.NOT_RUN:
            return "plain"


def tone_of_benchmark(outcome: BenchmarkOutcome) -> Tone:
    """A benchmark: good if its limit was kept, bad if it was breached."""
    match outcome:
        case BenchmarkOutcome.BREACHED:
            return "bad"
        case BenchmarkOutcome.KEPT:
            return "good"


def tone_of_rehearsal(outcome: RehearsalOutcome) -> Tone:
    """A rehearsal: good if it passed, bad if it failed, plain if there was none."""
    match outcome:
        case RehearsalOutcome.PASSED:
            return "good"
        case RehearsalOutcome.FAILED:
            return "bad"
        case RehearsalOutcome.NOT_REHEARSED:
            return "plain"
