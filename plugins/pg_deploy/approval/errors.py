"""Failures of permission, one class each."""

from __future__ import annotations

from collections.abc import Sequence

from pg_deploy.errors import PgDeployError


class NotPermittedError(PgDeployError):
    """The ledger lacks something that must be in it before a run may change anything."""

    def __init__(self, stem: str, lacking: Sequence[str]) -> None:
        super().__init__(
            f'"{stem}" may not be applied by this run: {"; ".join(lacking)}; nothing of it was begun. What Airflow says about a task '
            "does not count; trigger a new run"
        )
