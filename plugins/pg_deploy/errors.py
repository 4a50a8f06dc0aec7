"""Every failure that the engine reports on purpose, one class each.

The message of each is one sentence: the object in quotes, what happened, what to do next. The fields hold the same facts
for callers that want to act on them.
"""

from __future__ import annotations


class PgDeployError(Exception):
    """Base of all failures with a message written for the engineer on call."""


class NewMigrationRefused(PgDeployError):
    """The scaffold would not write a new migration and left nothing: `name` is what was asked, `reason` why not."""

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(f'"{name}" {reason}: {remedy}.')
        self.name = name
        self.reason = reason
