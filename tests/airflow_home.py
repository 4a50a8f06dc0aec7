"""An Airflow of this process alone: its home and its metadata database are removed when the process ends."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def set_up() -> None:
    """Point Airflow at a home of its own. Call it before Airflow is imported for the first time."""
    home = Path(tempfile.mkdtemp(prefix="pg-deploy-airflow-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ.update(
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__LOAD_EXAMPLES="false",
        AIRFLOW__CORE__UNIT_TEST_MODE="false",
        AIRFLOW__CORE__PLUGINS_FOLDER=str(PROJECT / "plugins"),
        AIRFLOW__CORE__DAGS_FOLDER=str(PROJECT / "dags"),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home}/airflow.db",
        AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME="0.1",
        SCARF_ANALYTICS="false",
        _AIRFLOW__AS_LIBRARY="",
    )


def fill() -> None:
    """Make the tables of the metadata database."""
    from airflow.utils.db import initdb

    initdb()
