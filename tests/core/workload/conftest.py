"""Databases for the tests about the workload, as the superuser sees them: one of a server that records statements, and a plain one."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import psycopg.conninfo
import pytest

from demo import cluster
from pg_deploy.postgres.session import Connection, Target
from tests.looking import Database

_EMPTY = """do $$ declare it text; begin
    for it in select nspname from pg_namespace where nspname !~ '^pg_|^information_schema$' loop
        execute format('drop schema %I cascade', it);
    end loop;
    create schema public;
end $$"""


@pytest.fixture(scope="session")
def workload_database(catalog_server: str) -> str:
    """The superuser's conninfo of the database "workload" of the server for the catalog's tests."""
    with psycopg.connect(f"{catalog_server} dbname=postgres", autocommit=True) as admin:
        admin.execute("create database workload template template0")
    return f"{catalog_server} dbname=workload"


@pytest.fixture
def workload_session(workload_database: str) -> Iterator[Connection]:
    """A superuser's session, as the engine opens them, in that database; public is empty, and there is no other schema."""
    with Target("workload", workload_database).session("tests") as connection:
        connection.execute(_EMPTY.encode())
        yield connection


@pytest.fixture
def database(empty_database: str, demo_cluster: cluster.Cluster) -> Database:
    """A new database, bootstrapped like Supabase's, with pg_stat_statements in the schema extensions."""
    name = str(psycopg.conninfo.conninfo_to_dict(empty_database)["dbname"])
    return Database(demo_cluster.admin_url(name))
