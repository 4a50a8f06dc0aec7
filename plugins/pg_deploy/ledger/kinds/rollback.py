"""What undoing showed: its proof, what was mended, which rows stay, what would be lost, what is undone."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.ledger.detail import count_of, text_of, texts_of
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.ledger.words import Word


class ProofOutcome(Word):
    """Whether a rollback led where it has to."""

    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True)
class RollbackProof:
    """The catalog after a rollback beside what it has to be; without a fingerprint policies alone were compared."""

    name: str
    outcome: ProofOutcome
    facts: int
    fingerprint: str = ""
    differences: tuple[str, ...] = ()
    changed_since: tuple[str, ...] = ()
    changed_by_others: tuple[str, ...] = ()
    went_along: tuple[str, ...] = ()
    mending: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it led there."""
        return self.outcome == ProofOutcome.PASSED

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        if not self.fingerprint:
            return {"facts": self.facts}
        return {
            "differences": list(self.differences),
            "facts": self.facts,
            "fingerprint": self.fingerprint,
            "changed_since": list(self.changed_since),
            "changed_by_others": list(self.changed_by_others),
            "went_along": list(self.went_along),
            "mending": self.mending,
        }

    @classmethod
    def from_row(cls, row: Evidence) -> RollbackProof:
        """Back from the ledger."""
        detail = row.detail
        return cls(
            row.name,
            ProofOutcome(row.outcome),
            count_of(detail, "facts"),
            text_of(detail, "fingerprint"),
            texts_of(detail, "differences"),
            texts_of(detail, "changed_since"),
            texts_of(detail, "changed_by_others"),
            texts_of(detail, "went_along"),
            text_of(detail, "mending"),
        )


@dataclass(frozen=True)
class Mended:
    """What a rollback had forgotten and what was run for it; `error` where that failed."""

    name: str
    differences: tuple[str, ...]
    sql: str
    error: str | None = None

    @property
    def outcome(self) -> str:
        """Whether it helped."""
        return "mended" if self.error is None else "failed"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        detail: dict[str, object] = {"differences": list(self.differences), "sql": self.sql}
        return detail if self.error is None else {**detail, "error": self.error}

    @classmethod
    def from_row(cls, row: Evidence) -> Mended:
        """Back from the ledger."""
        return cls(row.name, texts_of(row.detail, "differences"), text_of(row.detail, "sql"), row.detail.get("error"))


@dataclass(frozen=True)
class RowsNotRestored:
    """Rows that stay as the migration changed them, and where older ones are."""

    name: str
    rows: tuple[str, ...]
    backup: str
    outcome: str = "said"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"rows": list(self.rows), "backup": self.backup}

    @classmethod
    def from_row(cls, row: Evidence) -> RowsNotRestored:
        """Back from the ledger."""
        return cls(row.name, texts_of(row.detail, "rows"), text_of(row.detail, "backup"))


@dataclass(frozen=True)
class WouldBeLost:
    """What a person is shown before a rollback."""

    name: str
    lines: tuple[str, ...]
    outcome: str = "shown"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"lines": list(self.lines)}

    @classmethod
    def from_row(cls, row: Evidence) -> WouldBeLost:
        """Back from the ledger."""
        return cls(row.name, texts_of(row.detail, "lines"))


@dataclass(frozen=True)
class Undone:
    """A migration that was undone, by a run that only undoes, or as an earlier one of a deployment."""

    name: str
    outcome: str = "undone"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {}


@dataclass(frozen=True)
class UndoneEarlier(Undone):
    """A migration that a deployment had verified, and undid because a later one failed."""

    outcome: str = "rolled back"
