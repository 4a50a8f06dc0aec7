"""What is not settled: a difference in the closure of something that roles reach, about which no engine says anything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Unsettled:
    """An object about which something is not proved, and why; access.yaml may name it under `unproven`."""

    object: str
    reason: str

    @property
    def sentence(self) -> str:
        """The object and the reason, for people."""
        return f'"{self.object}": not proved, because {self.reason}'
