"""A throwaway PostgreSQL cluster for preflight's tests."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.installed import installed
from tests.throwaway import throwaway

SETTINGS = {
    "max_connections": "40",
    "max_prepared_transactions": "5",
    "autovacuum": "off",
    "shared_buffers": "32MB",
}
BOOTSTRAP = """
create role supabase_admin superuser login;
create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;
create role deployer login createrole createdb replication bypassrls;
grant anon, authenticated, service_role, pg_monitor, pg_signal_backend to deployer;
create role plain login;
create role stranger login;
create database app owner supabase_admin;
"""
SCHEMA = """
grant create on database app to deployer;
grant create on schema public to deployer;
create schema auth authorization supabase_admin;
grant usage on schema auth to deployer;
create table auth.users (id uuid primary key, email text);
alter table auth.users owner to supabase_admin;
grant select on auth.users to deployer;
create schema vault;
create table vault.secrets (id int primary key);
create function auth.uid() returns uuid language sql as $$select null::uuid$$;
create table public.foreign_owned (id int primary key, note text);
create table public.hidden (id int);
alter table public.hidden enable row level security;
grant select on public.hidden to plain;
create function public.touch(a int, b text) returns int language sql as $$select 1$$;
create view public.seen as select 1 as one;
create policy all_rows on public.hidden using (true);
set role deployer;
create table public.own (id int primary key, note text, owner_id uuid);
create function public.mine() returns int language sql as $$select 1$$;
"""


@dataclass(frozen=True)
class Server:
    """A running cluster; `url(role)` names its database."""

    port: int

    def url(self, role: str = "postgres", database: str = "app", port: int | None = None) -> str:
        return f"postgresql://{role}@127.0.0.1:{port or self.port}/{database}"

    def connect(self, role: str = "postgres", database: str = "app", port: int | None = None) -> psycopg.Connection:
        return psycopg.connect(
            self.url(role, database, port), autocommit=True, prepare_threshold=None, connect_timeout=10
        )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def as_postgres(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start `command` as user postgres when we are root: neither PostgreSQL nor pgbouncer runs as root."""
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(url, connect_timeout=2, prepare_threshold=None).close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None:
                raise RuntimeError(
                    f"the server ended: {(process.stderr.read() if process.stderr else b'')!r}"
                ) from error
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="preflight-test-"))
    path.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(path, "postgres", "postgres")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with throwaway(installed().bindir, "postgres", SETTINGS) as port:
        found = Server(port=port)
        with found.connect(database="postgres") as connection:
            for statement in BOOTSTRAP.strip().split(";\n"):
                connection.execute(statement)
        with found.connect() as connection:
            connection.execute(SCHEMA)
        yield found
