"""Where a project's own files are: its migrations, and beside them what it says of the monitor, the lints and success.

The package holds defaults for all of them. It never looks for a project's files beside itself, unless it runs in its repository.
"""

from __future__ import annotations

import os
from pathlib import Path

SETTING = "PG_DEPLOY_PROJECT"
_PLUGINS = Path(__file__).resolve().parents[2]
# What may stand in a project's folder beside its migrations.
MONITORS, LINTS, MIGRATIONS = "monitors", "lints", "migrations"


def repository_files() -> Path | None:
    """The folder sql of the repository that this package runs in; None if it was installed. Reads names only."""
    found = _PLUGINS.parent / "sql"
    return found if _PLUGINS.name == "plugins" and (found / MIGRATIONS).is_dir() else None


def own_files(folder: Path | None = None) -> Path | None:
    """The folder with a project's own `monitors/`, `lints/` and `migrations/`; None if nothing says where that is.

    `folder` is that of a project which is known; without it PG_DEPLOY_PROJECT names it, else it is the repository's, else the one
    around MIGRATIONS_DIR. Never raises.
    """
    if folder is not None:
        return folder
    named = os.environ.get(SETTING)
    if named:
        return Path(named)
    ours = repository_files()
    if ours is not None:
        return ours
    migrations = os.environ.get("MIGRATIONS_DIR")
    return Path(os.path.abspath(migrations)).parent if migrations else None


def default_migrations() -> Path:
    """The folder of migrations if no setting names one: the project's, else `migrations` in Airflow's home."""
    found = own_files()
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    return (found or home) / MIGRATIONS
