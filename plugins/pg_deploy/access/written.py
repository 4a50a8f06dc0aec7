"""What a migration itself wrote, as its own transactions counted it: the one thing about its data that traffic cannot blur."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from pglast import ast

from pg_deploy.access.drilldown import RowDifference
from pg_deploy.access.predicates import Policy
from pg_deploy.access.reach import Relation
from pg_deploy.access.text import in_quotes
from pg_deploy.access.trees import nodes
from pg_deploy.parsing.syntax import parsed
from pg_deploy.session import Connection

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


def written_differences(
    written: Iterable[Written],
    sql: str,
    relations: Mapping[str, Relation],
    policies: Sequence[Policy],
    read: Mapping[str, Sequence[str]],
    words: Collection[str],
) -> tuple[RowDifference, ...]:
    """Who may reach which rows has changed where a migration deletes rows, or updates what policies rest on.

    `relations` are those within the API's reach, by name; `read` says for each table which tables' policies look it up,
    `words` are those of all policies and of the functions that they call. An update counts as touching what policies rest
    on unless its text names its columns, and none of them is such.
    """
    columns = _updated_columns(sql)
    found = []
    for each in written:
        relation = relations.get(each.table)
        used_by = [table for table in read.get(each.table, ()) if table != each.table]
        if relation is None and not used_by:
            continue
        own = {name for policy in policies if relation and policy.relation == relation.id for name in policy.columns}
        named = columns.get(each.table)
        resting = sorted(own if named is None else named & (own | set(words) if used_by else own))
        why = f"which the policies of {', '.join(used_by[:3])} look up" if used_by else ""
        if each.deleted:
            reach = why or "which roles of the API can reach"
            found.append(
                _difference(each.table, "lost", f"deletes {each.deleted} rows of {in_quotes(each.table)}, {reach}")
            )
        if each.updated and (resting or (used_by and named is None)):
            on = " and ".join(part for part in (resting and f"whose {', '.join(resting)} policies read", why) if part)
            found.append(
                _difference(each.table, "changed", f"updates {each.updated} rows of {in_quotes(each.table)}, {on}")
            )
    return tuple(found)


def _difference(table: str, direction: str, said: str) -> RowDifference:
    return RowDifference(
        table=table,
        role="every role",
        commands=("select", "update", "delete"),
        direction=direction,
        subjects=(),
        how_many=0,
        rows=0,
        keys=(),
        because=(),
        sentence=f"the migration {said}: who can reach them differs from before, and only a rehearsal can say for whom",
    )


def _updated_columns(sql: str) -> dict[str, set[str]]:
    """The columns that the updates of a text set, by table; without tables that code of the text could write unseen."""
    trees = parsed(sql)
    found: dict[str, set[str]] = {}
    for node in nodes(trees):
        if isinstance(node, (ast.DoStmt, ast.CallStmt)):
            return {}
        if isinstance(node, ast.UpdateStmt) and node.relation is not None:
            name = f"{node.relation.schemaname or 'public'}.{node.relation.relname}"
            found.setdefault(name, set()).update(target.name for target in node.targetList or () if target.name)
    return found
