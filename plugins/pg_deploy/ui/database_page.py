"""The Database page of a target: what was deployed, how the target is doing, and which alerts are open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from pg_deploy.errors import PgDeployError
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql
from pg_deploy.tasks.target import read_target
from pg_deploy.ui.airflow_side import RecentRun, recent_runs
from pg_deploy.ui.charts import read_series, tone_of_deployment
from pg_deploy.ui.history import History, read_history
from pg_deploy.ui.projects import KnownProject
from pg_deploy.ui.reading import has_ledger, read_only_session

RANGES = ((24, "24 hours"), (168, "7 days"), (336, "14 days"), (744, "31 days"))
DEPLOYMENTS = 50
_ALERTS = 400
_SHOWN_MEASURES = ("view_freshness", "connections", "cache_hit_ratio", "access_drift")


@dataclass(frozen=True)
class DeploymentLine:
    """One deployment in the list."""

    id: int
    dag_id: str
    airflow_run: str
    actor: str
    state: str
    phase: str
    started_at: datetime
    ended_at: datetime | None
    stems: list[str]
    failed_checks: int

    @property
    def tone(self) -> str:
        """good, wait while it is running, or bad."""
        return tone_of_deployment(self.dag_id, self.state)


@dataclass(frozen=True)
class AlertLine:
    """One alert. It is open if `ended_at` is None. `airflow_run` is the run of the monitor that saw it first."""

    measure: str
    object: str
    cause: str
    what_to_do: str
    started_at: datetime
    ended_at: datetime | None
    airflow_run: str | None

    @property
    def cause_without_link(self) -> str:
        """The cause without the address of this page, with which it ends in a notice."""
        return re.sub(r": https?://\S+(?=$|; it comes and goes)", "", self.cause)


@dataclass(frozen=True)
class DatabasePage:
    """All of the page but the charts. If something cannot be shown, `why` says why in a sentence."""

    project: KnownProject
    target: str
    why: str = ""
    is_trouble: bool = False
    taken_at: datetime | None = None
    monitor_run: str | None = None
    now: Mapping[str, Any] = field(default_factory=dict)
    alerts: tuple[AlertLine, ...] = ()
    deployments: tuple[DeploymentLine, ...] = ()
    older: int | None = None
    history: History = field(default_factory=lambda: History(()))
    runs: tuple[RecentRun, ...] = ()

    @property
    def open_alerts(self) -> tuple[AlertLine, ...]:
        """The alerts that are open."""
        return tuple(alert for alert in self.alerts if alert.ended_at is None)

    @property
    def ended_alerts(self) -> tuple[AlertLine, ...]:
        """The alerts that ended within a week."""
        return tuple(alert for alert in self.alerts if alert.ended_at is not None)

    @property
    def views(self) -> tuple[Mapping[str, Any], ...]:
        """The materialized views as the newest sample saw them."""
        return tuple((self.now.get("view_freshness") or {}).get("rows") or ())


def read_page(project: KnownProject, target: str, *, before: int | None = None) -> DatabasePage:
    """The page of that target of a project. If it cannot be read, the page says so. Reads only."""
    runs = recent_runs(project, target)
    try:
        with read_only_session(read_target(target, project.ledger)) as connection:
            if not has_ledger(connection):
                why = (
                    "nothing was ever deployed to this database or measured here: "
                    f"trigger {project.dags.deploy} or {project.dags.monitor}."
                )
                return DatabasePage(
                    project, target, why, runs=runs, history=read_history(connection, project, has_ledger=False)
                )
            return _read(connection, project, target, before, runs)
    except PgDeployError as error:
        return DatabasePage(project, target, str(error), is_trouble=True, runs=runs)


def read_charts(project: KnownProject, target: str, hours: int) -> dict[str, Any]:
    """The figures of the charts, or a sentence that says why there are none. Reads only."""
    try:
        with read_only_session(read_target(target, project.ledger)) as connection:
            if not has_ledger(connection):
                return {"problem": "nothing was measured yet"}
            return read_series(connection, project, hours)
    except PgDeployError as error:
        return {"problem": str(error)}


def _read(
    connection: Connection, project: KnownProject, target: str, before: int | None, runs: tuple[RecentRun, ...]
) -> DatabasePage:
    with connection.cursor(row_factory=class_row(DeploymentLine)) as cursor:
        deployments = cursor.execute(
            engine_sql("ui/deployments"), {"before": before, "most": DEPLOYMENTS + 1}
        ).fetchall()
    with connection.cursor(row_factory=class_row(AlertLine)) as cursor:
        alerts = cursor.execute(engine_sql("ui/alerts"), {"most": _ALERTS}).fetchall()
    newest = connection.execute(engine_sql("ui/newest_sample"), {"measures": list(_SHOWN_MEASURES)}).fetchone()
    return DatabasePage(
        project=project,
        target=target,
        taken_at=newest[0] if newest else None,
        monitor_run=newest[1] if newest else None,
        now=(newest[2] or {}) if newest else {},
        alerts=tuple(alerts),
        deployments=tuple(deployments[:DEPLOYMENTS]),
        older=deployments[DEPLOYMENTS - 1].id if len(deployments) > DEPLOYMENTS else None,
        history=read_history(connection, project, has_ledger=True),
        runs=runs,
    )
