"""What a lint found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong with one object, and what to do about it."""

    name: str
    level: str
    object: str
    detail: str
    remedy: str

    @property
    def outcome(self) -> str:
        """How bad it is, as evidence."""
        return self.level

    def to_detail(self) -> dict[str, Any]:
        """For the ledger."""
        return asdict(self)

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same finding before and after, whatever its detail says."""
        return self.name, self.object

    @property
    def sentence(self) -> str:
        """For people."""
        return f'{self.level}: "{self.object}": {self.detail} ({self.name}); {self.remedy}'
