"""Failures of a baseline, one class each."""

from __future__ import annotations

from pg_deploy.errors import PgDeployError


class UnfinishedMigrationError(PgDeployError):
    """The deployment of a migration that is to be adopted broke off."""

    def __init__(self, stem: str, state: str) -> None:
        super().__init__(
            f'"{stem}" was begun by a deployment that did not end (state {state}), so it may be half done; run '
            "deploy_migrations, which goes on with it, or finish it by hand, name it in migrations and set "
            "finished_by_hand to true"
        )


class RolledBackMigrationError(PgDeployError):
    """We rolled back a migration that is to be adopted."""

    def __init__(self, stem: str) -> None:
        super().__init__(
            f'"{stem}" was rolled back by an earlier deployment, so it is not in the database; deploy it, or name it in '
            "migrations if it was applied by hand since"
        )
