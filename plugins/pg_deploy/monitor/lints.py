"""The security lints on the live database: an alert for a finding that was not there at the run before."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg.rows import dict_row

from pg_deploy.migrations.folder import PROJECT
from pg_deploy.monitor.measures import Measured, Row, bounded, told
from pg_deploy.session import Connection

MEASURE = "security_lints"
DIRECTORY = PROJECT / "sql" / "lints"
# These are measures of their own, or about speed.
_ELSEWHERE = (
    "duplicate_index",
    "invalid_index",
    "unindexed_foreign_key",
    "auth_call_for_each_row",
    "several_permissive_policies",
)
_LEVELS = ("error", "warn")


def measure_lints(connection: Connection, before: Sequence[Row] | None) -> Measured:
    """One row a finding. `before` None: the first look, which shows what is there and alerts nobody. Reads only."""
    known = {row.object: bool(row.detail.get("alert")) for row in before or ()}
    rows = []
    try:
        with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
            bounded(connection)
            for file in sorted(DIRECTORY.glob("*.sql")):
                if file.stem in _ELSEWHERE:
                    continue
                for found in cursor.execute(file.read_bytes()).fetchall():
                    name = f"{found['name']} {found['object']}"
                    is_new = before is not None and found["level"] in _LEVELS
                    rows.append(
                        Row(
                            name,
                            1,
                            str(found["level"]),
                            {"alert": known.get(name, is_new), "cause": found["detail"], "do": found["remedy"]},
                        )
                    )
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return told(MEASURE, error)
    return Measured(MEASURE, tuple(rows))
