"""One finding of the lock lint."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LockFinding:
    """One finding: the rule, its level (`error` needs an approval, `warning` is shown), the line (from 1) and what to do."""

    rule: str
    level: str
    line: int
    message: str
    help: str

    @property
    def sentence(self) -> str:
        """The finding as one sentence."""
        return f"line {self.line}: {self.message} ({self.rule})" + (f"; {self.help}" if self.help else "")
