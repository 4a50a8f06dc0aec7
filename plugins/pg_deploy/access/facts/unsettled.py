"""What is not settled: a difference that lies in somebody's closure, and that no engine's claim covers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Unsettled:
    """An object about which something is not proved, and why; access.yaml may name it under `unproven`."""

    object: str
    reason: str

    @property
    def sentence(self) -> str:
        """For people."""
        return f'"{self.object}": not proved, because {self.reason}'
