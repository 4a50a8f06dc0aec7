"""For an Airflow whose plugins folder is this one. Where pg_deploy was installed with pip, its entry point brings the pages."""

from __future__ import annotations

from importlib.metadata import entry_points

__all__: list[str] = []

if not entry_points(group="airflow.plugins", name="pg_deploy"):
    # Airflow finds the class among this module's names. A second one of that name would be reported as a plugin that cannot be loaded.
    from pg_deploy.ui.plugin import PgDeployPlugin

    __all__ += ["PgDeployPlugin"]
