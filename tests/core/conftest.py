"""A throwaway cluster for the tests of the catalog reader."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.installed import installed


@pytest.fixture(scope="session")
def catalog_binaries() -> Path:
    """The folder of the programs of the newest installed server, or of the one that PG_DEPLOY_BINDIR names."""
    return installed().bindir


@pytest.fixture(scope="session")
def catalog_server(catalog_binaries: Path) -> Iterator[str]:
    """The superuser's conninfo of a private cluster with pg_cron, without dbname; gone afterwards."""
    binaries = catalog_binaries
    with tempfile.TemporaryDirectory(prefix="pg-deploy-catalog-") as folder:
        root = os.geteuid() == 0
        if root:
            shutil.chown(folder, "postgres", "postgres")
        data = Path(folder) / "data"
        _run(root, binaries / "initdb", "-D", data, "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c wal_level=logical "
            "-c shared_preload_libraries=pg_cron -c cron.database_name=catalog -c cron.launch_active_jobs=off"
        )
        _run(root, binaries / "pg_ctl", "-D", data, "-l", Path(folder) / "log", "-w", "-o", options, "start")
        try:
            yield f"host=127.0.0.1 port={port} user=admin"
        finally:
            _run(root, binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


@pytest.fixture(scope="session")
def catalog_database(catalog_server: str) -> str:
    """The superuser's conninfo of the database "catalog" of that cluster: empty but for pg_cron."""
    with psycopg.connect(f"{catalog_server} dbname=postgres", autocommit=True) as connection:
        connection.execute("create database catalog")
    conninfo = f"{catalog_server} dbname=catalog"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("create extension pg_cron")
    return conninfo


def _run(as_postgres: bool, *command: str | Path) -> None:
    prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if as_postgres else []
    done = subprocess.run(
        [*prefix, *map(str, command)],
        check=False,
        text=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    if done.returncode:
        raise RuntimeError(f'"{Path(command[0]).name}" failed with {done.returncode}: {done.stderr}')
