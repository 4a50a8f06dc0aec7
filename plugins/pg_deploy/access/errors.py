"""Failures of access, one class each."""

from __future__ import annotations

from pg_deploy.errors import PgDeployError


class NothingToExplainError(PgDeployError):
    """The object or row that is to be explained does not exist."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} was not found, so there is nothing to explain: check the name and the key")
