"""Who may be affected by the rows that a migration wrote: its own transactions counted them, so traffic does not blur this."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from pg_deploy.access.predicates.predicates import Policy
from pg_deploy.access.predicates.reach import Relation
from pg_deploy.access.proof.drilldown import RowDifference
from pg_deploy.access.sampling.columns_set import ColumnsSet
from pg_deploy.catalog.dependencies import closure_of
from pg_deploy.catalog.reader import Facts
from pg_deploy.ledger.kinds.rows_written import Written
from pg_deploy.postgres.quoting import in_quotes


def keep_older_tables(written: Iterable[Written], before: Facts) -> list[Written]:
    """Keep what was written to tables that were there before: nobody could reach rows of the others."""
    older = {fact.identity.plain for fact in before.facts if fact.kind == "table"}
    return [each for each in written if each.table in older]


def judge_written_rows(
    written: Sequence[Written],
    sql: str,
    relations: Mapping[str, Relation],
    policies: Sequence[Policy],
    looked_up_by: Mapping[str, Sequence[str]],
    words: Collection[str],
    facts: tuple[Facts, Facts],
) -> tuple[RowDifference, ...]:
    """Judge whether access changes because a migration deletes rows, or updates columns that policies read.

    `written` is all that it wrote; `facts` are those before and after it. Tables that it made are left out.
    `relations` are those within the API's reach, by name; `looked_up_by` says for each table which tables' policies look it
    up; `words` are those of all policies and of the functions that they call. An update counts unless the text of the
    migration tells all columns that can have been set, and policies read none of them.
    """
    columns = ColumnsSet(sql, [each.table for each in written], facts)
    older = _with_ancestors(keep_older_tables(written, facts[0]), columns)
    looked_up_by_own = _looked_up_by_own_policies({each.table for each in older if each.updated}, facts)
    found = []
    for each in older:
        relation = relations.get(each.table)
        used_by = [table for table in looked_up_by.get(each.table, ()) if table != each.table]
        if relation is None and not used_by:
            continue
        own_policies = [policy for policy in policies if relation and policy.relation == relation.id]
        columns_set = columns.by_table.get(each.table) if each.updated else None
        by_itself = each.table in looked_up_by_own
        read_columns = _read_columns(own_policies, columns_set, words if used_by or by_itself else ())
        why = f"which the policies of {', '.join(used_by[:3])} look up" if used_by else ""
        why_any_column = why or (
            "which its own policies look up"
            if by_itself
            else "whose policies read whole rows"
            if any(map(_reads_rows, own_policies))
            else ""
        )
        if each.deleted:
            reach = why or "which roles of the API can reach"
            found.append(
                _difference(each.table, "lost", f"deletes {each.deleted} rows of {in_quotes(each.table)}, {reach}")
            )
        if each.updated and (read_columns or (why_any_column and columns_set is None)):
            reasons = (read_columns and f"whose {', '.join(read_columns)} policies read", why)
            reason = " and ".join(part for part in reasons if part) or why_any_column
            found.append(
                _difference(each.table, "changed", f"updates {each.updated} rows of {in_quotes(each.table)}, {reason}")
            )
    return tuple(found)


def _read_columns(
    own_policies: Sequence[Policy], columns_set: Collection[str] | None, words: Collection[str]
) -> list[str]:
    """The columns set that policies of the table read, or that are among these words; if None, all that the policies read."""
    own = {name for policy in own_policies for name in policy.columns}
    if columns_set is None:
        return sorted(own)
    every = any(map(_reads_rows, own_policies))
    return sorted(name for name in columns_set if every or name in own or name.lower() in words)


def _reads_rows(policy: Policy) -> bool:
    """Whether a policy reads whole rows: the catalog then names no columns."""
    return any(".*" in (clause or "") for clause in (policy.using, policy.with_check))


def _with_ancestors(written: Iterable[Written], columns: ColumnsSet) -> tuple[Written, ...]:
    """Add what was written to a partition to its ancestors as well: they show its rows, and mostly have the policies."""
    sums: dict[str, Written] = {}
    for each in written:
        for table in (each.table, *sorted(columns.ancestors(each.table))):
            more = Written(table, each.inserted, each.updated, each.deleted)
            sums[table] = sums[table] + more if table in sums else more
    return tuple(sums[table] for table in sorted(sums))


def _looked_up_by_own_policies(tables: Collection[str], sides: Iterable[Facts]) -> frozenset[str]:
    """The tables among these that their own policies look up, as by a function that reads which members there are."""
    return frozenset(
        fact.identity.relation.plain
        for facts in sides
        for fact in facts.facts
        if fact.kind == "policy"
        and fact.identity.relation.plain in tables
        and ("table", fact.identity.relation) in closure_of(facts).of(fact.key)
    )


def _difference(table: str, direction: str, what: str) -> RowDifference:
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
        sentence=f"the migration {what}: who can reach them differs from before, and only a rehearsal can say for whom",
    )
