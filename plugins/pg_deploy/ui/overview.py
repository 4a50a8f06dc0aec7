"""The overview of all projects: for each target its alerts, its last deployment, and when it was measured; the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pg_deploy.ui import database_page
from pg_deploy.ui.airflow_side import targets_of
from pg_deploy.ui.database_page import DatabasePage, DeploymentLine
from pg_deploy.ui.projects import KnownProject

# A target that does not answer takes seconds: the others must not wait for it one after the other.
_AT_ONCE = 8
_MOST_TARGETS = 200


@dataclass(frozen=True)
class Line:
    """One target of a project."""

    page: DatabasePage

    @property
    def newest(self) -> DeploymentLine | None:
        """Its newest deployment or rollback."""
        return next(iter(self.page.deployments), None)

    @property
    def tone(self) -> str:
        """bad, wait, plain or good: what somebody who looks for trouble sees first."""
        if self.page.is_trouble or self.page.open_alerts:
            return "bad"
        if self.newest is None:
            return "plain"
        return self.newest.tone

    @property
    def pending(self) -> int:
        """How many migrations are not deployed."""
        return self.page.history.count("pending")


def read_overview(projects: Sequence[KnownProject]) -> tuple[Line, ...]:
    """A line for each target of these projects, the worst first. Reads only."""
    asked = [(project, target) for project in projects for target in targets_of(project)][:_MOST_TARGETS]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        lines = [Line(page) for page in pool.map(lambda each: database_page.read(*each), asked)]
    order = ("bad", "wait", "plain", "good")
    return tuple(
        sorted(lines, key=lambda line: (order.index(line.tone), -len(line.page.open_alerts), line.page.project.name))
    )
