"""A database of a server that records statements, as the superuser sees it."""

from __future__ import annotations

import psycopg.conninfo
import pytest

from demo import cluster
from tests.looking import Database


@pytest.fixture
def database(empty_database: str, demo_cluster: cluster.Cluster) -> Database:
    """A new database, bootstrapped like Supabase's, with pg_stat_statements in the schema extensions."""
    name = str(psycopg.conninfo.conninfo_to_dict(empty_database)["dbname"])
    return Database(demo_cluster.admin_url(name))
