"""Every failure that the engine reports on purpose, one class each.

The message of each is one sentence: the object in quotes, what happened, what to do next. The fields hold the same facts
for callers that want to act on them.
"""

from __future__ import annotations


class PgDeployError(Exception):
    """Base of all failures with a message written for the engineer on call."""
