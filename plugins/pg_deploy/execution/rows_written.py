"""What a migration itself wrote, as its own transactions counted it: the one thing about its data that traffic cannot blur."""

from __future__ import annotations

from collections.abc import Iterable

from pg_deploy.ledger.kinds.rows_written import Written
from pg_deploy.postgres.session import Connection

# What pg_stat_xact_user_tables shows, without its scans of indexes, which cost more than all of this.
COUNTS = """select n.nspname || '.' || c.relname, s.inserted, s.updated, s.deleted
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    cross join lateral (select pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid),
        pg_catalog.pg_stat_get_xact_tuples_updated(c.oid), pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid)
    ) s (inserted, updated, deleted)"""
"""`schema.name`, inserted, updated, deleted of each relation `c`, in the open transaction; a condition follows."""


_COUNTED = f"""{COUNTS}
    where c.relkind in ('r', 'm', 'p')
      and (
        n.nspname <> all (array['deploy_ledger', 'supabase_migrations', 'cron', 'pg_catalog', 'information_schema'])
        or c.oid in ('pg_catalog.pg_largeobject'::regclass, 'pg_catalog.pg_largeobject_metadata'::regclass)
      )
      and s.inserted + s.updated + s.deleted > 0
    order by 1"""


def written_here(connection: Connection) -> tuple[Written, ...]:
    """What the open transaction wrote, triggers, cascades and large objects included; and what its session wrote just before.

    See `execution.counting.count_from_none`, or compare two looks by `grown`. Reads only.
    """
    return tuple(Written(*row) for row in connection.execute(_COUNTED).fetchall())


def grown(before: Iterable[Written], after: Iterable[Written]) -> tuple[Written, ...]:
    """What was written between two looks into one transaction, those of a savepoint that is gone included."""
    was = {each.table: each for each in before}
    found = []
    for each in after:
        old = was.get(each.table, Written(each.table, 0, 0, 0))
        more = (each.inserted - old.inserted, each.updated - old.updated, each.deleted - old.deleted)
        if any(more):
            found.append(Written(each.table, *more))
    return tuple(found)
