"""What the tests of whole runs share: Airflow's metadata, and a target to deploy to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import airflow_home
from tests.dags.harness import Result, run_dag
from tests.looking import Database
from tests.servers.table import table_lines

Deploy = Callable[..., Result]
Monitor = Callable[..., Result]
Rollback = Callable[..., Result]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of docs/servers.md if whole runs on several servers were part of the tests."""
    for line in table_lines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def _airflow_metadata() -> None:
    """One fresh metadata database for the session."""
    airflow_home.fill()


@pytest.fixture
def empty_database(empty_database: str) -> str:
    """The same database, but unlike Supabase's it gives new tables to neither anon nor authenticated.

    Else each test would have to declare for whom its tables are open. Tests of access use the demo database.
    """
    Database(empty_database).give_nothing_new_to_the_api()
    return empty_database


@pytest.fixture
def database(empty_database: str) -> Database:
    """A new, empty target of the deploying role, and a way to look at it."""
    return Database(empty_database)


@pytest.fixture
def deploy(database: Database) -> Deploy:
    """Run deploy_migrations from a folder against the target; asks nobody unless the conf says otherwise."""

    def run(folder: Path, conf: dict[str, Any] | None = None, **how: Any) -> Result:
        return run_dag("deploy_migrations", database.url, folder, {"approval": "none", **(conf or {})}, **how)

    return run


@pytest.fixture
def rollback(database: Database, tmp_path: Path) -> Rollback:
    """Run rollback_migrations against the target, with an empty folder of migrations."""
    nothing = tmp_path / "no_migrations_here"
    nothing.mkdir()

    def run(conf: dict[str, Any] | None = None, **how: Any) -> Result:
        return run_dag("rollback_migrations", database.url, nothing, {"approval": "none", **(conf or {})}, **how)

    return run


@pytest.fixture
def monitor(database: Database, tmp_path: Path) -> Monitor:
    """Run monitor_database against the target."""

    def run(conf: dict[str, Any] | None = None, url: str | None = None) -> Result:
        return run_dag("monitor_database", url or database.url, tmp_path, conf)

    return run


def leave_an_invalid_index(database: Database) -> None:
    """Make something that the monitor alerts of in its first run."""
    database.run("create table public.t (a int)")
    database.run("insert into public.t values (1), (1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.run("create unique index concurrently broken on public.t (a)")
