"""`backup: external`: somebody else can restore any moment, so the moment before the deployment is recorded exactly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from pg_deploy.ledger.kinds.backup import BackupOutcome
from pg_deploy.postgres.session import Target


@dataclass(frozen=True)
class RecoveryPoint:
    """The moment before the deployment, by the server's clock and by its write-ahead log."""

    at: datetime
    lsn: str
    archived: str | None

    @property
    def sentence(self) -> str:
        """The moment as a sentence for people."""
        archive = "" if self.archived is None else f"; last archived WAL file {self.archived}"
        return f"point-in-time recovery to {self.at.isoformat()} (LSN {self.lsn}) is the way back{archive}"

    @property
    def name(self) -> str:
        """What the ledger calls it."""
        return self.sentence

    @property
    def outcome(self) -> BackupOutcome:
        """That somebody else has it."""
        return BackupOutcome.EXTERNAL

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"kind": "external", "taken_at": self.at.isoformat(), "lsn": self.lsn, "archived": self.archived}


def read_point(target: Target) -> RecoveryPoint:
    """The target's present moment. Reads only."""
    with target.session("backup") as connection:
        row = connection.execute(
            """select pg_catalog.clock_timestamp(), pg_catalog.pg_current_wal_flush_lsn()::text,
                (select a.last_archived_wal from pg_catalog.pg_stat_archiver a)"""
        ).fetchone()
    at, lsn, archived = row if row else (datetime.now(timezone.utc), "unknown", None)
    return RecoveryPoint(at.astimezone(timezone.utc), lsn, archived)
