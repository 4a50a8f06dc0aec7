"""Failures of the pages, one class each."""

from __future__ import annotations

from pg_deploy.errors import PgDeployError


class PageUnreadableError(PgDeployError):
    """A page in the UI could not read its target."""

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(
            f'target "{target}" cannot be read now: {reason}; start the server, mend the network or correct the connection'
        )
