"""A running server of any version, with those of the demonstration's roles, tables and rows that its extensions allow."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import psycopg

from demo import build, server
from demo.making import SETTINGS
from tests.servers.programs import has_cron, programs
from tests.throwaway import throwaway

_PASSWORD = "versions"
_SCALE = 0.01
_CREATE_EXTENSION = re.compile(r'^create extension "?(?P<name>[\w-]+)"? .*$', re.MULTILINE)


@dataclass(frozen=True)
class Server:
    """A cluster of the version `name` (see programs.SOURCES) that only this test uses."""

    name: str
    bindir: Path
    port: int

    @property
    def has_cron(self) -> bool:
        """Whether pg_cron is in its database."""
        return has_cron(self.name)

    def url(self, database: str = build.DATABASE, role: str = "postgres") -> str:
        """The deploying role's URL, or another's."""
        return f"postgresql://{role}:{_PASSWORD}@127.0.0.1:{self.port}/{database}"

    def admin_url(self, database: str = build.DATABASE) -> str:
        """The superuser's URL."""
        return self.url(database, "supabase_admin")


@contextmanager
def running(name: str) -> Iterator[Server]:
    """A new cluster with one empty database "demo", superuser supabase_admin; gone afterwards."""
    bindir = programs(name)
    libraries = "pg_cron,pg_stat_statements" if has_cron(name) else "pg_stat_statements"
    ours = {"shared_buffers": "64MB", "wal_level": "replica", "shared_preload_libraries": libraries}
    with throwaway(bindir, "supabase_admin", {**SETTINGS, **ours}, password=_PASSWORD) as port:
        yield Server(name, bindir, port)


def bootstrap(on: Server) -> None:
    """Make Supabase's roles, schemas and rights in the database "demo", and no table of ours."""
    with _connect(on, "supabase_admin", "postgres") as admin:
        admin.execute((build.SQL / "bootstrap/10_roles.sql").read_bytes())
        admin.execute(f"alter role postgres password '{_PASSWORD}'")
        admin.execute("create database demo owner postgres")
    with _connect(on, "supabase_admin") as admin:
        offered = {row[0] for row in admin.execute("select name from pg_available_extensions")}

        def if_offered(found: re.Match[str]) -> str:
            return found[0] if found["name"] in offered else ""

        for file in ("20_database.sql", "30_auth.sql", *(["40_cron.sql"] if on.has_cron else [])):
            text = (build.SQL / "bootstrap" / file).read_text(encoding="utf-8")
            admin.execute(_CREATE_EXTENSION.sub(if_offered, text).encode())


def fill(on: Server) -> None:
    """Make the demonstration's tables and rows."""
    build.fill(lambda role, database: _connect(on, role, database), _SCALE, datetime.now(timezone.utc))


def _connect(on: Server, role: str, database: str = build.DATABASE) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(on.url(database, role), autocommit=True)


@contextmanager
def cloned(bindir: Path, admin_url: str) -> Iterator[int]:
    """A second server with everything that the first has at this moment, as a branch or a snapshot has it; yields its port."""
    with tempfile.TemporaryDirectory(prefix="pg-deploy-tests-") as folder:
        os.chmod(folder, 0o755)
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        shutil.chown(data, server.server_account().pw_uid)
        server.run(bindir, "pg_basebackup", "-D", str(data), "-d", admin_url, "-X", "stream", "-c", "fast", "--no-sync")
        try:
            yield server.start_from(bindir, data, 31000 + secrets.randbelow(9000))
        finally:
            server.stop(bindir, data, "immediate")
