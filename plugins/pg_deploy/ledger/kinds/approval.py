"""What a person was asked and answered, and what was lent meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.ledger.detail import text_of, texts_of
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.ledger.words import Word


class Answer(Word):
    """What an answer counts as."""

    APPROVED = "approved"
    REJECTED = "rejected"
    NOBODY = "nobody answered"
    SAME_PERSON = "refused: approved by who triggered"
    DATABASE_CHANGED = "not counted: the database has changed since"
    TEXT_CHANGED = "not counted: what was shown has changed since"


@dataclass(frozen=True)
class Answered:
    """Who answered what about which bundle; `by` is a name, `by_id` the same person as the sign-in knows them."""

    name: str
    outcome: str
    by: str | None
    by_id: str | None
    bundle_hash: str

    @property
    def is_given(self) -> bool:
        """Whether it is a yes."""
        return self.outcome == Answer.APPROVED

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"by": self.by, "by_id": self.by_id, "bundle_hash": self.bundle_hash}

    @classmethod
    def from_row(cls, row: Evidence) -> Answered:
        """Back from the ledger."""
        return cls(
            row.name, row.outcome, row.detail.get("by"), row.detail.get("by_id"), text_of(row.detail, "bundle_hash")
        )


@dataclass(frozen=True)
class Asked:
    """What was shown to a person, by its hash: an answer counts for this and nothing else."""

    name: str
    bundle_hash: str
    shown: str
    outcome: str = "waits"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"bundle_hash": self.bundle_hash, "shown": self.shown}

    @classmethod
    def from_row(cls, row: Evidence) -> Asked:
        """Back from the ledger."""
        return cls(row.name, text_of(row.detail, "bundle_hash"), text_of(row.detail, "shown"))


@dataclass(frozen=True)
class Lent:
    """Which versions the history held when the target was lent; `name` is the phase."""

    name: str
    history: tuple[str, ...]
    outcome: str = "lent"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"history": list(self.history)}

    @classmethod
    def from_row(cls, row: Evidence) -> Lent:
        """Back from the ledger."""
        return cls(row.name, texts_of(row.detail, "history"), row.outcome)
