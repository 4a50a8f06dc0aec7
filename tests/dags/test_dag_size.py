"""What Airflow keeps and reads of the deploy DAG, however many migrations are in the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_deploy.configuration.conf import DeployConf
from tests.building import write_migration
from tests.dags.harness import PROJECT


def test_the_params_stand_once_and_not_with_every_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each of 200 tasks has its own copy, checked against a schema each time the file is read: 5 s and a megabyte."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    for number in range(3):
        write_migration(tmp_path, f"2025010100000{number}_a", "select 1;\n")
    monkeypatch.setenv("MIGRATIONS_DIR", str(tmp_path))

    dag = DagBag(str(PROJECT / "dags" / "deploy_migrations.py"), bundle_name="dags-folder").dags["deploy_migrations"]
    kept = DagSerialization.to_dict(dag)["dag"]

    assert {name for name, _ in kept["params"]} == set(DeployConf.model_fields)
    assert len(kept["tasks"]) > 20
    assert [task["__var"]["task_id"] for task in kept["tasks"] if task["__var"].get("params")] == []
