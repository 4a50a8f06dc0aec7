"""Whether this is still the database of the last look: after an upgrade or a restore, nothing is compared with earlier looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pg_deploy.monitor import samples
from pg_deploy.monitor.measures import Measured, Row
from pg_deploy.monitor.samples import Sample
from pg_deploy.postgres.session import Connection

MEASURE = "same_database"


def compare_identity(connection: Connection) -> tuple[dict[str, Any], Measured]:
    """What identifies this database, and a measure that has a row if that differs from the last look. Reads only."""
    now = _read_identity(connection)
    before: Mapping[str, Any] = samples.read_memory(connection, samples.IDENTITY)
    # What this role could not see at one of the two looks is no difference.
    visible = {name: value for name, value in now.items() if value is not None}
    differing = {name for name, value in visible.items() if before.get(name, value) not in (None, value)}
    if not differing:
        return {**before, **visible}, Measured(MEASURE)
    if "major" in differing:
        event = f"the server was upgraded from PostgreSQL {before['major']} to {now['major']}"
    elif differing == {"timeline"}:
        event = "the server was restored to an earlier moment, or a standby took its place,"
    else:
        event = "the database was restored, or moved to another server"
    cause = f"{event} since the last look: what is compared with earlier looks begins anew"
    detail = {
        "cause": cause,
        "alert": False,
        "worth_a_look": True,
        "do": "let the monitor look for a day before it is relied on",
    }
    return now, Measured(MEASURE, (Row("the database", 1, "changed", detail),))


def keep_identity(connection: Connection, sample: Sample, identified_by: Mapping[str, Any]) -> None:
    """Remember what identifies this database for the next look. Commits once."""
    samples.put_memory(connection, sample, samples.IDENTITY, identified_by)


def _read_identity(connection: Connection) -> dict[str, Any]:
    row = connection.execute(
        """select current_setting('server_version_num')::integer / 10000, d.oid::bigint,
            has_function_privilege('pg_catalog.pg_control_system()', 'execute')
                and has_function_privilege('pg_catalog.pg_control_checkpoint()', 'execute')
        from pg_catalog.pg_database d where d.datname = current_database()"""
    ).fetchone()
    major, oid, may_ask = row or (0, 0, False)
    control = (
        connection.execute(
            """select s.system_identifier::text, c.timeline_id
            from pg_catalog.pg_control_system() s cross join pg_catalog.pg_control_checkpoint() c"""
        ).fetchone()
        if may_ask
        else None
    )
    system_identifier, timeline = control or (None, None)
    return {"major": major, "oid": oid, "system": system_identifier, "timeline": timeline}
