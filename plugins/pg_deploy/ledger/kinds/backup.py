"""Which backup a run has, whether it was restored, and how long the rehearsal as a whole took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pg_deploy.ledger.evidence import Evidence
from pg_deploy.ledger.kept_values import Kept
from pg_deploy.ledger.word_enum import Word


class BackupOutcome(Word):
    """Who has the backup."""

    TAKEN = "taken"
    EXTERNAL = "external"


class RestoreOutcome(Word):
    """Whether the restored copy is what was backed up."""

    EQUAL = "equal"
    FAILED = "failed"


@dataclass(frozen=True)
class BackupKept(Kept):
    """What the ledger says of a run's backup, see `take.Backup` and `recovery_point.RecoveryPoint`: `backup` is its name in its store."""

    name: str
    outcome: str
    kind: str = ""
    backup: str = ""
    uri: str = ""
    manifest_sha256: str = ""
    taken_at: str | None = None
    lsn: str | None = None
    tables: int = 0
    rows: int | None = None
    facts: int = 0
    doubt: str = ""
    seconds: float | None = None

    @classmethod
    def from_row(cls, row: Evidence) -> BackupKept:
        """Back from the ledger, where `name` is the backup's own."""
        return cls.from_detail(
            {**row.detail, "backup": row.detail.get("name"), "name": row.name, "outcome": row.outcome}
        )

    @property
    def is_external(self) -> bool:
        """Whether somebody else has it."""
        return self.outcome == BackupOutcome.EXTERNAL

    @property
    def is_taken(self) -> bool:
        """Whether the run took it."""
        return self.outcome == BackupOutcome.TAKEN

    @property
    def has_no_rows(self) -> bool:
        """Whether it holds the schema alone."""
        return self.kind == "schema"

    @property
    def is_full(self) -> bool:
        """Whether a copy can be made from it."""
        return self.kind == "full"


@dataclass(frozen=True)
class Restored(Kept):
    """A backup restored into a private copy and compared, or why it could not be; `name` is the backup's."""

    only_shown = ("notes", "error")
    name: str
    outcome: str
    facts: int = 0
    rows: int = 0
    seconds: float | None = None
    notes: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    error: str | None = None

    @property
    def is_equal(self) -> bool:
        """Whether the copy is what was backed up."""
        return self.outcome == RestoreOutcome.EQUAL

    def to_detail(self) -> dict[str, Any]:
        """For the ledger: what was compared, or why nothing was."""
        detail = super().to_detail()
        error = detail.pop("error")
        return detail if error is None else {"error": error}


@dataclass(frozen=True)
class WholeRehearsal(Kept):
    """How the rehearsal as a whole ended, in a sentence, and how long it took, restore included."""

    name: str
    seconds: float
    outcome: str = "passed"

    def to_detail(self) -> dict[str, Any]:
        """For the ledger."""
        return {"seconds": round(self.seconds, 1)}


def seconds_of(row: Evidence) -> float | None:
    """How long a backup, its restore or a rehearsal took, if that was kept."""
    return None if (seconds := row.detail.get("seconds")) is None else float(seconds)
