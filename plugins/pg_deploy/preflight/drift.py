"""Drift: changes that somebody made by hand since the last deployment ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.majors import upgraded
from pg_deploy.catalog.reader import read_facts
from pg_deploy.ledger import evidence, schema, snapshot
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.run import Drifted
from pg_deploy.postgres.session import Connection


@dataclass(frozen=True)
class Drift:
    """The objects that differ from the state that deployment `deployment_id` left behind, one line each.

    `upgraded` is a sentence if the server's major version has changed since.
    """

    deployment_id: int
    since: datetime
    lines: tuple[str, ...]
    upgraded: str | None = None


def read_drift(connection: Connection) -> Drift | None:
    """The drift since the newest kept state; None if none was kept yet. Reads only."""
    kept = snapshot.newest(connection, "deployed") if schema.exists(connection) else None
    if kept is None:
        return None
    deployment_id, facts = kept
    now = read_facts(connection)
    return Drift(deployment_id, facts.read_at, describe(compare(facts, now)), upgraded(facts, now))


def drift_lines(drift: Drift | None) -> list[str]:
    """The drift for the log; empty if there is none."""
    if drift is None:
        return []
    first = [drift.upgraded] if drift.upgraded else []
    if not drift.lines:
        return first
    count = len(drift.lines)
    head = (
        f"{count} object{'s' if count != 1 else ''} changed by hand since deployment {drift.deployment_id} ended at "
        f"{drift.since:%Y-%m-%d %H:%M} UTC:"
    )
    return [*first, head, *(f"  {line}" for line in drift.lines)]


def record_drift(connection: Connection, deployment_id: int, drift: Drift | None) -> None:
    """Keep the drift as evidence of the run that found it. Commits once."""
    if drift is not None:
        drifted = Drifted(f"since deployment {drift.deployment_id}", drift.lines)
        evidence.record(connection, deployment_id, Kind.DRIFT, drifted)


def keep_state(connection: Connection, deployment_id: int) -> None:
    """Keep the facts as this run leaves them: the next run compares with them. Commits once."""
    snapshot.save(connection, deployment_id, None, "deployed", read_facts(connection))
