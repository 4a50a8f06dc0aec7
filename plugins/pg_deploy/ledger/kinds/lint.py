"""What the lints found before a migration; what came with it is kept as each `lints.Finding`."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.ledger.evidence import Evidence


@dataclass(frozen=True)
class LintsBefore:
    """The findings that were there before: lint and object of each."""

    keys: tuple[tuple[str, str], ...]
    name: str = "findings there already"

    @property
    def outcome(self) -> str:
        """How many."""
        return str(len(self.keys))

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"keys": [list(key) for key in self.keys]}

    @classmethod
    def from_row(cls, row: Evidence) -> LintsBefore:
        """Back from the ledger."""
        return cls(tuple((key[0], key[1]) for key in row.detail["keys"]))
