"""Evidence: checks, benchmarks, approvals and proofs, each with its outcome and what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from pg_deploy.postgres.session import Connection


@dataclass(frozen=True)
class Evidence:
    """One row of deploy_ledger.evidence."""

    id: int
    deployment_id: int
    attempt_id: int | None
    version: str | None
    location: str
    kind: str
    name: str
    outcome: str
    detail: dict[str, Any]
    recorded_at: datetime


def record(
    connection: Connection,
    deployment_id: int,
    kind: str,
    name: str,
    outcome: str,
    *,
    detail: Mapping[str, object] | None = None,
    attempt_id: int | None = None,
    version: str | None = None,
    location: str = "target",
    waits: bool = True,
) -> None:
    """Write one piece of evidence. Commits once, or with the caller's transaction.

    With `waits` false the commit does not wait for the disk: the next one that does, such as an attempt's new state, takes
    this one with it.
    """
    connection.execute(
        """insert into deploy_ledger.evidence
            (deployment_id, attempt_id, version, location, kind, name, outcome, detail)
        select %s::bigint, %s::bigint, %s::text, %s::text, %s::text, %s::text, %s::text, %s::jsonb
        from pg_catalog.set_config(
            'synchronous_commit', case when %s then pg_catalog.current_setting('synchronous_commit') else 'off' end, true
        )""",
        [deployment_id, attempt_id, version, location, kind, name, outcome, Jsonb(dict(detail or {})), waits],
    )


def of_deployment(connection: Connection, deployment_id: int, kind: str | None = None) -> tuple[Evidence, ...]:
    """The evidence of a deployment, oldest first, of one kind or all. Reads only."""
    return _select(connection, "deployment_id = %s and (%s::text is null or kind = %s)", [deployment_id, kind, kind])


def of_version(connection: Connection, deployment_id: int, version: str) -> tuple[Evidence, ...]:
    """The evidence that a deployment has of one migration, oldest first. Reads only."""
    return _select(connection, "deployment_id = %s and version = %s", [deployment_id, version])


def latest_of_version(
    connection: Connection, deployment_id: int, kind: str, *, version: str, location: str
) -> Evidence | None:
    """The newest evidence of that kind that a deployment has of one migration, seen at `location`. Reads only."""
    found = _select(
        connection,
        "deployment_id = %s and kind = %s and version = %s and location = %s",
        [deployment_id, kind, version, location],
        newest_only=True,
    )
    return found[0] if found else None


def of_attempt(connection: Connection, attempt_id: int, *kinds: str) -> tuple[Evidence, ...]:
    """The evidence of an attempt, oldest first, of these kinds, or all where none is named. Reads only."""
    if not kinds:
        return _select(connection, "attempt_id = %s", [attempt_id])
    return _select(connection, "attempt_id = %s and kind = any (%s)", [attempt_id, list(kinds)])


def _select(
    connection: Connection, where: str, arguments: list[object], *, newest_only: bool = False
) -> tuple[Evidence, ...]:
    order = "id desc limit 1" if newest_only else "id"
    with connection.cursor(row_factory=class_row(Evidence)) as cursor:
        return tuple(
            cursor.execute(
                f"""select id, deployment_id, attempt_id, version, location, kind, name, outcome, detail, recorded_at
                from deploy_ledger.evidence where {where} order by {order}""",
                arguments,
            ).fetchall()
        )
