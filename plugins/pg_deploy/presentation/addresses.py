"""Where our pages are below Airflow's own address. The paths are written down here only."""

from __future__ import annotations

from urllib.parse import quote

PREFIX = "/pg-deploy"


def run_page(dag_id: str, run_id: str) -> str:
    """The path of a run's page."""
    return f"{PREFIX}/runs/{quote(dag_id, safe='')}/{quote(run_id, safe='')}"


def database_page(target: str, project: str = "") -> str:
    """The path of a target's page."""
    named = f"project={quote(project, safe='')}&" if project else ""
    return f"{PREFIX}/database?{named}target={quote(target, safe='')}"
