"""Our pages in Airflow's UI: a tab on each run, and a page in the navigation.

Every Airflow process loads this module, so it imports the pages only in the process that serves them.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from pg_deploy.presentation.addresses import PREFIX

log = logging.getLogger(__name__)


class PgDeployPlugin(AirflowPlugin):
    """Deployment on a run, Database in the navigation; read-only, under Airflow's login."""

    name = "pg_deploy"

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # Airflow reads it as any attribute
        """The pages' own app, which asks for a login on every route."""
        try:
            from pg_deploy.ui.app import make_app
        except Exception:
            # If the pages cannot be loaded, Airflow must start nevertheless: deployments work without them.
            log.exception("the pages of pg_deploy cannot be loaded")
            return []
        return [{"app": make_app(), "url_prefix": PREFIX, "name": "pg_deploy"}]

    @property
    def external_views(self) -> list[dict[str, Any]]:  # type: ignore[override]  # as above
        """The pages that Airflow shows in frames. If Airflow's own address has a path, theirs begins with it."""
        base = urlsplit(conf.get("api", "base_url", fallback="/")).path.rstrip("/") + PREFIX
        return [
            {
                "name": "Deployment",
                "href": base + "/runs/{DAG_ID}/{RUN_ID}",
                "destination": "dag_run",
                "url_route": "deployment",
                "icon": f"{base}/static/deployment.svg",
                "icon_dark_mode": f"{base}/static/deployment_dark.svg",
            },
            {
                "name": "Database",
                "href": f"{base}/database",
                "destination": "nav",
                "url_route": "database",
                "nav_top_level": True,
                "icon": f"{base}/static/database.svg",
                "icon_dark_mode": f"{base}/static/database_dark.svg",
            },
        ]
