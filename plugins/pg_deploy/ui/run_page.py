"""What the page of a run shows: what Airflow knows, always, and what the ledger knows, if it can be read."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.errors import PgDeployError
from pg_deploy.ledger import deployment
from pg_deploy.ledger.deployment import Deployment
from pg_deploy.postgres.session import Connection
from pg_deploy.reporting.report import read_report
from pg_deploy.tasks.target import read_target
from pg_deploy.ui.airflow_side import AirflowRun
from pg_deploy.ui.deployment import DeploymentView, make_view
from pg_deploy.ui.reading import has_ledger, read_only_session
from pg_deploy.ui.statements import read_statements, read_working

_TITLES = {
    "deploy": "Deployment",
    "rollback": "Rollback",
    "baseline": "Baseline",
    "monitor": "A look at the database",
    "restore": "A backup restored beside its target",
}
_NO_DEPLOYMENT = {
    "monitor": "the Database page shows what it measured.",
    "restore": "it makes a new database beside the target, which it leaves alone. The log of its task names the new database,"
    " what was compared, and the steps to switch.",
}


@dataclass(frozen=True)
class RunPage:
    """The page of one run. If the ledger has nothing about it, `view` is None, and `why` says why in a sentence."""

    run: AirflowRun
    view: DeploymentView | None = None
    why: str = ""
    is_trouble: bool = False

    @property
    def is_live(self) -> bool:
        """Whether the page may still change."""
        return self.run.is_open

    @property
    def was_left_open(self) -> bool:
        """Whether the run was cut off: it is over, and the ledger still holds its deployment open."""
        return not self.run.is_open and self.view is not None and self.view.is_open

    @property
    def title(self) -> str:
        """The page's heading."""
        kind = self.run.kind or "deploy"
        if kind in _NO_DEPLOYMENT:
            return _TITLES[kind]
        number = f" {self.view.deployment.id}" if self.view else ""
        return f"{_TITLES[kind]}{number} of {self.run.target}"


def read_run_page(run: AirflowRun) -> RunPage:
    """The page of that run. If its target cannot be read, the page says so. Reads only."""
    if run.kind is None or run.kind in _NO_DEPLOYMENT:
        other = _NO_DEPLOYMENT.get(run.kind or "", "this tab is empty for it.")
        return RunPage(run, why=f"a run of {run.dag_id} deploys nothing: {other}")
    if not run.is_of_its_project:
        return RunPage(
            run, why=f"{run.target} is no target of this DAG's project, so nothing was done and nothing is shown."
        )
    try:
        with read_only_session(read_target(run.target, run.ledger)) as connection:
            ours = _deployment_of(connection, run)
            if ours is None:
                return RunPage(run, why=_why_nothing(run))
            report = read_report(connection, ours.id)
            tries = read_statements(connection, ours.id)
            working = read_working(connection, ours.id, tries) if ours.ended_at is None else ()
            return RunPage(run, make_view(ours, report, tries, working))
    except PgDeployError as error:
        return RunPage(run, why=str(error), is_trouble=True)


def _deployment_of(connection: Connection, run: AirflowRun) -> Deployment | None:
    return deployment.of_run(connection, run.dag_id, run.run_id) if has_ledger(connection) else None


def _why_nothing(run: AirflowRun) -> str:
    if run.is_dry:
        return "a dry run changes nothing and keeps nothing: what it would do is in the log of preflight."
    if run.failed:
        return (
            "this run failed before it claimed the target, so nothing was changed: the log of its failed task says why."
        )
    if run.is_open:
        return "preflight has not claimed the target yet: this page shows the deployment as soon as it has."
    return "this run ended before it claimed the target, so nothing was changed: the log of its failed task says why."
