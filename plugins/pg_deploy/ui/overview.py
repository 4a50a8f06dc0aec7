"""The overview of all projects: for each target its alerts, its last deployment, and when it was measured; the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pg_deploy.ui import database_page
from pg_deploy.ui.airflow_side import targets_of
from pg_deploy.ui.database_page import DatabasePage, DeploymentLine
from pg_deploy.ui.projects import KnownProject

# A target that does not answer takes seconds: the others must not wait for it one after the other.
_AT_ONCE = 8
_MOST_LINES = 200


@dataclass(frozen=True)
class TargetLine:
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


@dataclass(frozen=True)
class Overview:
    """The targets of several projects, the worst first; `left_out` counts those that are better than the last line."""

    lines: tuple[TargetLine, ...]
    left_out: int


def read_overview(projects: Sequence[KnownProject]) -> Overview:
    """A line for each target of these projects, the worst first. Reads only.

    All are asked, however many they are: which of them is in trouble is known only then.
    """
    asked = [(project, target) for project in projects for target in targets_of(project)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return worst_first(pool.map(lambda each: database_page.read_page(*each), asked))


def worst_first(pages: Iterable[DatabasePage]) -> Overview:
    """A line for each, the worst first; of very many only the worst. Pure."""
    order = ("bad", "wait", "plain", "good")
    lines = sorted(
        map(TargetLine, pages),
        key=lambda line: (order.index(line.tone), -len(line.page.open_alerts), line.page.project.name),
    )
    return Overview(tuple(lines[:_MOST_LINES]), max(0, len(lines) - _MOST_LINES))
