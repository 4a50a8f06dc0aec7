"""What a migration itself wrote, as its own transactions counted it: the one thing about its data that traffic cannot blur."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from pg_deploy.access.predicates.predicates import Policy
from pg_deploy.access.predicates.reach import Relation
from pg_deploy.access.proof.drilldown import RowDifference
from pg_deploy.grammar import ast
from pg_deploy.ledger.kinds.rows_written import Written
from pg_deploy.parsing.expressions import nodes
from pg_deploy.parsing.syntax import trees_of
from pg_deploy.postgres.quoting import in_quotes


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
    trees = trees_of(sql)
    found: dict[str, set[str]] = {}
    for node in nodes(trees):
        if isinstance(node, (ast.DoStmt, ast.CallStmt)):
            return {}
        if isinstance(node, ast.UpdateStmt) and node.relation is not None:
            name = f"{node.relation.schemaname or 'public'}.{node.relation.relname}"
            found.setdefault(name, set()).update(target.name for target in node.targetList or () if target.name)
    return found
