"""Failures of reading the catalog, one class each."""

from __future__ import annotations

from pg_deploy.errors import PgDeployError


class CatalogTransactionError(PgDeployError):
    """The connection's transaction is not in the state that the reader of the catalog needs."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(
            f'the catalog of this connection cannot be read: its transaction status is "{found}" where "{expected}" is '
            "needed; end the open transaction, or read inside it with read_facts_in_transaction"
        )


class CatalogMovedError(PgDeployError):
    """Objects kept disappearing while the catalog was read: somebody else is changing the schema."""

    def __init__(self, attempts: int, reason: str) -> None:
        super().__init__(
            f'the catalog changed under each of "{attempts}" attempts to read it ({reason}); wait until nobody else is '
            "changing the schema, then run this task again"
        )
