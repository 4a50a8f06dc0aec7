"""What a run as a whole keeps: what had drifted, what it passed over, what it adopted."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pg_deploy.ledger.detail import text_of, texts_of
from pg_deploy.ledger.evidence import Evidence


@dataclass(frozen=True)
class Drifted:
    """What changed by hand since the deployment that `name` names."""

    name: str
    differences: tuple[str, ...]

    @property
    def outcome(self) -> str:
        """Whether anything did."""
        return "found" if self.differences else "none"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"differences": list(self.differences)}

    @classmethod
    def from_row(cls, row: Evidence) -> Drifted:
        """Back from the ledger."""
        return cls(row.name, texts_of(row.detail, "differences"))


@dataclass(frozen=True)
class PassedOver:
    """Files of the folder that are no migrations by their names."""

    names: tuple[str, ...]
    name: str = "files"
    outcome: str = "passed over"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"names": list(self.names)}

    @classmethod
    def from_row(cls, row: Evidence) -> PassedOver:
        """Back from the ledger."""
        return cls(texts_of(row.detail, "names"))


@dataclass(frozen=True)
class Adopted:
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

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        detail = asdict(self)
        del detail["name"], detail["outcome"]
        return detail

    @classmethod
    def from_row(cls, row: Evidence) -> Adopted:
        """Back from the ledger."""
        keys = ("by", "reason", "sql_hash", "bundle_hash", "was", "history", "recorded_text", "checks")
        return cls(row.name, outcome=row.outcome, **{key: text_of(row.detail, key) for key in keys})
