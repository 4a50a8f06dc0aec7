"""Code of the target in a copy: it gets no right that it has not at home, and reaches nothing of the worker."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pg_deploy.backup.store import LocalStore, checked_backup
from pg_deploy.backup.take import take_backup
from pg_deploy.configuration.backup import backup_settings
from pg_deploy.migrations.migration import load_all, scan_folder
from pg_deploy.postgres.errors import NoWallError
from pg_deploy.postgres.private_cluster import PrivateCluster
from pg_deploy.postgres.session import Target
from pg_deploy.postgres.wall_around_server import ACCEPT, NAMESPACES, NONE, SANDBOX, refuse_without_wall, strongest_wall
from pg_deploy.rehearsal.copy import private_copy
from tests.building import write_migration
from tests.core.hostile.cluster import bare_cluster
from tests.installed import installed, open_folder

LOG = logging.getLogger("tests")
# Each entry point says as whom it was run, where a superuser's rights would be of use.
HOSTILE = """
create role deployer login password 'deployer' bypassrls createrole;
grant pg_monitor, pg_read_all_data, pg_signal_backend to deployer;
create role app login password 'app';
create schema shop authorization app;
create sequence shop.as_superuser;
grant usage on schema shop to public;
grant all on sequence shop.as_superuser to public;
"""
OF_THE_APPLICATION = """
create function shop.plausible(v integer) returns boolean language plpgsql as $$
begin
    begin
        perform set_config('role', 'none', false);
    exception when others then
        null;
    end;
    if (select rolsuper from pg_roles where rolname = current_user) then
        perform nextval('shop.as_superuser');
        execute 'copy (select 1) to program ' || quote_literal('touch FILE');
    end if;
    return true;
end $$;
create function shop.twice(v integer) returns integer immutable language plpgsql as $$
begin
    perform shop.plausible(v);
    return v * 2;
end $$;
create domain shop.small as integer check (shop.plausible(value));
create table shop.t (
    id integer primary key check (shop.plausible(id)),
    api_token varchar,
    small shop.small,
    twice integer generated always as (shop.twice(id)) stored
);
create table shop.late (id integer);
-- It needs the table's type, and the table's CHECK needs it: that comes after the rows.
create function shop.knows(v shop.late) returns boolean language plpgsql as $$
begin
    perform shop.plausible(v.id), (select count(*) from shop.late);
    return true;
