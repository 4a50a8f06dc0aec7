"""Refuse to undo a migration without a way back: it declares so, its rehearsal has shown it, or nothing can be generated."""

from __future__ import annotations

from pg_deploy.ledger import evidence, pins
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.rehearsal import Rehearsal
from pg_deploy.ledger.pins import Pinned
from pg_deploy.postgres.session import Connection
from pg_deploy.rollback.errors import NoRollbackError
from pg_deploy.rollback.generator.generate import GeneratedRollback


def refuse_without_way_back(connection: Connection, pinned: Pinned) -> None:
    """Raise NoRollbackError if the rehearsal of this deployment found no way back for a migration that brings none. Reads only."""
    if pinned.rollback is not None:
        return
    row = evidence.latest_of_copy(connection, pinned.deployment_id, Kind.REHEARSAL, pinned.version)
    reason = Rehearsal.from_row(row).cannot_be_undone if row is not None else None
    if reason:
        raise NoRollbackError(pinned.stem, [f"as its rehearsal has shown: {reason}"])


def refuse_declared(connection: Connection, pinned: Pinned) -> None:
    """Raise NoRollbackError if the migration itself declares that it cannot be undone. Reads only."""
    manifest = pins.manifest_of(connection, pinned.deployment_id, pinned.version)
    if manifest.rollback == "none":
        raise NoRollbackError(pinned.stem, [f"it declares that it cannot be undone: {manifest.rollback_reason}"])


def require_sql(generated: GeneratedRollback, stem: str) -> str:
    """The SQL of a generated rollback. Raises NoRollbackError if it does not lead back."""
    if generated.refusals:
        raise NoRollbackError(stem, [str(refusal) for refusal in generated.refusals])
    return generated.sql
