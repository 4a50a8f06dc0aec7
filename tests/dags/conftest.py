"""Airflow's home for the tests in this folder: set before Airflow is imported for the first time."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

_HOME = Path(tempfile.mkdtemp(prefix="pg-deploy-airflow-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ.update(
    AIRFLOW_HOME=str(_HOME),
    AIRFLOW__CORE__LOAD_EXAMPLES="false",
    AIRFLOW__CORE__UNIT_TEST_MODE="false",
    AIRFLOW__CORE__PLUGINS_FOLDER=str(Path(__file__).resolve().parents[2] / "plugins"),
    AIRFLOW__CORE__DAGS_FOLDER=str(Path(__file__).resolve().parents[2] / "dags"),
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{_HOME}/airflow.db",
    AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME="0.1",
    SCARF_ANALYTICS="false",
    _AIRFLOW__AS_LIBRARY="",
)


@pytest.fixture(scope="session", autouse=True)
def _airflow_metadata() -> None:
    """One fresh metadata database for the session."""
    from airflow.utils.db import initdb

    initdb()
