"""The success criteria that a deployment is judged by."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Kind
from pg_deploy.migrations.project_criteria import FILE, ProjectCriteria
from pg_deploy.postgres.session import Connection


@dataclass(frozen=True)
class PinnedCriteria:
    """What a deployment is judged by, as the project's file stated it when it was pinned."""

    criteria: ProjectCriteria
    name: str = FILE
    outcome: str = "pinned"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return self.criteria.model_dump(mode="json")


def pin_criteria(connection: Connection, deployment_id: int, criteria: ProjectCriteria) -> None:
    """Fix what this deployment is judged by. Commits once."""
    evidence.record(connection, deployment_id, Kind.CRITERIA, PinnedCriteria(criteria))


def pinned_criteria(connection: Connection, deployment_id: int) -> ProjectCriteria:
    """What a deployment is judged by; empty if the project states nothing for it. Reads only."""
    found = evidence.of_deployment(connection, deployment_id, Kind.CRITERIA)
    return ProjectCriteria.model_validate(found[-1].detail) if found else ProjectCriteria()
