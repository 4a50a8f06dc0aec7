"""A worker that has no server of PostgreSQL rehearses on a clone that a service makes for the run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pg_deploy.rehearsal.clones.service import Patience
from pg_deploy.tasks import clone_services
from tests.dags.harness import PROJECT, run_dag
from tests.looking import Database
from tests.servers.neon import KEY, FakeNeon, fake_neon
from tests.servers.neon import PROJECT as NEON_PROJECT
from tests.servers.server import Server, bootstrap, cloned, fill, running

FOLDER = PROJECT / "tests" / "fixtures" / "migrations" / "on_every_server"
CONF = {"approval": "none", "backup": "none", "rehearse": "clone"}


@pytest.fixture
def server() -> Iterator[Server]:
    """A target of its own."""
    with running("18-wheel") as found:
        bootstrap(found)
        fill(found)
        yield found


@pytest.fixture
def fake(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeNeon]:
    """Neon as this installation's maker of clones; the worker has no program of PostgreSQL."""

    @contextmanager
    def serve() -> Iterator[str]:
        with cloned(server.bindir, server.admin_url()) as port:
            yield server.url().replace(f":{server.port}/", f":{port}/")

    with fake_neon(serve) as api:
        connection = {"conn_type": "http", "host": api.address, "password": KEY}
        extra = {"provider": "neon", "project": NEON_PROJECT}
        monkeypatch.setenv("AIRFLOW_CONN_NEON_SHOP", json.dumps({**connection, "extra": extra}))
        monkeypatch.setenv("PG_DEPLOY_CLONE", "neon_shop")
        monkeypatch.setenv("PG_DEPLOY_BINDIR", str(tmp_path))
        monkeypatch.setattr(clone_services, "patience", lambda: Patience(look_s=0.2, lost_s=1, remove_s=1))
        monkeypatch.setattr("pg_deploy.tasks.backup_tasks.patience", clone_services.patience)
        yield api


@pytest.mark.acceptance
def test_a_run_rehearses_on_its_clone_and_says_of_one_that_stays_how_to_remove_it(
    server: Server, fake: FakeNeon
) -> None:
    """The clone holds production's rows: if it stays, the log, the report and a notice must say which, and the next run removes it."""
    database = Database(server.url())
    fake.refused_deletes = 10_000
    done = run_dag("deploy_migrations", server.url(), FOLDER, CONF)
    assert done.state == "success", done.text
    assert [outcome for _, outcome in database.evidence("rehearsal")] == ["passed", "passed"]
    assert "a backup on this worker: no: " in done.text
    assert "rehearse: full on this worker: no: " in done.text
    assert f"rehearse: clone: yes, Neon (project {NEON_PROJECT}, connection neon_shop) makes one" in done.text
    assert "notice: target_db: a clone is left over" in done.notices
    assert "`neon branches delete br-1 " in done.text
    assert any(
        line.lstrip().startswith("✗ the clone pg-deploy-") and "is left over and not removed" in line
        for line in done.log
    )
    assert KEY not in done.text
    assert list(fake.branches) == ["br-1"]

    fake.refused_deletes = 0
    undone = run_dag("rollback_migrations", server.url(), FOLDER, {"down_to": "0", "approval": "none"})
    assert undone.state == "success", undone.text
    again = run_dag("deploy_migrations", server.url(), FOLDER, CONF)
    assert again.state == "success", again.text
    assert fake.branches == {}
    assert {outcome for _, outcome in database.evidence("clone")[-2:]} == {"made", "removed"}
    assert "is left over" not in again.text


def test_a_clone_that_nothing_can_make_is_refused_before_anything_is_begun(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a run holds the target, and fails in its third task for a setting that could have been read in the first."""
    monkeypatch.delenv("PG_DEPLOY_CLONE", raising=False)
    done = run_dag("deploy_migrations", server.url(), FOLDER, CONF)
    assert done.tasks["preflight"] == "failed"
    assert 'the setting "PG_DEPLOY_CLONE" is empty, and there is no Airflow connection "rehearsal_db"' in done.text
    monkeypatch.setenv("PG_DEPLOY_CLONE", "postgresql://me:hush4711@somewhere/db")
    done = run_dag("deploy_migrations", server.url(), FOLDER, CONF)
    assert done.tasks["preflight"] == "failed"
    assert "which is not an Airflow connection that exists, or a command that begins with /" in done.text
    assert "hush4711" not in done.text
