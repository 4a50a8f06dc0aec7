"""A private cluster for one worker: the roles that the cases know, and a template database that holds the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from pg_deploy.ledger import schema
from pg_deploy.migrations import history
from pg_deploy.postgres.programs import installations
from tests.throwaway import throwaway

_ROLES = """
create role deployer login createrole;
create role reader; create role writer; create role other_owner; create role "App Role";
"""
_SETTINGS = {
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_prepared_transactions": "5",
    "jit": "off",
}

_SHM = Path("/dev/shm")
_ENOUGH_BYTES = 2 << 30


@dataclass(frozen=True)
class Server:
    """A running cluster without passwords on a loopback port."""

    bindir: Path
    port: int

    def url(self, role: str, database: str) -> str:
        """Where `role` reaches `database`."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """A new database of the role deployer, gone afterwards, and with it the roles that the case made."""
        with psycopg.connect(self.url("admin", "postgres"), autocommit=True) as connection:
            known = _roles(connection)
            connection.execute(
                sql.SQL("create database {} template undo_cases owner deployer").format(sql.Identifier(name))
            )
            try:
                yield name
            finally:
                _end_subscriptions(self.url("admin", name))
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
                for role in _roles(connection) - known:
                    connection.execute(sql.SQL("drop owned by {0}; drop role {0}").format(sql.Identifier(role)))


def find_binaries(wanted: str) -> Path:
    """The folder of a server's programs: as given, of that major version, or of the newest that is installed."""
    if "/" in wanted:
        return Path(wanted)
    found = [each for each in installations("postgres", "initdb") if wanted in ("", str(each.major))]
    if not found:
        raise SystemExit(f'no PostgreSQL server "{wanted}" is installed: give SERVER=/the/folder/of/its/programs')
    return max(found, key=lambda each: each.major).bindir


@contextmanager
def new_server(bindir: Path) -> Iterator[Server]:
    """A cluster with the roles and the template; gone afterwards."""
    with throwaway(bindir, "admin", _SETTINGS, _memory()) as port:
        server = Server(bindir, port)
        _prepare(server)
        yield server


def _memory() -> Path | None:
    """A folder in memory, if it is large enough: a database is made and dropped for each case, and on a disk that takes the most time."""
    return _SHM if _SHM.is_dir() and shutil.disk_usage(_SHM).free > _ENOUGH_BYTES else None


def _prepare(server: Server) -> None:
    with psycopg.connect(server.url("admin", "postgres"), autocommit=True) as connection:
        connection.execute(_ROLES)
        if connection.info.server_version >= 160000:
            connection.execute('grant reader, writer, other_owner, "App Role" to deployer with inherit true, set true')
        else:
            connection.execute('grant reader, writer, other_owner, "App Role" to deployer')
        connection.execute(
            "create database undo_cases template template0 encoding 'UTF8' lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8' "
            "owner deployer"
        )
    with psycopg.connect(server.url("admin", "undo_cases"), autocommit=True) as connection:
        connection.execute("alter schema public owner to deployer")
    with psycopg.connect(server.url("deployer", "undo_cases"), autocommit=True) as connection:
        schema.ensure(connection)
        history.ensure(connection)


def _roles(connection: psycopg.Connection[tuple[object, ...]]) -> set[str]:
    return {str(row[0]) for row in connection.execute("select rolname from pg_roles").fetchall()}


def _end_subscriptions(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for (name,) in connection.execute(
            "select subname from pg_subscription s join pg_database d on d.oid = subdbid where datname = current_database()"
        ).fetchall():
            for statement in ("alter subscription {} disable", "alter subscription {} set (slot_name = none)"):
                connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
            connection.execute(sql.SQL("drop subscription {}").format(sql.Identifier(name)))
