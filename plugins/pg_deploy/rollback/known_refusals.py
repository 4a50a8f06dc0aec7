"""What a rehearsal has shown to have no way back: known before anything is applied, and before anything is undone."""

from __future__ import annotations

from pg_deploy.ledger import evidence
from pg_deploy.ledger.pins import Pinned
from pg_deploy.postgres.session import Connection
from pg_deploy.rollback.errors import NoRollbackError

CANNOT = "cannot_be_undone"


def refuse_without_way_back(connection: Connection, pinned: Pinned) -> None:
    """Raise NoRollbackError where the rehearsal of this deployment found no way back for a migration that brings none. Reads only."""
    if pinned.rollback is not None:
        return
    found = evidence.latest_of_version(
        connection, pinned.deployment_id, "rehearsal", version=pinned.version, location="rehearsal"
    )
    reason = found.detail.get(CANNOT) if found is not None else None
    if reason:
        raise NoRollbackError(pinned.stem, [f"as its rehearsal has shown: {reason}"])
