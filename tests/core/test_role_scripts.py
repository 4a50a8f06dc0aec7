"""The least-privilege roles of sql/roles: enough for a deployment and for the monitor, and not more."""

from __future__ import annotations

import logging
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import errors, sql

from demo import cluster
from demo.cluster import Cluster
from pg_deploy.configuration.conf import DeployConf, checked_conf
from pg_deploy.deployment.verify import verify
from pg_deploy.migrations.migration import load_all, read_folder
from pg_deploy.monitor.conclude import conclude
from pg_deploy.monitor.take_sample import take_sample
from pg_deploy.monitor.thresholds import read_thresholds
from pg_deploy.postgres.session import Target
from pg_deploy.preflight.claiming import Identity
from pg_deploy.preflight.preflight import preflight
from pg_deploy.rollback.roll_back import roll_back
from tests.building import write_migration
from tests.core.working import working_on

SCRIPTS = Path(__file__).resolve().parents[2] / "sql" / "roles"


@dataclass(frozen=True)
class Place:
    """A database whose tables belong to a role of the application's own."""

    admin_url: str
    bindir: Path
    owner: str

    def run(self, script: str, **variables: str) -> None:
        """Run a script of sql/roles with psql, as a superuser."""
        given = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
        command = [str(self.bindir / "psql"), "-X", "-q", *given, "-f", str(SCRIPTS / script), self.admin_url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def url(self, role: str) -> str:
        """That role's URL; it gets a password."""
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            admin.execute(sql.SQL("alter role {} password 'secret'").format(sql.Identifier(role)))
        parts = urlsplit(self.admin_url)
        return f"postgresql://{role}:secret@{parts.hostname}:{parts.port}{parts.path}"


@pytest.fixture
def owned(demo_cluster: Cluster) -> Iterator[Place]:
    """Such a database, with one table; its roles are gone afterwards."""
    name, owner = f"owned_{secrets.token_hex(4)}", f"owner_{secrets.token_hex(4)}"
    with psycopg.connect(demo_cluster.admin_url("postgres"), autocommit=True) as admin:
        before = {row[0] for row in admin.execute("select rolname from pg_roles")}
        admin.execute(sql.SQL("create role {}").format(sql.Identifier(owner)))
        admin.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(owner)))
    with psycopg.connect(demo_cluster.admin_url(name), autocommit=True) as admin:
        admin.execute(sql.SQL("set role {}").format(sql.Identifier(owner)))
        admin.execute("create schema app; create table app.item (id int primary key, note text)")
        admin.execute("alter table app.item enable row level security; insert into app.item values (1, 'x')")
    try:
        yield Place(demo_cluster.admin_url(name), demo_cluster.bindir, owner)
    finally:
        cluster.drop(demo_cluster, name)
        with psycopg.connect(demo_cluster.admin_url("postgres"), autocommit=True) as admin:
            for (role,) in admin.execute(
                "select rolname from pg_roles where rolname <> all (%s)", [list(before)]
            ).fetchall():
                admin.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def test_the_deploying_role_can_do_a_whole_deployment_and_nothing_beyond_it(owned: Place, tmp_path: Path) -> None:
    """A script that grants too little stops the first deployment, one that grants too much is what we promise not to."""
    role = f"deployer_{secrets.token_hex(4)}"
    for api_roles in ("", "anon, authenticated", "anon, authenticated"):
        owned.run("deployer.sql", role=role, owner=owned.owner, api_roles=api_roles)
    url = owned.url(role)
    write_migration(
        tmp_path / "m",
        "20250101000000_change_item",
        "alter table app.item add column extra int;\ncreate index concurrently item_note on app.item (note);\n",
        rollback="drop index concurrently if exists app.item_note;\nalter table app.item drop column extra;\n",
        checks={"an_api_role_can_be_taken_on": "set local role authenticated;\nselect 1 where false;\n"},
    )
    _dry_preflight(url, tmp_path / "m")
    with working_on(url, tmp_path / "m", ends="deployed") as work:
        (migration,) = load_all(read_folder(tmp_path / "m"))
        work.apply(migration)
        assert verify(work.job, migration).state == "verified"
        assert roll_back(work.job, migration.version).attempt.state == "rolled_back"
    for forbidden in (
        "create role x",
        "create database x",
        "alter system set work_mem = '1MB'",
        "set role supabase_admin",
    ):
        with psycopg.connect(url, autocommit=True) as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute(forbidden)


def test_the_monitoring_role_measures_all_and_cannot_read_or_change_the_applications_rows(
    owned: Place, tmp_path: Path
) -> None:
    """It runs every 15 minutes with a password in a vault: whoever gets hold of it must not get the data."""
    deployer, monitor = (f"{name}_{secrets.token_hex(4)}" for name in ("deployer", "monitor"))
    owned.run("deployer.sql", role=deployer, owner=owned.owner)
    write_migration(tmp_path / "m", "20250101000000_nothing", "comment on table app.item is 'x';\n")
    with working_on(owned.url(deployer), tmp_path / "m", ends="deployed"):
        pass
    for _ in range(2):
        owned.run("monitor.sql", role=monitor)
    target = Target("target_db", owned.url(monitor))
    sample = take_sample(target, read_thresholds(), "a run", _log())
    conclude(target, read_thresholds(), sample, tell=lambda *_: True, contacts="", log=_log())
    with psycopg.connect(owned.admin_url) as admin:
        failed = admin.execute("select measure, problem from deploy_ledger.measurement where failed").fetchall()
    assert failed == []
    for forbidden in (
        "select * from app.item",
        "insert into app.item values (2, 'y')",
        "create schema x",
        "update deploy_ledger.attempt set state = 'verified'",
        "delete from deploy_ledger.evidence",
        "insert into deploy_ledger.deployment (id) overriding system value values (99)",
    ):
        with (
            psycopg.connect(target.conninfo, autocommit=True) as connection,
            pytest.raises(errors.InsufficientPrivilege),
        ):
            connection.execute(forbidden)


def _dry_preflight(url: str, folder: Path) -> None:
    who = Identity("deploy_migrations", "run", "tester")
    conf = checked_conf(DeployConf, {"dry_run": True})
    preflight(Target("target_db", url), conf, folder, who, good_for=60, log=_log())


def _log() -> logging.Logger:
    log = logging.Logger("quiet")
    log.addHandler(logging.NullHandler())
    return log
