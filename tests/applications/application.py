"""A real application from PyPI in a venv of its own, against a server that records and logs all that it is sent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.installed import installed
from tests.throwaway import throwaway

SCRIPTS = Path(__file__).resolve().parents[1] / "cases" / "workload" / "applications"
_SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.max": "10000",
    "logging_collector": "on",
    "log_destination": "jsonlog",
    "log_statement": "all",
    "log_directory": "log",
    "log_filename": "all",
}
ROLE = "app"


@dataclass(frozen=True)
class Site:
    """The server of an application that was used. `fresh` is a database as it was before that, `app` as it is now."""

    port: int
    log: Path
    """The server's log of the use alone, one JSON object a line."""

    def conninfo(self, database: str, user: str = "admin") -> str:
        """For psycopg and psql."""
        return f"host=127.0.0.1 port={self.port} user={user} dbname={database}"

    def connect(self, database: str) -> psycopg.Connection:
        """A new autocommit connection of the superuser."""
        return psycopg.connect(self.conninfo(database), autocommit=True)

    def copy(self, template: str, name: str) -> str:
        """Copy a database; the copy's name."""
        with self.connect("postgres") as admin:
            admin.execute(f"drop database if exists {name} with (force)")
            admin.execute(f"create database {name} template {template} owner {ROLE}")
        return name

    def literal_log(self) -> list[str]:
        """The statements as the application sent them, in order, without those that begin and end transactions."""
        found = []
        for line in self.log.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            kind, _, text = entry.get("message", "").partition(": ")
            if entry.get("user") == ROLE and entry.get("dbname") == "app" and kind == "statement":
                found.append(text)
        return [
            text for text in found if text.split(None, 1)[0].lower() in {"select", "insert", "update", "delete", "with"}
        ]


@contextmanager
def use_application(script: str, packages: tuple[str, ...], folder: Path) -> Iterator[Site]:
    """Install the packages and the application's tables, use it, and yield its server, which is gone afterwards."""
    venv = folder / "venv"
    uv = (sys.executable, "-m", "uv")
    _run([*uv, "venv", "--quiet", "--python", sys.executable, str(venv)], folder)
    _run([*uv, "pip", "install", "--quiet", "--python", str(venv), *packages], folder)
    place = folder / "place"
    place.mkdir()
    with throwaway(installed().bindir, "admin", _SETTINGS) as port:
        site = Site(port, folder / "all.json")
        with site.connect("postgres") as admin:
            admin.execute(f"create role {ROLE} login")
            admin.execute(f"create database app owner {ROLE}")
            (data,) = admin.execute("show data_directory").fetchone() or ("",)
        with site.connect("app") as admin:
            admin.execute("create extension pg_stat_statements")
        settings = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": ROLE, "PGDATABASE": "app"}
        command = [str(venv / "bin" / "python"), str(SCRIPTS / script)]
        _run([*command, "migrate"], place, settings)
        site.copy("app", "fresh")
        with site.connect("app") as admin:
            admin.execute("select pg_stat_statements_reset()")
        log = Path(str(data)) / "log" / "all.json"
        began = log.stat().st_size
        _run([*command, "drive"], place, settings)
        with log.open("rb") as written, site.log.open("wb") as kept:
            written.seek(began)
            shutil.copyfileobj(written, kept)
        yield site


def _run(command: list[str], place: Path, settings: Mapping[str, str] | None = None) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PG", "AIRFLOW"))}
    done = subprocess.run(
        command,
        cwd=place,
        env={**environment, **(settings or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-1500:]}{done.stderr[-3000:]}"
