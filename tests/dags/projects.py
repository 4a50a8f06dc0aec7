"""Projects of a test: a DAG file of a folder of its own, as a team would write it, and whole runs of its DAGs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.building import write_migration
from tests.dags.harness import Result, airflow_connection, load_dags, run_loaded
from tests.looking import Database

LEAN = {"backup": "none", "rehearse": "none"}
FIRST = {"shop": "20250101000000_make_goods", "billing": "20250101000000_make_invoices"}
_TABLES = {"shop": "goods", "billing": "invoices"}


@dataclass(frozen=True)
class Projects:
    """A folder with the DAG file `databases.py` and a folder of migrations a project; each has a database, `<project>_db`."""

    folder: Path
    databases: Mapping[str, Database]

    @property
    def file(self) -> Path:
        """The DAG file."""
        return self.folder / "databases.py"

    def write(self, **settings: Mapping[str, object]) -> None:
        """Write the DAG file anew: four lines, with the settings of the projects that have some."""
        calls = [
            f"deployment_dags({name!r}, **{ {'target': f'{name}_db', 'migrations': name, **settings.get(name, {})}!r})"
            for name in self.databases
        ]
        text = [
            '"""The databases of our services, in Airflow."""',
            "from pg_deploy.dags import deployment_dags",
            *calls,
        ]
        self.file.write_text("\n".join(text) + "\n", encoding="utf-8")

    def rewrite(self, **settings: Mapping[str, object]) -> None:
        """As `write`, and parse it, as the process of each later task does."""
        self.write(**settings)
        load_dags(self.file)

    def run(
        self,
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        *,
        after_parsing: Callable[[], None] | None = None,
        bundle: Any = None,
        **how: Any,
    ) -> Result:
        """Run one of the DAGs to its end. `bundle` is the DAG bundle whose files the run is of."""
        bag = load_dags(self.file if bundle is None else Path(bundle.path) / "databases.py")
        save_dags(bag)
        if after_parsing:
            after_parsing()
        lean = LEAN if dag_id.startswith("deploy_") else {}
        with _of_bundle(bundle):
            return run_loaded(bag.dags[dag_id], {**lean, **(conf or {})}, **how)


def make_projects(folder: Path, urls: Mapping[str, str]) -> Projects:
    """The projects with these databases, one migration each, and the connections in the environment."""
    folder.mkdir()
    for name, url in urls.items():
        os.environ[f"AIRFLOW_CONN_{name.upper()}_DB"] = airflow_connection(url)
        table = _TABLES[name]
        write_migration(
            folder / name, FIRST[name], f"create table public.{table} (id int primary key);\n", rollback=f"drop table public.{table};\n"
        )  # fmt: skip
    made = Projects(folder, {name: Database(url) for name, url in urls.items()})
    made.write()
    return made


def save_dags(bag: Any) -> None:
    """Write the DAGs of a file to Airflow's metadata, as the DAG processor does."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]
    sync_bag_to_db(bag, "dags-folder", None)


@contextmanager
def _of_bundle(bundle: Any) -> Iterator[None]:
    """Give each task of dag.test() the bundle, as the process of a real task has it: dag.test() itself knows none."""
    if bundle is None:
        yield
        return
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    construct = RuntimeTaskInstance.model_construct

    def with_bundle(*arguments: Any, **values: Any) -> Any:
        return construct(*arguments, **values, bundle_instance=bundle)

    with patch.object(RuntimeTaskInstance, "model_construct", with_bundle):
        yield
