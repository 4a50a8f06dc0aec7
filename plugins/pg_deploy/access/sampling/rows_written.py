"""What a migration itself wrote, as its own transactions counted it: the one thing about its data that traffic cannot blur."""

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
    """The rows of tables that were there before: nobody could reach those of the others."""
    there = {fact.identity.plain for fact in before.facts if fact.kind == "table"}
    return [each for each in written if each.table in there]


def judge_written_rows(
    written: Sequence[Written],
    sql: str,
    relations: Mapping[str, Relation],
    policies: Sequence[Policy],
    read: Mapping[str, Sequence[str]],
    words: Collection[str],
    facts: tuple[Facts, Facts],
) -> tuple[RowDifference, ...]:
    """Who may reach which rows has changed where a migration deletes rows, or updates what policies rest on.

    `written` is all that it wrote; `facts` are those before and after it. Tables that it made are left out.
    `relations` are those within the API's reach, by name; `read` says for each table which tables' policies look it up,
    `words` are those of all policies and of the functions that they call. An update counts as touching what policies rest
    on unless all that can have set columns is told by the text, and none of them is such.
    """
    columns = ColumnsSet(sql, [each.table for each in written], facts)
    older = _with_ancestors(keep_older_tables(written, facts[0]), columns)
    reading_themselves = _reading_themselves({each.table for each in older if each.updated}, facts)
    found = []
    for each in older:
        relation = relations.get(each.table)
        used_by = [table for table in read.get(each.table, ()) if table != each.table]
        if relation is None and not used_by:
            continue
        on_it = [policy for policy in policies if relation and policy.relation == relation.id]
        named = columns.by_table.get(each.table) if each.updated else None
        by_itself = each.table in reading_themselves
        resting = _resting(on_it, named, words if used_by or by_itself else ())
        why = f"which the policies of {', '.join(used_by[:3])} look up" if used_by else ""
        any_column = why or (
            "which its own policies look up"
            if by_itself
            else "whose policies read whole rows"
            if any(map(_reads_rows, on_it))
            else ""
        )
        if each.deleted:
            reach = why or "which roles of the API can reach"
            found.append(
                _difference(each.table, "lost", f"deletes {each.deleted} rows of {in_quotes(each.table)}, {reach}")
            )
        if each.updated and (resting or (any_column and named is None)):
            on = " and ".join(part for part in (resting and f"whose {', '.join(resting)} policies read", why) if part)
            on = on or any_column
            found.append(
                _difference(each.table, "changed", f"updates {each.updated} rows of {in_quotes(each.table)}, {on}")
            )
    return tuple(found)


def _resting(on_it: Sequence[Policy], named: Collection[str] | None, words: Collection[str]) -> list[str]:
    """Those of the columns named, or of any, that policies of the table read; also those that are among these words."""
    own = {name for policy in on_it for name in policy.columns}
    if named is None:
        return sorted(own)
    every = any(map(_reads_rows, on_it))
    return sorted(name for name in named if every or name in own or name.lower() in words)


def _reads_rows(policy: Policy) -> bool:
    """Whether it reads whole rows, of which the catalog names no column."""
    return any(".*" in (clause or "") for clause in (policy.using, policy.with_check))


def _with_ancestors(written: Iterable[Written], columns: ColumnsSet) -> tuple[Written, ...]:
    """The rows of a partition are counted there; policies are mostly on what it is a part of, which shows them as well."""
    sums: dict[str, Written] = {}
    for each in written:
        for table in (each.table, *sorted(columns.ancestors(each.table))):
            more = Written(table, each.inserted, each.updated, each.deleted)
            sums[table] = sums[table] + more if table in sums else more
    return tuple(sums[table] for table in sorted(sums))


def _reading_themselves(tables: Collection[str], sides: Iterable[Facts]) -> frozenset[str]:
    """Those of the tables whose own policies look them up, as by a function that reads which members there are."""
    return frozenset(
        fact.identity.relation.plain
        for facts in sides
        for fact in facts.facts
        if fact.kind == "policy"
        and fact.identity.relation.plain in tables
        and ("table", fact.identity.relation) in closure_of(facts).of(fact.key)
    )


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
