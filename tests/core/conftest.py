"""A throwaway cluster for the tests of the catalog reader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.installed import installed
from tests.throwaway import throwaway


@pytest.fixture(scope="session")
def catalog_binaries() -> Path:
    """The folder of the programs of the newest installed server, or of the one that PG_DEPLOY_BINDIR names."""
    return installed().bindir


@pytest.fixture(scope="session")
def catalog_server(catalog_binaries: Path) -> Iterator[str]:
    """The superuser's conninfo of a private cluster with pg_cron, without dbname; gone afterwards."""
    with cluster(catalog_binaries) as conninfo:
        yield conninfo


@pytest.fixture(scope="module")
def own_catalog_server(catalog_binaries: Path) -> Iterator[str]:
    """Another such cluster, for a module that leaves roles, objects or default privileges in it."""
    with cluster(catalog_binaries) as conninfo:
        yield conninfo


@contextmanager
def cluster(binaries: Path) -> Iterator[str]:
    """A private cluster with pg_cron in its database "catalog", which is to be made; gone afterwards."""
    cron = {"cron.database_name": "catalog", "cron.launch_active_jobs": "off"}
    with throwaway(binaries, "admin", {"shared_preload_libraries": "pg_cron", "wal_level": "logical", **cron}) as port:
        yield f"host=127.0.0.1 port={port} user=admin"


@pytest.fixture(scope="session")
def catalog_database(catalog_server: str) -> str:
    """The superuser's conninfo of the database "catalog" of that cluster: empty but for pg_cron."""
    return make_catalog_database(catalog_server)


def make_catalog_database(server: str) -> str:
    """Make the database "catalog" of such a cluster, with pg_cron; its conninfo."""
    with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as connection:
        connection.execute("create database catalog")
    conninfo = f"{server} dbname=catalog"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("create extension pg_cron")
    return conninfo
