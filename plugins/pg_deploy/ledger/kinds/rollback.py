"""What undoing showed: its proof, what was mended, what is not as before, what would be lost, what is undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pg_deploy.ledger.kept_values import Kept
from pg_deploy.ledger.word_enum import Word


class ProofOutcome(Word):
    """Whether a rollback led where it has to."""

    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True)
class RollbackProof(Kept):
    """The catalog after a rollback beside what it has to be; without a fingerprint policies alone were compared."""

    only_shown = ("differences", "changed_since", "changed_by_others", "went_along", "mending")
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

    def to_detail(self) -> dict[str, Any]:
        """For the ledger."""
        return super().to_detail() if self.fingerprint else {"facts": self.facts}


@dataclass(frozen=True)
class Mended(Kept):
    """What a rollback had forgotten and what was run for it; `error` if that failed."""

    only_shown = ("differences", "sql", "error")
    name: str
    differences: tuple[str, ...]
    sql: str
    error: str | None = None

    @property
    def outcome(self) -> str:
        """Whether it helped."""
        return "mended" if self.error is None else "failed"

    def to_detail(self) -> dict[str, Any]:
        """For the ledger."""
        detail = super().to_detail()
        return detail if self.error is not None else {key: kept for key, kept in detail.items() if key != "error"}


@dataclass(frozen=True)
class RowsNotRestored(Kept):
    """Rows that stay as the migration changed them, and where older ones are."""

    only_shown = ("rows",)
    name: str
    rows: tuple[str, ...]
    backup: str
    outcome: str = "said"


@dataclass(frozen=True)
class WouldBeLost(Kept):
    """What a person is shown before a rollback."""

    only_shown = ("lines",)
    name: str
    lines: tuple[str, ...]
    outcome: str = "shown"


@dataclass(frozen=True)
class Undone(Kept):
    """A migration that was undone, by a run that only undoes, or as an earlier one of a deployment."""

    name: str
    outcome: str = "undone"


@dataclass(frozen=True)
class UndoneEarlier(Undone):
    """A migration that a deployment had verified, and undid because a later one failed."""

    outcome: str = "rolled back"
