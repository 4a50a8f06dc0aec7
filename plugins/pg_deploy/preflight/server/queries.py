"""Running the statements of preflight/sql/, each by the name of its file."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from pg_deploy.postgres.sql_files import engine_sql


def rows(connection: psycopg.Connection, name: str, *parameters: object) -> list[dict[str, Any]]:
    """All rows of preflight/sql/`name`.sql, as dictionaries. Reads only; raises what the server raises.

    It runs in a transaction of its own, or under a savepoint of the caller's, which survives a refused read.
    """
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(engine_sql(f"preflight/{name}"), parameters or None).fetchall()
