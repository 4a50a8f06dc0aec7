"""What a check said: of a migration, before it, or at a baseline."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.ledger.kept_values import Kept
from pg_deploy.ledger.word_enum import Word

MOST_ROWS = 100
"""Of more findings than this nobody learns more, and a wrong check on a large table would fill the worker's memory."""


class CheckOutcome(Word):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class CheckResult(Kept):
    """What one check said; `rows` are the first findings as text, `found` counts them, up to one more than MOST_ROWS."""

    row_columns = ()
    name: str
    outcome: CheckOutcome
    seconds: float = 0.0
    found: int = 0
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    error: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether nothing speaks against the migration; a check left for the rehearsal says nothing."""
        return self.outcome in (CheckOutcome.PASSED, CheckOutcome.NOT_RUN)

    @property
    def number(self) -> str:
        """How many it found; in words, if it stopped counting."""
        return f"more than {MOST_ROWS}" if self.found > MOST_ROWS else str(self.found)
