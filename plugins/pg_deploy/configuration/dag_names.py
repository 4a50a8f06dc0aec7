"""The names of the DAGs: `deploy_shop`, `rollback_shop`, … for the project shop. A ledger and a page know a DAG's work by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args


@dataclass(frozen=True)
class DagNames:
    """The ids of a project's five DAGs."""

    deploy: str = "deploy_migrations"
    rollback: str = "rollback_migrations"
    baseline: str = "baseline_migrations"
    restore: str = "restore_backup"
    monitor: str = "monitor_database"

    @property
    def all(self) -> tuple[str, ...]:
        """All five."""
        return (self.deploy, self.rollback, self.baseline, self.restore, self.monitor)


OWN = DagNames()
"""The DAGs of an installation that has one set of them, and no project's name."""

Kind = Literal["deploy", "rollback", "baseline", "restore", "monitor"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What the runs of a DAG do, which its name begins with; in the order of DagNames."""


def dag_names(project: str) -> DagNames:
    """The names of a project's DAGs; those of OWN if the name is empty."""
    if not project:
        return OWN
    return DagNames(*(f"{kind}_{project}" for kind in KINDS))


def names_beside(dag_id: str) -> DagNames:
    """The names of all DAGs of the project that has this one."""
    return OWN if dag_id in OWN.all else dag_names(dag_id.partition("_")[2])


def kind_of(dag_id: str) -> Kind | None:
    """What the runs of that DAG do; None if it has no name of ours."""
    return next((kind for kind in KINDS if dag_id.startswith(f"{kind}_")), None)


def deploys(dag_id: str) -> bool:
    """Whether the runs of that DAG deploy."""
    return kind_of(dag_id) == "deploy"


def rolls_back(dag_id: str) -> bool:
    """Whether the runs of that DAG undo what was deployed."""
    return kind_of(dag_id) == "rollback"
