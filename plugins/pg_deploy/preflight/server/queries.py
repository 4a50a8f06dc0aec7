"""Running the queries of preflight/sql/ by the names of their files."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from pg_deploy.postgres.sql_files import engine_sql


def rows(connection: psycopg.Connection, name: str, *parameters: object) -> list[dict[str, Any]]:
    """All rows of preflight/sql/`name`.sql, as dictionaries. Reads only; raises what the server raises.

    The query runs in a transaction of its own, or under a savepoint in the caller's, which thus survives a refused read.
    """
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(engine_sql(f"preflight/{name}"), parameters or None).fetchall()
