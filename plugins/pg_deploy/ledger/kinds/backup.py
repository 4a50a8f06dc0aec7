"""Which backup a run has, whether it was restored, and how long the rehearsal as a whole took."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.ledger.detail import count_of, number_of, text_of, texts_of
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.ledger.words import Word


class BackupOutcome(Word):
    """Who has it."""

    TAKEN = "taken"
    EXTERNAL = "external"


class RestoreOutcome(Word):
    """Whether the restored copy is what was backed up."""

    EQUAL = "equal"
    FAILED = "failed"


@dataclass(frozen=True)
class BackupKept:
    """What the ledger says of a run's backup, see `take.Backup` and `external.Point`: `backup` is its name in its store."""

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
        """Back from the ledger."""
        detail = row.detail
        return cls(
            row.name,
            row.outcome,
            text_of(detail, "kind"),
            text_of(detail, "name"),
            text_of(detail, "uri"),
            text_of(detail, "manifest_sha256"),
            detail.get("taken_at"),
            detail.get("lsn"),
            count_of(detail, "tables"),
            None if detail.get("rows") is None else int(detail["rows"]),
            count_of(detail, "facts"),
            text_of(detail, "doubt"),
            number_of(detail, "seconds"),
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
class Restored:
    """A backup restored into a private copy and compared, or why it could not be; `name` is the backup's."""

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

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        if self.error is not None:
            return {"error": self.error}
        return {
            "facts": self.facts,
            "rows": self.rows,
            "seconds": self.seconds,
            "notes": list(self.notes),
            "masked": list(self.masked),
        }

    @classmethod
    def from_row(cls, row: Evidence) -> Restored:
        """Back from the ledger."""
        detail = row.detail
        return cls(
            row.name,
            row.outcome,
            count_of(detail, "facts"),
            count_of(detail, "rows"),
            number_of(detail, "seconds"),
            texts_of(detail, "notes"),
            texts_of(detail, "masked"),
            detail.get("error"),
        )


@dataclass(frozen=True)
class WholeRehearsal:
    """How the rehearsal as a whole ended, in a sentence, and how long it took, restore included."""

    name: str
    seconds: float
    outcome: str = "passed"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"seconds": round(self.seconds, 1)}


def seconds_of(row: Evidence) -> float | None:
    """How long a backup, its restore or a rehearsal took, where that was kept."""
    return number_of(row.detail, "seconds")
