"""The security lints on the live database. A finding that was not there at the last run is an alert."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from pg_deploy.catalog.finding import Finding
from pg_deploy.catalog.rows import DROPPED_MEANWHILE, ObjectDroppedError
from pg_deploy.deployment.lints import FAILING, lints, with_what_rests_on_it
from pg_deploy.monitor.access_drift import read_access_facts
from pg_deploy.monitor.measures import Measured, Row, explain_error, set_deadlines
from pg_deploy.postgres.session import Connection

MEASURE = "security_lints"
# These lints are not about security, or a measure of its own does their work.
_ELSEWHERE = (
    "duplicate_index",
    "invalid_index",
    "unindexed_foreign_key",
    "auth_call_for_each_row",
    "several_permissive_policies",
)


def measure_lints(connection: Connection, before: Sequence[Row] | None, project: Path | None = None) -> Measured:
    """One row for each finding; `project` is as in `own_files`. Reads only.

    At the first look `before` is None: it shows what is there and alerts nobody.
    """
    known = {row.object: row.detail for row in before or ()}
    try:
        rows = []
        new = []
        for finding in _findings(connection, project):
            old = known.get(f"{finding.name} {finding.object}")
            alert = bool(old.get("alert")) if old else before is not None and finding.level in FAILING
            said = str(old.get("cause")) if old else ""
            is_new = not said.startswith(finding.detail)
            if alert and is_new:
                new.append(finding)
            rows.append((finding, alert, finding.detail if is_new else said))
        causes = _causes_with_what_rests(connection, new) if new else {}
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return explain_error(MEASURE, error)
    return Measured(
        MEASURE,
        tuple(
            Row(
                f"{finding.name} {finding.object}",
                1,
                finding.level,
                {"alert": alert, "cause": causes.get(finding.key, cause), "do": finding.remedy},
            )
            for finding, alert, cause in rows
        ),
    )


def _findings(connection: Connection, project: Path | None) -> list[Finding]:
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        set_deadlines(connection)
        return [
            Finding(**{key: str(value) for key, value in row.items()})
            for name, text in lints(project).items()
            if name not in _ELSEWHERE
            for row in cursor.execute(text).fetchall()
        ]


def _causes_with_what_rests(connection: Connection, new: Sequence[Finding]) -> dict[tuple[str, str], str]:
    """The causes of new findings, with what rests on their objects, or without it if the catalog changes at this moment."""
    try:
        facts = read_access_facts(connection)
    except (ObjectDroppedError, *DROPPED_MEANWHILE):
        return {finding.key: finding.detail for finding in new}
    return {finding.key: with_what_rests_on_it(finding, facts).detail for finding in new}
