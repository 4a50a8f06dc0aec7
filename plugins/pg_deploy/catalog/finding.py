"""What a lint found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong with one object, and what to do about it."""

    name: str
    level: str
    object: str
    detail: str
    remedy: str

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same finding before and after, whatever its detail says."""
        return self.name, self.object

    @property
    def sentence(self) -> str:
        """For people."""
        return f'{self.level}: "{self.object}": {self.detail} ({self.name}); {self.remedy}'
