"""Whoever may create objects in a schema that names are looked up in gets none of them called by a session of ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pg_deploy.backup.store import LocalStore, checked_backup
from pg_deploy.backup.take import take_backup
from pg_deploy.configuration.backup import backup_settings
from pg_deploy.ledger import schema
from pg_deploy.migrations.migration import load_all, scan_folder
from pg_deploy.monitor.take_sample import take_sample
from pg_deploy.monitor.thresholds import read_thresholds
from pg_deploy.postgres.private_cluster import PrivateCluster
from pg_deploy.postgres.session import Target
from pg_deploy.postgres.sql_files import engine_sql
from pg_deploy.rehearsal.copy import private_copy
from pg_deploy.rehearsal.rehearse import Stage, rehearse
from pg_deploy.reporting.report import read_report
from pg_deploy.rollback.roll_back import roll_back
from pg_deploy.ui import database_page
from pg_deploy.ui.charts import read_series
from pg_deploy.ui.projects import KnownProject
from pg_deploy.ui.reading import read_only_session
from tests.building import write_migration
from tests.core.hostile.cluster import bare_cluster
from tests.core.hostile.shadows import WORD, plant
from tests.core.working import working_on
from tests.faults.deployer import DEPLOYED, Order, deploy

LOG = logging.getLogger("tests")
BASE = """
create role deployer login password 'deployer' bypassrls createrole;
grant pg_monitor, pg_read_all_data, pg_signal_backend to deployer;
create database app owner deployer;
"""
OBJECTS = """
create schema app authorization deployer;
set role deployer;
create table app.t (id integer primary key, api_key varchar, owner_id uuid);
insert into app.t select n, 'key ' || n, gen_random_uuid() from generate_series(1, 50) n;
alter table app.t enable row level security;
create policy own on app.t using (id > 3);
create materialized view app.many as select id from app.t;
create unique index on app.many (id);
reset role;
"""


@pytest.fixture
def shadowed() -> Iterator[tuple[PrivateCluster, Target]]:
    """A server whose database "app" looks names up in a schema full of shadows first, and the deploying role's target."""
    with bare_cluster() as cluster:
        with psycopg.connect(cluster.target("postgres").conninfo, autocommit=True) as connection:
            for statement in BASE.strip().split(";\n"):
                connection.execute(statement.encode())
        with psycopg.connect(cluster.target("app").conninfo, autocommit=True) as connection:
            connection.execute(OBJECTS.encode())
            assert plant(connection) > 500
            connection.execute("alter database app set search_path to public, pg_catalog")
        yield cluster, cluster.target("app", role="deployer", password="deployer", name="target_db")


def test_no_object_of_public_is_entered_by_a_session_of_ours(
    shadowed: tuple[PrivateCluster, Target], tmp_path: Path
) -> None:
    """Else who may create in public runs code as the deploying role, and as the superuser of the copy."""
    cluster, target = shadowed
    folder = tmp_path / "migrations"
    write_migration(
        folder,
        "20250101000000_a",
        "alter table app.t add column note integer;\ncreate index concurrently t_note on app.t (note);\n",
        rollback="drop index concurrently if exists app.t_note;\nalter table app.t drop column note;\n",
    )
    migrations = load_all(scan_folder(folder).files)
    store = LocalStore(tmp_path / "backups")
    settings = replace(backup_settings(), workdir=None, jobs=2)

    with working_on(target.conninfo, folder) as work:
        backup = take_backup(target, migrations, store, settings, log=LOG)
        with (
            checked_backup(store, backup.manifest.name, None) as (manifest, files),
            private_copy(manifest, files, settings, log=LOG) as copy,
        ):
            (found,) = rehearse(
                work.job, Stage(copy.target, "private cluster", copy.admin, (), twin=copy.twin), migrations
            )
            assert not found.error, found.error
            assert copy.cluster is not None
            assert WORD not in (copy.cluster.directory / "server.log").read_text(encoding="utf-8")
    order = Order(target.conninfo, str(folder), "one", str(tmp_path / "log"), tries=1)
    assert deploy(order) == DEPLOYED
    sample = take_sample(target, read_thresholds(), "manual", LOG)
    assert sample
    with read_only_session(target) as connection:
        assert database_page._read(connection, KnownProject(), "target_db", None, ()).deployments
        assert read_series(connection, KnownProject(), 24)
        assert read_report(connection, 2).outcomes
    with working_on(target.conninfo, folder) as work:
        roll_back(work.job, "20250101000000")
    assert WORD not in (cluster.directory / "server.log").read_text(encoding="utf-8")


def test_a_ledger_that_was_bound_to_somebody_elses_function_is_bound_to_the_servers_own(
    shadowed: tuple[PrivateCluster, Target],
) -> None:
    """Else each claim of a target whose ledger an earlier version made goes on calling what a stranger put into public."""
    _, target = shadowed
    bound = """select p.oid::regprocedure::text from pg_catalog.pg_depend d
        join pg_catalog.pg_attrdef a on d.classid = 'pg_catalog.pg_attrdef'::regclass and d.objid = a.oid
        join pg_catalog.pg_proc p on d.refclassid = 'pg_catalog.pg_proc'::regclass and d.refobjid = p.oid
        where a.adrelid = 'deploy_ledger.deployment'::regclass"""
    with target.session("tests") as connection:
        connection.execute(engine_sql("ledger/0001_ledger"))
        connection.execute("insert into deploy_ledger.revision (number) values (1)")
        connection.execute(
            "create function app.nextval(text) returns bigint language plpgsql as 'begin return 1; end';"
            "alter table deploy_ledger.deployment alter column fence set default app.nextval('x')"
        )
        assert connection.execute(bound).fetchall() == [("app.nextval(text)",)]

        schema.ensure(connection)

        assert not connection.execute(bound).fetchall()
        settings = connection.execute(
            "select proconfig from pg_catalog.pg_proc where oid = 'deploy_ledger.plan(text)'::regprocedure"
        )
        assert settings.fetchone() == (['search_path=""'],)
