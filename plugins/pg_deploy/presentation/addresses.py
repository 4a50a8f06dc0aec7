"""Where our pages are below Airflow's own address: nobody else writes it down."""

from __future__ import annotations

from urllib.parse import quote

PREFIX = "/pg-deploy"


def run_page(dag_id: str, run_id: str) -> str:
    """The page of a run."""
    return f"{PREFIX}/runs/{quote(dag_id, safe='')}/{quote(run_id, safe='')}"


def database_page(target: str) -> str:
    """The page of a target."""
    return f"{PREFIX}/database?target={quote(target, safe='')}"
