"""What the lints found before a migration; what came with it is kept as each `lints.Finding`."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.ledger.kept_values import Kept


@dataclass(frozen=True)
class LintsBefore(Kept):
    """The findings that were there before: lint and object of each."""

    keys: tuple[tuple[str, str], ...]
    name: str = "findings there already"

    @property
    def outcome(self) -> str:
        """How many."""
        return str(len(self.keys))
