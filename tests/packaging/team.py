"""Somebody else's Airflow: a venv with a stock Airflow, a home and a folder of DAGs of its own, and the wheel installed with pip."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from demo.server import next_free_port
from launch import processes
from launch.api import Api
from launch.settings import Place, environment, prepare_home
from tests import signing_in
from tests.building import write_migration
from tests.installed import installed
from tests.packaging.building import CHECKOUT, make_venv
from tests.throwaway import throwaway

# Airflow's log servers would listen on every address, on ports of which a machine has one: the UI reads the logs from the disk.
_COMPONENTS = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "triggerer": ("--skip-serve-logs",),
    "dag-processor": (),
}


DAG_FILE = '''"""The databases of our services, deployed by Airflow."""
from pg_deploy.dags import deployment_dags
deployment_dags("shop", target="shop_db", migrations="shop/migrations")
deployment_dags("billing", target="billing_db", migrations="billing/migrations")
'''


@dataclass
class Team:
    """One team's Airflow. Nothing of this checkout is on its path: what it has of ours is the wheel."""

    folder: Path
    constraints: Path
    port: int
    metadata: str
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def bin(self) -> Path:
        """The programs of the venv."""
        return self.folder / "venv" / "bin"

    @property
    def home(self) -> Path:
        """Its AIRFLOW_HOME."""
        return self.folder / "home"

    @property
    def dags(self) -> Path:
        """Its folder of DAGs."""
        return self.folder / "dags"

    @property
    def migrations(self) -> Path:
        """The folder of migrations of its first project, the shop."""
        return self.dags / "shop" / "migrations"

    @property
    def url(self) -> str:
        """Where its UI is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def packages(self) -> Path:
        """Its site-packages."""
        (found,) = self.folder.glob("venv/lib/python*/site-packages")
        return found

    def environment(self) -> dict[str, str]:
        """All that its processes see: no PYTHONPATH, and nothing of whoever runs the tests."""
        place = Place(self.folder, self.dags, self.folder / "plugins", self.home, metadata=self.metadata)
        settings = environment(place, self.port)
        del settings["PG_DEPLOY_MIGRATIONS_POINTER"]
        return {
            **{key: value for key, value in os.environ.items() if key in {"LANG", "LC_ALL", "TMPDIR", "USER"}},
            **settings,
            "PATH": f"{self.bin}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(self.home),
            "NO_PROXY": "127.0.0.1,localhost",
            "BACKUP_URI": f"file://{self.folder}/backups",
            # The rows of the demo target are ours; not every machine that runs the tests grants a wall.
            "PG_DEPLOY_WITHOUT_WALL": "shop_db,billing_db",
        }

    def run(self, *words: str) -> str:
        """A command of the venv, to its end; what it printed. An exit code is an error."""
        command = [str(self.bin / words[0]), *words[1:]]
        done = subprocess.run(
            command, env=self.environment(), cwd=self.home, capture_output=True, text=True, check=False, timeout=900
        )
        if done.returncode:
            raise AssertionError(f"{words}: {done.stdout[-2000:]}{done.stderr[-3000:]}")
        return done.stdout

    def listed(self, *words: str) -> Any:
        """What a command of `airflow` prints as JSON."""
        said = self.run("airflow", *words, "--output", "json")
        # Some minors log to the same place before they answer.
        begin = next(
            (at for at, line in enumerate(said.splitlines()) if line.startswith(("[{", "[]")) or line.strip() == "["),
            None,
        )
        return json.loads("\n".join(said.splitlines()[begin:])) if begin is not None else []

    def pip(self, *words: str) -> str:
        """pip in the venv, with the versions of the constraints file."""
        kept = {
            name: value for name, value in os.environ.items() if name.startswith(("PIP_CERT", "PIP_DEFAULT_TIMEOUT"))
        }
        done = subprocess.run(
            [str(self.bin / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", *words],
            env={**self.environment(), **kept},
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
        )
        if done.returncode:
            raise AssertionError(f"pip {words}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout

    def files(self) -> set[str]:
        """Every file of the venv."""
        venv = self.folder / "venv"
        return {str(path.relative_to(venv)) for path in venv.rglob("*") if "__pycache__" not in path.parts}

    def said(self, name: str) -> str:
        """The end of what a component printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def until(self, holds: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait for it; fails, with what the components said, if it does not come or one of them ended."""
        deadline = time.monotonic() + seconds
        while not holds():
            self.refuse_ended(what)
            if time.monotonic() > deadline:
                said = "\n".join(f"=== {name}\n{self.said(name)}" for name in self.running)
                raise AssertionError(f"not {what}\n{said}")
            time.sleep(1)

    def refuse_ended(self, what: str) -> None:
        """Fail, with what it said, if a component ended: what is waited for would never come."""
        ended = [name for name, started in self.running.items() if started.poll() is not None]
        if ended:
            said = "\n".join(f"=== {name}\n{self.said(name)}" for name in ended)
            raise AssertionError(f"not {what}; ended: {ended}\n{said}")

    @contextmanager
    def up(self) -> Iterator[Api]:
        """Its Airflow, started and healthy; ended at the end whatever happened."""
        self.run("airflow", "db", "migrate")
        try:
            for name, options in _COMPONENTS.items():
                with (self.folder / f"{name}.log").open("ab") as output:
                    self.running[name] = subprocess.Popen(
                        [str(self.bin / "airflow"), name, *options],
                        env=self.environment(),
                        cwd=self.home,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=output,
                        start_new_session=True,
                    )
            self.until(self._is_healthy, "Airflow is healthy", 400)
            yield Api(self.url)
        finally:
            for started in self.running.values():
                for process in processes.list_members(started.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGKILL)
                started.wait()
            self.running.clear()

    def _is_healthy(self) -> bool:
        try:
            health = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=5, trust_env=False).json()
        except (httpx.HTTPError, ValueError):
            return False
        parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)

    def client(self) -> httpx.Client:
        """A client of the administrator's, for pages and answers."""
        return signing_in.client(self.url, "admin", "admin")


@contextmanager
def team(folder: Path, airflow: str, constraints: Path) -> Iterator[Team]:
    """A team that runs this Airflow on PostgreSQL, without our package; its folder is gone at the end."""
    with throwaway(installed().bindir, "airflow", {}) as metadata:
        url = f"postgresql+psycopg2://airflow@127.0.0.1:{metadata}/postgres"
        with _team(Team(folder, constraints, next_free_port(31000 + secrets.randbelow(7000)), url), airflow) as made:
            yield made


@contextmanager
def _team(made: Team, airflow: str) -> Iterator[Team]:
    folder, constraints = made.folder, made.constraints
    try:
        make_venv(folder / "venv", constraints, f"apache-airflow[postgres]=={airflow}")
        prepare_home(Place(folder, made.dags, folder / "plugins", made.home))
        made.dags.mkdir()
        (made.dags / "databases.py").write_text(DAG_FILE, encoding="utf-8")
        shutil.copytree(CHECKOUT / "sql" / "migrations", made.migrations)
        write_migration(
            made.dags / "billing" / "migrations",
            "20250101000000_invoices",
            "create table public.invoices (id bigint primary key);\n"
            "revoke all on public.invoices from anon, authenticated;\n",
        )
        yield made
    finally:
        # More than half a gigabyte, which pytest would keep for its next three runs.
        shutil.rmtree(folder, ignore_errors=True)