end $$;
create index on shop.t (shop.twice(id));
create materialized view shop.many as select shop.twice(id) from shop.t;
insert into shop.t (id, api_token, small) select n, 'secret ' || n, n from generate_series(1, 20) n;
insert into shop.late values (1);
alter table shop.late add check (shop.knows(late));
refresh materialized view shop.many;
"""


@pytest.fixture(scope="module")
def home() -> Iterator[PrivateCluster]:
    """A server whose database "postgres" belongs to nobody in particular."""
    with bare_cluster() as cluster:
        yield cluster


@pytest.mark.parametrize(("schema", "role"), [("shop", "app"), ("A SHOP", "app"), ("shop", "my app")])
def test_the_targets_expressions_are_evaluated_without_a_superusers_rights(
    home: PrivateCluster, tmp_path: Path, schema: str, role: str
) -> None:
    """Or an application role that owns one table runs programs on the worker when the backup is restored and masked."""
    ran = tmp_path / "ran"

    def named(text: str) -> str:
        return (
            text.replace("shop.", f'"{schema}".').replace("schema shop", f'schema "{schema}"').replace("app ", f'"{role}" ')
            .replace("authorization app", f'authorization "{role}"')
        )  # fmt: skip

    with psycopg.connect(home.target("postgres").conninfo, autocommit=True) as connection:
        connection.execute("drop database if exists shop")
        connection.execute('drop role if exists app; drop role if exists "my app"; drop role if exists deployer')
        connection.execute("create database shop")
    with psycopg.connect(home.target("shop").conninfo, autocommit=True) as connection:
        connection.execute(named(HOSTILE).encode())
    with psycopg.connect(home.target("shop", role=role, password="app").conninfo, autocommit=True) as connection:
        connection.execute(named(OF_THE_APPLICATION).replace("FILE", str(ran)).encode())
    target = home.target("shop", role="deployer", password="deployer", name="target_db")
    store = LocalStore(tmp_path / "backups")
    settings = replace(backup_settings(), workdir=None, jobs=2)
    write_migration(tmp_path / "migrations", "20250101000000_a", named("comment on table shop.t is 'x';\n"))
    migrations = load_all(scan_folder(tmp_path / "migrations").files)
    backup = take_backup(target, migrations, store, settings, log=LOG)
    with (
        checked_backup(store, backup.manifest.name, None) as (manifest, files),
        private_copy(manifest, files, settings, log=LOG) as copy,
        psycopg.connect(copy.admin.conninfo) as admin,
    ):
        assert admin.execute(named("select is_called from shop.as_superuser").encode()).fetchone() == (False,)
        masked = named("select count(*) from shop.t where api_token like 'secret%'")
        assert admin.execute(masked.encode()).fetchone() == (0,)
        left = admin.execute(
            "select rolname::text from pg_roles where starts_with(rolname::text, 'deploy_plain')"
        ).fetchall()
        assert not left
    assert not ran.exists()


ATTACKS = {
    "run a program": "copy (select 1) to program 'touch {file}'",
    "run a program without a shell's words": "copy (select 1) to program '/usr/bin/touch {file}'",
    "read a file of the worker": "do $$ begin perform pg_read_file('{secret}'); end $$",
    "read the environment of a process": "do $$ begin perform pg_read_file('/proc/{pid}/environ'); end $$",
    "read its own environment": "do $$ begin perform pg_read_file('/proc/self/environ'); end $$",
    "write a file": "do $$ begin perform lo_export(lo_from_bytea(0, 'x'), '{file}'); end $$",
    "copy into a file": "copy (select 1) to '{file}'",
    "reach the network": "select dblink_connect('host=127.0.0.1 port={port} user=x password=y connect_timeout=2')",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_superuser_of_the_copy_reaches_nothing_of_the_worker(home: PrivateCluster, attack: str) -> None:
    """Or who may write a migration for a database reads Airflow's keys, and goes on from the worker."""
    if not home.wall.is_whole:
        # Nothing to try: such a worker makes no copy of anybody's database.
        with pytest.raises(NoWallError):
            refuse_without_wall("shop", home.wall)
        return
    with open_folder() as folder, socket.create_server(("127.0.0.1", 0)) as listening:
        secret, file = folder / "secret", folder / "written"
        secret.write_text("the key")
        secret.chmod(0o644)
        listening.settimeout(0.2)
        values = {"file": file, "secret": secret, "pid": os.getpid(), "port": listening.getsockname()[1]}
        with psycopg.connect(home.target("postgres").conninfo, autocommit=True) as connection:
            if "dblink" in ATTACKS[attack]:
                connection.execute("create extension if not exists dblink")
            with pytest.raises(psycopg.Error):
                connection.execute(ATTACKS[attack].format(**values).encode())
        with pytest.raises(TimeoutError):
            listening.accept()
        assert not file.exists()


def test_the_strongest_wall_is_the_one_that_is_tried_first_and_said(home: PrivateCluster) -> None:
    """Or a worker that could shut a copy in does not, and nobody knows."""
    assert home.wall == strongest_wall(installed())
    assert [SANDBOX.is_whole, NAMESPACES.is_whole, NONE.is_whole] == [True, False, False]


def test_without_a_wall_a_rehearsal_is_refused_unless_the_target_is_accepted_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or one careless setting opens the worker to each target of the installation."""
    monkeypatch.setenv(ACCEPT, "target_db, other")
    refuse_without_wall("other", NONE)
    with pytest.raises(NoWallError, match="PG_DEPLOY_WITHOUT_WALL=shop"):
        refuse_without_wall("shop", NONE)
    refuse_without_wall("shop", SANDBOX)


def test_the_server_is_reached_through_a_folder_that_nobody_else_may_enter(home: PrivateCluster) -> None:
    """Or every account of the worker can try passwords on a server that is full of somebody's rows."""
    assert home.socket.stat().st_mode & 0o077 == 0
    assert isinstance(home.target("postgres"), Target)
    with psycopg.connect(home.target("postgres").conninfo) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("",)
