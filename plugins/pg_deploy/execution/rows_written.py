"""The rows that a migration itself wrote, counted by the server within its own transactions, so that other traffic is not in it."""

from __future__ import annotations

from collections.abc import Iterable

from pg_deploy.ledger.kinds.rows_written import Written
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_text

# As pg_stat_xact_user_tables, but without its columns about indexes, which cost more than all the rest.
COUNTS = """select n.nspname || '.' || c.relname, s.inserted, s.updated, s.deleted
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    cross join lateral (select pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid),
        pg_catalog.pg_stat_get_xact_tuples_updated(c.oid), pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid)
    ) s (inserted, updated, deleted)"""
"""The rows of each relation `c` that the open transaction inserted, updated and deleted; a condition may follow."""

_COUNTED = engine_text(f"""{COUNTS}
    where c.relkind in ('r', 'm', 'p')
      and (
        n.nspname <> all (array['deploy_ledger', 'supabase_migrations', 'cron', 'pg_catalog', 'information_schema'])
        or c.oid in ('pg_catalog.pg_largeobject'::regclass, 'pg_catalog.pg_largeobject_metadata'::regclass)
      )
      and s.inserted + s.updated + s.deleted > 0
    order by 1""")


def written_here(connection: Connection) -> tuple[Written, ...]:
    """What the open transaction wrote, triggers, cascades and large objects included. Reads only.

    The numbers may include what the session wrote just before. To avoid that, call
    `transaction_counters.count_from_none` first, or compare two readings by `grown`.
    """
    return tuple(Written(*row) for row in connection.execute(_COUNTED).fetchall())


def grown(before: Iterable[Written], after: Iterable[Written]) -> tuple[Written, ...]:
    """What was written between two readings of one transaction, including what a savepoint took back. Pure."""
    counts_before = {count.table: count for count in before}
    growth = []
    for count in after:
        old = counts_before.get(count.table, Written(count.table, 0, 0, 0))
        more = (count.inserted - old.inserted, count.updated - old.updated, count.deleted - old.deleted)
        if any(more):
            growth.append(Written(count.table, *more))
    return tuple(growth)
