"""What a migration itself wrote, as its own transactions counted it: the one thing about its data that traffic cannot blur."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from pg_deploy.postgres.session import Connection

WRITTEN = "rows written"
"""The kind of evidence that holds it, one a segment."""


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


@dataclass(frozen=True)
class Written:
    """Rows of one table (`schema.name`) that a transaction inserted, updated and deleted."""

    table: str
    inserted: int
    updated: int
    deleted: int

    @property
    def by_verb(self) -> dict[str, int]:
        """The numbers that are not zero, by "inserted", "updated", "deleted"."""
        numbers = {"inserted": self.inserted, "updated": self.updated, "deleted": self.deleted}
        return {verb: number for verb, number in numbers.items() if number}


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


def as_detail(written: Iterable[Written]) -> dict[str, object]:
    """For the ledger."""
    return {"tables": [asdict(each) for each in written]}


def from_details(details: Iterable[Mapping[str, Sequence[Mapping[str, object]]]]) -> tuple[Written, ...]:
    """The sum of what several as_detail() gave."""
    sums: dict[str, list[int]] = {}
    for detail in details:
        for each in detail["tables"]:
            found = sums.setdefault(str(each["table"]), [0, 0, 0])
            for place, part in enumerate(("inserted", "updated", "deleted")):
                found[place] += int(str(each[part]))
    return tuple(Written(table, *found) for table, found in sorted(sums.items()))
