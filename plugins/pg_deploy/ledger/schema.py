"""Making the ledger, and knowing whether it is there."""

from __future__ import annotations

import re

from pg_deploy.ledger.errors import LedgerSchemaTakenError, LedgerTooNewError
from pg_deploy.postgres.ledger_name import DEFAULT_LEDGER, own_ledger
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import ENGINE, EngineText, engine_text

_DIRECTORY = ENGINE / "ledger" / "sql"
_LOCK = "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('deploy_ledger revision', 0))"


def exists(connection: Connection) -> bool:
    """Whether the target holds a ledger. Reads only."""
    # Not to_regclass(): a session that looked before remembers that there was none, also after it waited for the lock.
    row = connection.execute(
        engine_text("""select exists (
            select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where n.nspname = 'deploy_ledger' and c.relname = 'revision'
        )""")
    ).fetchone()
    return bool(row and row[0])


def ensure(connection: Connection) -> None:
    """Bring the ledger to the revision of this version of the engine. Commits once; does nothing if it is there.

    Raises LedgerTooNewError if a newer version of the engine wrote it, LedgerSchemaTakenError if the schema holds something else.
    """
    revisions = _revisions()
    newest = max(revisions)
    present = _present(connection) if exists(connection) else 0
    if present == newest:
        return
    if present > newest:
        raise LedgerTooNewError(present, newest, own_ledger(connection))
    with connection.transaction():
        # Two first deployments may come at once: the second finds the work done.
        connection.execute(_LOCK)
        present = _present(connection) if exists(connection) else 0
        if not present:
            _refuse_taken(connection)
        for number in range(present + 1, newest + 1):
            connection.execute(revisions[number])
            connection.execute(engine_text("insert into deploy_ledger.revision (number) values (%s)"), [number])


def _refuse_taken(connection: Connection) -> None:
    """A ledger takes its schema from everybody: where there is something of somebody's, that must not happen."""
    name = own_ledger(connection)
    if name == DEFAULT_LEDGER:
        return
    row = connection.execute(
        """select exists (select from pg_catalog.pg_class where relnamespace = n.oid)
            or exists (select from pg_catalog.pg_proc where pronamespace = n.oid)
            or exists (select from pg_catalog.pg_type where typnamespace = n.oid)
        from pg_catalog.pg_namespace n where n.nspname = %s""",
        [name],
    ).fetchone()
    if row and row[0]:
        raise LedgerSchemaTakenError(name)


def _present(connection: Connection) -> int:
    row = connection.execute(engine_text("select coalesce(max(number), 0) from deploy_ledger.revision")).fetchone()
    return int(row[0]) if row else 0


def _revisions() -> dict[int, EngineText]:
    found = {}
    for path in _DIRECTORY.glob("*.sql"):
        match = re.match(r"(\d{4})_", path.name)
        if match:
            found[int(match[1])] = EngineText(path.read_bytes())
    return found
