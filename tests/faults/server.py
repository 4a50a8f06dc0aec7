"""A PostgreSQL of the tests' own that may be killed: no other test shares it."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from demo import server as programs
from pg_deploy.postgres.temporary import process_start
from tests.waiting import until

ROLE = "deployer"
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "max_connections": "100",
    "wal_level": "replica",
    "autovacuum": "off",
}


@dataclass
class Server:
    """One cluster: its binaries, its data directory and its port. The role `deployer` is no superuser."""

    bindir: Path
    data: Path
    port: int
    options: Mapping[str, str] = field(default_factory=dict)

    def url(self, database: str, user: str = ROLE) -> str:
        """How to connect; everybody is trusted on this server."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def make(self) -> None:
        """Initialise the cluster, start it, and make the deploying role as Supabase's `postgres` is: no superuser."""
        arguments = ("-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        programs.run(self.bindir, "initdb", "-D", str(self.data), *arguments)
        self.port = programs.start_from(self.bindir, self.data, self.port, {**_OPTIONS, **self.options})
        self.admin(f"create role {ROLE} login createdb bypassrls in role pg_monitor, pg_read_all_data")

    def start(self) -> None:
        """Start it, also after a crash; returns when it takes connections."""
        programs.start(self.bindir, self.data, self.port, {**_OPTIONS, **self.options})

    def stop(self, mode: str = "fast") -> None:
        """Stop it, as an administrator does (fast), or as a crash of the whole cluster would look (immediate)."""
        programs.stop(self.bindir, self.data, mode)

    def kill(self) -> None:
        """kill -9 of the postmaster and of every process that it has: nothing is written, nobody is told."""
        postmaster = programs.server_pid(self.data)
        if postmaster is None:
            return
        server = psutil.Process(postmaster)
        family = [server, *server.children()]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        until(lambda: not any(process_start(process.pid) for process in family), "the killed are gone")

    def admin(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement as the superuser."""
        with psycopg.connect(self.url(database, "admin"), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def create(self, name: str, template: str = "template1") -> str:
        """A new database that belongs to the deploying role; returns the role's URL."""
        statement = sql.SQL("create database {} template {} owner {}").format(
            sql.Identifier(name), sql.Identifier(template), sql.Identifier(ROLE)
        )
        with psycopg.connect(self.url("postgres", "admin"), autocommit=True) as connection:
            connection.execute(statement)
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database with everybody who is connected to it."""
        with psycopg.connect(self.url("postgres", "admin"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@contextmanager
def new_server() -> Iterator[Server]:
    """A new cluster, made and started; gone afterwards. Raises if no server is installed."""
    found = programs.find_installation()
    if found is None:
        raise RuntimeError("no PostgreSQL server is installed: run `make demo-packages`")
    with _place() as data:
        made = Server(found.bindir, data, 31000 + secrets.randbelow(8000))
        made.make()
        try:
            yield made
        finally:
            made.stop("immediate")


@contextmanager
def standby_of(primary: Server) -> Iterator[Server]:
    """A hot standby of a server, streaming; gone afterwards."""
    with _place() as data:
        made = Server(primary.bindir, data, primary.port + 1, primary.options)
        source = f"host=127.0.0.1 port={primary.port} user=admin"
        how = ("-R", "-X", "stream", "-c", "fast", "--no-sync")
        programs.run(made.bindir, "pg_basebackup", "-D", str(data), *how, "-d", source)
        made.port = programs.start_from(made.bindir, data, made.port, {**_OPTIONS, **made.options})
        try:
            yield made
        finally:
            made.stop("immediate")


@contextmanager
def _place() -> Iterator[Path]:
    """Where a new cluster's data goes, which the server's account can reach."""
    with tempfile.TemporaryDirectory(prefix="pg-deploy-faults-") as name:
        shutil.chown(name, programs.server_account().pw_uid)
        yield Path(name) / "data"
