"""What a run as a whole keeps: the commit it deploys, what had drifted, what it passed over, what it adopted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.ledger.kept_values import Kept
from pg_deploy.postgres.session import Connection


@dataclass(frozen=True)
class Drifted(Kept):
    """What changed by hand since the deployment that `name` names."""

    only_shown = ("differences",)
    name: str
    differences: tuple[str, ...]

    @property
    def outcome(self) -> str:
        """Whether anything did."""
        return "found" if self.differences else "none"


@dataclass(frozen=True)
class PassedOver(Kept):
    """Files of the folder that are no migrations by their names."""

    names: tuple[str, ...]
    name: str = "files"
    outcome: str = "passed over"


@dataclass(frozen=True)
class Adopted(Kept):
    """A migration that was recorded as in place, on whose word, and what was found of it; `name` is its stem."""

    name: str
    by: str
    reason: str
    sql_hash: str
    bundle_hash: str
    was: str
    history: str
    recorded_text: str
    checks: str
    outcome: str = "adopted as it is, not verified"


@dataclass(frozen=True)
class Source(Kept):
    """The commit whose files a run deploys; `name` is the commit."""

    name: str
    outcome: str = "bound to it"


def record_commit(connection: Connection, deployment_id: int, commit: str) -> None:
    """Keep to which commit a run is bound; nothing if it is bound to none."""
    if commit:
        evidence.record(connection, deployment_id, Kind.SOURCE, Source(commit))


def commit_of(rows: Iterable[Evidence]) -> str:
    """The commit that a deployment with this evidence was bound to; empty if there was none."""
    return next((row.name for row in rows if row.kind == Kind.SOURCE), "")
