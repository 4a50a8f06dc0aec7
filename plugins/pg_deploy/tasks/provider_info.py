"""What `airflow providers list` says of us. Airflow reads it in each process, so nothing is imported here but the metadata's reader."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

PACKAGE = "pg-deploy"


def get_provider_info() -> dict[str, Any]:
    """Airflow's provider info: the entry point `apache_airflow_provider`. Connections are Airflow's own, of type Postgres."""
    return {
        "package-name": PACKAGE,
        "name": "pg_deploy",
        "description": "Deploys migrations of PostgreSQL databases: backup, rehearsal, proof, approval, undo.",
        "versions": [version(PACKAGE)],
    }
