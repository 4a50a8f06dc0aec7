"""Inputs of tests/cases/servers, which failed on other servers than the first, as whole runs on PostgreSQL 18."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.dags.harness import PROJECT, Result, run_dag
from tests.looking import Database
from tests.migrations.runner import state
from tests.servers.server import Server, bootstrap, fill, running

CASES = PROJECT / "tests" / "cases" / "servers"
FULL = {"approval": "none", "backup": "full", "rehearse": "full"}


@pytest.fixture(scope="module")
def server_18() -> Iterator[Server]:
    """One server for the module; each test has a database of its own, copied from the demonstration's."""
    with running("18-wheel") as server:
        bootstrap(server)
        fill(server)
        yield server


@dataclass(frozen=True)
class Place:
    """A copy of the demonstration's database on that server."""

    server: Server
    database: str
    store: Path

    @property
    def url(self) -> str:
        """The deploying role's URL."""
        return self.server.url(self.database)

    def setup(self, name: str, role: str) -> None:
        """Run a setup file of the cases."""
        with psycopg.connect(self.server.url(self.database, role), autocommit=True) as connection:
            connection.execute((CASES / name).read_bytes())

    def deploy(self, case: str, conf: Mapping[str, Any] = FULL) -> Result:
        """Deploy one folder of the cases."""
        return run_dag("deploy_migrations", self.url, CASES / case, conf)

    def undo(self, tmp_path: Path) -> Result:
        """Undo all that was deployed."""
        return run_dag("rollback_migrations", self.url, tmp_path, {"down_to": "0", "approval": "none"})

    def schema(self) -> str:
        """The schema as pg_dump writes it, without ours."""
        return state(self.url, self.server.bindir)


@pytest.fixture
def place(server_18: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A new copy of the database, and a folder for its backups."""
    name = f"case_{tmp_path.name[-20:].lower()}"
    store = tmp_path / "backups"
    monkeypatch.setenv("PG_DEPLOY_BINDIR", str(server_18.bindir))
    monkeypatch.setenv("BACKUP_URI", f"file://{store}")
    with psycopg.connect(server_18.admin_url("postgres"), autocommit=True) as admin:
        admin.execute(f'create database "{name}" owner postgres template demo')
        try:
            yield Place(server_18, name, store)
        finally:
            admin.execute(f'drop database "{name}" with (force)')
            for role in ("alice", "team_lead", "app_group", "app_reader"):
                admin.execute(f"drop role if exists {role}")


@pytest.mark.acceptance
def test_a_chain_of_grantors_restores_as_a_backup_and_by_psql(place: Place, tmp_path: Path) -> None:
    """Else no backup of a database with delegated roles restores, nor does the file that a red report names."""
    place.setup("setup-chain.sql", "postgres")

    result = place.deploy("m-harmless")

    assert result.state == "success", result.text
    (backup,) = place.store.iterdir()
    with running("18-wheel") as other:
        with psycopg.connect(other.admin_url("postgres"), autocommit=True) as admin:
            admin.execute(f'create database "{place.database}"')
        done = subprocess.run(
            [
                *(other.bindir / "psql", "-v", "ON_ERROR_STOP=1", "-q"),
                *("-f", backup / "globals.sql", "-d", other.admin_url(place.database)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.acceptance
def test_a_login_trigger_does_not_fire_in_the_copy_and_is_named(place: Place, tmp_path: Path) -> None:
    """Else every rehearsal fails by the rows that its own connections write."""
    place.setup("setup-login-trigger.sql", "supabase_admin")

    result = place.deploy("m-harmless")

    assert result.state == "success", result.text
    assert "event trigger log_logins fires at each login: it is left out here, and did not fire" in result.text
    restored = run_dag(
        "restore_backup", place.server.admin_url(place.database), CASES / "m-harmless", {"database": "with_trigger"}
    )
    try:
        assert restored.state == "success", restored.text
        with psycopg.connect(place.server.admin_url("with_trigger")) as connection:
            found = connection.execute(
                "select evtenabled from pg_event_trigger where evtname = 'log_logins'"
            ).fetchone()
        assert found == ("A",)
    finally:
        with psycopg.connect(place.server.admin_url("postgres"), autocommit=True) as admin:
            admin.execute("drop database if exists with_trigger with (force)")


@pytest.mark.acceptance
@pytest.mark.parametrize(
    "case",
    [
        # A rollback set a default on a generated column and failed, and the migration before it stayed too.
        "m-expression",
        # The maker of the new role may only hand it on: `create role` was refused for an access that nobody got.
        "m-create-role",
        # A view that was grown: what the server writes for itself made a right rollback look wrong, or the view opened.
        "m-view",
    ],
)
def test_what_was_refused_once_is_deployed_and_undone_down_to_nothing(place: Place, tmp_path: Path, case: str) -> None:
    """Else an ordinary migration cannot be deployed on a newer server, or its undo leaves something behind."""
    before = place.schema()

    result = place.deploy(case)

    assert result.state == "success", result.text
    undone = place.undo(tmp_path)
    assert undone.state == "success", undone.text
    assert place.schema() == before
    assert Database(place.url).value("select count(*) from pg_roles where rolname = 'app_reader'") == 0


@pytest.mark.acceptance
def test_a_check_that_fails_on_the_target_only_undoes_what_18_keeps_as_a_constraint(place: Place) -> None:
    """Else a failed check leaves the database "between two states" where NOT NULL is column and constraint."""
    result = place.deploy("m-validate")

    assert result.state == "failed", result.text
    assert Database(place.url).attempts[-1] == ("20260104000003", "rolled_back")
    assert "between two states" not in result.text
    assert Database(place.url).value(
        "select not convalidated from pg_constraint where conname = 'messages_language_there'"
    )


@pytest.mark.acceptance
def test_both_spellings_of_security_invoker_read_with_the_rights_of_the_caller(place: Place) -> None:
    """Else a view that is safe is said to be open, or the other way round."""
    result = place.deploy("m-invoker-new")

    assert result.state == "success", result.text
    assert "reads with the rights of its owner" not in result.text


def test_the_manifest_of_a_backup_says_who_took_it(place: Place) -> None:
    """Else a backup taken by older programs than the server's is believed to restore."""
    assert place.deploy("m-harmless", {"approval": "none", "backup": "full", "rehearse": "none"}).state == "success"
    (backup,) = place.store.iterdir()
    manifest = json.loads((backup / "manifest.json").read_text())
    assert manifest["dumped_by"] == 18
    assert manifest["doubt"] is None
