"""Running the statements of sql/preflight/, each by the name of its file."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from pg_deploy.migrations.folder import PROJECT

_SQL = PROJECT / "sql" / "preflight"


def rows(connection: psycopg.Connection, name: str, *parameters: object) -> list[dict[str, Any]]:
    """All rows of sql/preflight/`name`.sql, as dictionaries. Reads only; raises what the server raises.

    It runs in a transaction of its own, or under a savepoint of the caller's, which survives a refused read.
    """
    statement = (_SQL / f"{name}.sql").read_bytes()
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, parameters or None).fetchall()
