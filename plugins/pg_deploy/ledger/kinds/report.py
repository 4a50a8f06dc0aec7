"""What a run reports at its end: a deployment its success criteria, a rollback its lines."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.ledger.deployment import State
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.ledger.kept_values import Kept
from pg_deploy.ledger.word_enum import Word


class Verdict(Word):
    """What evidence says of a success criterion."""

    MET = "met"
    NOT_MET = "not met"
    NOT_REACHED = "not reached"
    NOT_PROVEN = "not proven"
    NOT_DECLARED = "not declared"
    NOT_APPLICABLE = "not applicable"
    NOT_VISIBLE = "not visible from SQL"


@dataclass(frozen=True)
class Criterion(Kept):
    """One criterion of the project with its verdict and what it rests on."""

    title: str
    verdict: Verdict
    evidence: str


@dataclass(frozen=True)
class DeploymentReport(Kept):
    """How the criteria were judged at the end of a deployment, and which of its tasks had failed."""

    only_shown = ("failed_tasks",)
    outcome: State
    criteria: tuple[Criterion, ...]
    failed_tasks: tuple[str, ...]
    name: str = "report"


def criteria_of(row: Evidence) -> tuple[Criterion, ...]:
    """The criteria of a deployment's report, back from the ledger."""
    return tuple(map(Criterion.from_detail, row.detail.get("criteria") or ()))


@dataclass(frozen=True)
class RollbackReport(Kept):
    """What a rollback run said at its end."""

    only_shown = ("lines",)
    outcome: State
    lines: tuple[str, ...]
    name: str = "report"
