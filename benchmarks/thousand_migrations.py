"""A history of years: a thousand migrations in the folder, with the statements of a real project's kind.

Goals: parsing the DAG file takes under 1 s (Airflow parses it for each task), and preflight takes under 5 s, both with the last ten
pending, as on any day, and with all of them pending, as on a new database.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from demo import cluster
from pg_deploy.configuration.conf import DeployConf, checked_conf
from pg_deploy.ledger import schema
from pg_deploy.migrations import history
from pg_deploy.migrations.migration import read_folder
from pg_deploy.postgres.session import Target
from pg_deploy.preflight.claiming import Identity
from pg_deploy.preflight.preflight import preflight
from tests.building import foreign_project
from tests.throwaway import demo_of_its_own

CHECKOUT = Path(__file__).resolve().parents[1]
MIGRATIONS = 1000
PENDING = 10
ROUNDS = 3
ALLOWED_PARSE_S = 1.0
ALLOWED_PREFLIGHT_S = 5.0

# This is what a task's process does: Airflow is imported already when the file is parsed.
_PARSE = """
import time
from airflow.dag_processing.dagbag import DagBag
began = time.perf_counter()
bag = DagBag("dags/deploy_migrations.py", bundle_name="dags-folder")
print(time.perf_counter() - began, len(bag.dags["deploy_migrations"].tasks), bag.import_errors)
"""


def write_all(folder: Path) -> None:
    """Write the foreign project's files again and again, each round a year later."""
    files = sorted(foreign_project(folder.parent).glob("*.sql"))
    folder.mkdir()
    for number in range(MIGRATIONS):
        source = files[number % len(files)]
        (folder / f"{int(source.name[:4]) + number // len(files)}{source.name[4:]}").write_bytes(source.read_bytes())


def parse_s(folder: Path, home: Path) -> float:
    """Seconds of one parse of the DAG file in a process of its own."""
    environment = {
        **os.environ, "AIRFLOW_HOME": str(home), "MIGRATIONS_DIR": str(folder), "PYTHONPATH": str(CHECKOUT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR", "_AIRFLOW__AS_LIBRARY": "",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }  # fmt: skip
    said = subprocess.run(
        [sys.executable, "-c", _PARSE], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    if said.returncode:
        raise RuntimeError(said.stderr[-2000:])
    return float(said.stdout.splitlines()[-1].split()[0])


def remember(url: str, folder: Path) -> None:
    """Record all but the newest in history and ledger, as deployed by us."""
    files = read_folder(folder)[:-PENDING]
    with psycopg.connect(url, autocommit=True) as connection:
        schema.ensure(connection)
        history.ensure(connection)
        with connection.transaction(), connection.cursor() as cursor:
            row = cursor.execute(
                """insert into deploy_ledger.deployment
                    (dag_id, airflow_run, host, actor, conf, folder, folder_versions, good_until, phase, state, ended_at)
                values ('deploy_migrations', 'earlier', 'bench', 'bench', '{}', '', '{}', now(), 'report', 'deployed', now())
                returning id"""
            ).fetchone()
            cursor.executemany(
                """insert into deploy_ledger.attempt
                    (deployment_id, version, stem, sql_hash, state, verified_at, ended_at)
                values (%s, %s, %s, %s, 'verified', now(), now())""",
                [(row[0] if row else 0, each.version, each.stem, each.sql_hash) for each in files],
            )
            for each in files:
                history.insert(connection, each.version, each.name, [each.sql])


def preflight_s(url: str, folder: Path, run: str) -> tuple[float, float]:
    """Seconds of one preflight, up to the pinned set, and the processor seconds of this process and its squawk, without the server's."""
    who = Identity("deploy_migrations", run, "bench", lambda _: True)
    began, used = time.perf_counter(), sum(os.times()[:4])
    preflight(
        Target("bench", url), checked_conf(DeployConf, {}), folder, who, good_for=60, log=logging.getLogger("quiet")
    )
    return time.perf_counter() - began, sum(os.times()[:4]) - used


def main() -> int:
    """Measure and print; returns 1 if a goal is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "migrations"
        write_all(folder)
        parse = min(parse_s(folder, Path(name)) for _ in range(ROUNDS))
        with demo_of_its_own(0.001) as server:
            years = cluster.empty(server, "years")
            remember(years, folder)
            some = min(preflight_s(years, folder, f"run {number}") for number in range(ROUNDS))
            fresh = min(preflight_s(cluster.empty(server, f"new_{number}"), folder, "run") for number in range(ROUNDS))
    print(f"{MIGRATIONS} migrations in the folder, the best of {ROUNDS}:")
    print(f"  the DAG file parsed           {parse:.2f} s (goal: under {ALLOWED_PARSE_S:.0f})")
    print(
        f"  preflight, {PENDING} pending         {some[0]:.2f} s (goal: under {ALLOWED_PREFLIGHT_S:.0f}; {some[1]:.2f} s of the processors)"
    )
    print(
        f"  preflight, all of them pending {fresh[0]:.2f} s (goal: under {ALLOWED_PREFLIGHT_S:.0f}; {fresh[1]:.2f} s of the processors)"
    )
    return int(parse >= ALLOWED_PARSE_S or max(some[0], fresh[0]) >= ALLOWED_PREFLIGHT_S)


if __name__ == "__main__":
    sys.exit(main())
