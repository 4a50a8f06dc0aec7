"""Public buckets: the storage service serves their objects to everybody, and no fact of the catalog says so."""

from __future__ import annotations

from collections.abc import Collection

from pg_deploy.access.facts.access_change import AccessChange
from pg_deploy.postgres.session import Connection

BUCKETS = "storage.buckets"


def find_bucket_changes(old: Connection, new: Connection, written_tables: Collection[str]) -> tuple[AccessChange, ...]:
    """Find the buckets that became public or private, if their table is among `written_tables`. Reads only."""
    if BUCKETS not in written_tables:
        return ()
    before, after = _public_buckets(old), _public_buckets(new)
    if before is None or after is None:
        return ()
    found = []
    for name in sorted(after - before):
        sentence = (
            f'bucket "{name}" is public now: everybody who knows an address reads its objects, whatever policies say'
        )
        found.append(AccessChange("gained", "everybody", BUCKETS, ("select",), sentence))
    for name in sorted(before - after):
        sentence = f'bucket "{name}" is no longer public: its objects are no longer served to everybody'
        found.append(AccessChange("lost", "everybody", BUCKETS, ("select",), sentence))
    return tuple(found)


def _public_buckets(connection: Connection) -> set[str] | None:
    """The names of public buckets; None if the table has no column that says so."""
    row = connection.execute(
        "select exists (select from pg_catalog.pg_attribute where attrelid = to_regclass(%s) and attname = 'public')",
        [BUCKETS],
    ).fetchone()
    if not row or not row[0]:
        return None
    return {name for (name,) in connection.execute("select id::text from storage.buckets where public").fetchall()}
