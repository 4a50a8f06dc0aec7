"""What Airflow itself knows: a run with its tasks, the targets that runs named, and the addresses of its own pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf as airflow_conf
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import select

from pg_deploy.configuration.dag_names import Kind, kind_of
from pg_deploy.ui.projects import KnownProject, project_with

_OPEN = ("queued", "running")
# Airflow has a state of its own for it since 3.3. Before that the task is deferred, and no other task of ours ever is.
_WAITING = ("awaiting_input", "deferred")
_RUNS_LOOKED_AT = 2000


@dataclass(frozen=True)
class TaskState:
    """One task of a run. `seconds` is how long it took, or None if it has not ended."""

    task_id: str
    state: str
    tries: int
    seconds: float | None
    url: str


@dataclass(frozen=True)
class AirflowRun:
    """One DAG run. `conf` is what was given when it was triggered, without the form's defaults."""

    dag_id: str
    run_id: str
    project: KnownProject | None
    state: str
    actor: str
    started_at: datetime | None
    ended_at: datetime | None
    conf: Mapping[str, Any]
    tasks: tuple[TaskState, ...]
    url: str

    @property
    def kind(self) -> Kind | None:
        """What the runs of its DAG do; None if the DAG is not one of ours."""
        return kind_of(self.dag_id) if self.project else None

    @property
    def is_open(self) -> bool:
        """Whether the run is queued or running."""
        return self.state in _OPEN

    @property
    def target(self) -> str:
        """The Airflow connection on which the run works: the one that its conf names, else its project's first."""
        return str(self.conf.get("target") or (self.project or KnownProject()).targets[0])

    @property
    def ledger(self) -> str:
        """The schema of its project's ledger."""
        return (self.project or KnownProject()).ledger

    @property
    def is_of_its_project(self) -> bool:
        """Whether the project of the run's DAG has that target: a page must not open another project's database."""
        return self.project is None or self.project.takes_any_target or self.target in self.project.targets

    @property
    def is_dry(self) -> bool:
        """Whether the run only shows the plan."""
        return self.conf.get("dry_run") is True

    @property
    def waiting(self) -> tuple[TaskState, ...]:
        """The tasks that wait for a person."""
        return tuple(task for task in self.tasks if task.state in _WAITING)

    @property
    def failed(self) -> tuple[TaskState, ...]:
        """The tasks that failed, in the order in which they are listed."""
        return tuple(task for task in self.tasks if task.state == "failed")


def base_path() -> str:
    """The path that comes before each of Airflow's own pages, usually empty."""
    return urlsplit(airflow_conf.get("api", "base_url", fallback="/")).path.rstrip("/")


def origin() -> str:
    """Scheme and host of Airflow's address, for files that are read elsewhere; empty if they are not configured."""
    parts = urlsplit(airflow_conf.get("api", "base_url", fallback="/"))
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def run_path(dag_id: str, run_id: str) -> str:
    """The path of Airflow's own page of a run."""
    return f"{base_path()}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def read_run(dag_id: str, run_id: str) -> AirflowRun | None:
    """The run with its tasks, or None if Airflow does not know it, or not any more. Reads only."""
    project = project_with(dag_id)
    with create_session() as session:
        run = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)).one_or_none()
        if run is None:
            return None
        rows = session.execute(
            select(
                TaskInstance.task_id,
                TaskInstance.map_index,
                TaskInstance.state,
                TaskInstance.try_number,
                TaskInstance.duration,
                TaskInstance.start_date,
            ).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
        ).all()
        page = run_path(dag_id, run_id)
        late = max((row.start_date for row in rows if row.start_date), default=None)
        tasks = sorted(rows, key=lambda row: (row.start_date or late, row.task_id) if late else (row.task_id,))
        return AirflowRun(
            dag_id=run.dag_id,
            run_id=run.run_id,
            project=project,
            state=_word(run.state),
            actor=run.triggering_user_name or "unknown",
            started_at=run.start_date or run.queued_at,
            ended_at=run.end_date,
            conf=dict(run.conf or {}),
            tasks=tuple(
                TaskState(row.task_id, _word(row.state), row.try_number or 0, row.duration, _task_url(page, row))
                for row in tasks
            ),
            url=page,
        )


def targets_of(project: KnownProject) -> tuple[str, ...]:
    """The targets of a project; if its runs may name any, those that people's runs named, the default first. Reads only.

    Airflow's other connections are not listed: who may read these DAGs may not therefore look into every database.
    """
    if not project.takes_any_target:
        return project.targets
    with create_session() as session:
        rows = session.scalars(
            select(DagRun.conf)
            .where(DagRun.dag_id.in_(project.dags.all), DagRun.run_type == "manual")
            .order_by(DagRun.id.desc())
            .limit(_RUNS_LOOKED_AT)
        ).all()
    named = {str(conf["target"]) for conf in rows if isinstance(conf, dict) and conf.get("target")}
    return (*project.targets, *sorted(named - set(project.targets)))


@dataclass(frozen=True)
class RecentRun:
    """One line in the list of runs of our DAGs."""

    dag_id: str
    run_id: str
    state: str
    started_at: datetime | None
    url: str


def recent_runs(project: KnownProject, target: str, most: int = 15) -> tuple[RecentRun, ...]:
    """The newest runs of a project's DAGs on that target that people started, as Airflow knows them. Reads only."""
    with create_session() as session:
        rows = session.execute(
            select(DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.start_date, DagRun.conf)
            .where(DagRun.dag_id.in_(project.dags.all), DagRun.run_type == "manual")
            .order_by(DagRun.id.desc())
            .limit(200)
        ).all()
    mine = [row for row in rows if ((row.conf or {}).get("target") or project.targets[0]) == target]
    return tuple(
        RecentRun(row.dag_id, row.run_id, _word(row.state), row.start_date, run_path(row.dag_id, row.run_id))
        for row in mine[:most]
    )


def _task_url(page: str, row: Any) -> str:
    mapped = "" if row.map_index < 0 else f"/mapped/{row.map_index}"
    asked = "/required_actions" if _word(row.state) in _WAITING else ""
    return f"{page}/tasks/{quote(row.task_id, safe='')}{mapped}{asked}"


def _word(state: object) -> str:
    return str(getattr(state, "value", state) or "no state yet")
