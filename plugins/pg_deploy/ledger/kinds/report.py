"""What a run reports at its end: of a deployment the success criteria, of a rollback its lines."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pg_deploy.ledger.deployment import State
from pg_deploy.ledger.detail import parts_of, text_of
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.ledger.words import Word


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
class Criterion:
    """One criterion of the project with its verdict and what it rests on."""

    title: str
    verdict: Verdict
    evidence: str


@dataclass(frozen=True)
class DeploymentReport:
    """How the criteria were judged at the end of a deployment, and which of its tasks had failed."""

    outcome: State
    criteria: tuple[Criterion, ...]
    failed_tasks: tuple[str, ...]
    name: str = "report"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"criteria": [asdict(each) for each in self.criteria], "failed_tasks": list(self.failed_tasks)}


def criteria_of(row: Evidence) -> tuple[Criterion, ...]:
    """The criteria of a deployment's report, back from the ledger."""
    return tuple(
        Criterion(text_of(each, "title"), Verdict(each["verdict"]), text_of(each, "evidence"))
        for each in parts_of(row.detail, "criteria")
    )


@dataclass(frozen=True)
class RollbackReport:
    """What a rollback run said at its end."""

    outcome: State
    lines: tuple[str, ...]
    name: str = "report"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"lines": list(self.lines)}
