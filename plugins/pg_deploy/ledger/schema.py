"""Making the ledger, and knowing whether it is there."""

from __future__ import annotations

import re

from pg_deploy.ledger.errors import LedgerTooNewError
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import ENGINE

_DIRECTORY = ENGINE / "ledger" / "sql"
_LOCK = "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('deploy_ledger revision', 0))"


def exists(connection: Connection) -> bool:
    """Whether the target holds a ledger. Reads only."""
    # Not to_regclass(): a session that looked before remembers that there was none, also after it waited for the lock.
    row = connection.execute(
        """select exists (
            select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where n.nspname = 'deploy_ledger' and c.relname = 'revision'
        )"""
    ).fetchone()
    return bool(row and row[0])


def ensure(connection: Connection) -> None:
    """Bring the ledger to the revision of this version of the engine. Commits once; does nothing if it is there.

    Raises LedgerTooNewError if a newer version of the engine wrote it.
    """
    revisions = _revisions()
    newest = max(revisions)
    present = _present(connection) if exists(connection) else 0
    if present == newest:
        return
    if present > newest:
        raise LedgerTooNewError(present, newest)
    with connection.transaction():
        # Two first deployments may come at once: the second finds the work done.
        connection.execute(_LOCK)
        present = _present(connection) if exists(connection) else 0
        for number in range(present + 1, newest + 1):
            connection.execute(revisions[number])
            connection.execute("insert into deploy_ledger.revision (number) values (%s)", [number])


def _present(connection: Connection) -> int:
    row = connection.execute("select coalesce(max(number), 0) from deploy_ledger.revision").fetchone()
    return int(row[0]) if row else 0


def _revisions() -> dict[int, bytes]:
    found = {}
    for path in _DIRECTORY.glob("*.sql"):
        match = re.match(r"(\d{4})_", path.name)
        if match:
            found[int(match[1])] = path.read_bytes()
    return found
