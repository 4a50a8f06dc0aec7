"""What a run as a whole keeps: what had drifted, what it passed over, what it adopted."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.ledger.kept_values import Kept


@dataclass(frozen=True)
class Drifted(Kept):
    """What changed by hand since the deployment that `name` names."""

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
