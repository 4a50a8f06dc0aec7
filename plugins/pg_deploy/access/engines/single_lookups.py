"""Recognising a predicate that is one look-up of the row's column in another table, by a column of that table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pg_deploy.access.predicates.alternatives import ROW
from pg_deploy.grammar import ast, enums
from pg_deploy.parsing.expressions import (
    all_of,
    called,
    column_names,
    conjuncts,
    given,
    nodes,
    qualifier,
    query_of,
    sides_of,
    words,
)

_REFUSED = (
    "groupClause",
    "havingClause",
    "withClause",
    "valuesLists",
    "windowClause",
    "distinctClause",
    "limitCount",
    "limitOffset",
    "lockingClause",
    "intoClause",
)


@dataclass(frozen=True)
class Lookup:
    """True if a row of `schema.table`, called `alias`, has the row's `column` as its `key` and fulfils `condition`.

    `reads` holds the columns of that table that the condition names; the condition never names the row itself.
    """

    column: str
    schema: str
    table: str
    alias: str
    key: str
    condition: ast.Node
    reads: frozenset[str]


def find_lookup(predicate: ast.Node) -> Lookup | None:
    """The look-up that a predicate is, perhaps along with conditions that do not name the row; None for all else."""
    parts = conjuncts(predicate)
    of_row = [part for part in parts if _names(part, ROW)]
    if len(of_row) != 1 or not isinstance(link := of_row[0], ast.SubLink) or not _is_plain(select := query_of(link)):
        return None
    tables, conditions = _sources(select.fromClause or ())
    conditions += conjuncts(select.whereClause) if select.whereClause else []
    pair = _membership(link) if link.subLinkType == enums.SubLinkType.ANY_SUBLINK else _existence(link, conditions)
    if pair is None or tables is None:
        return None
    column, (alias, key) = pair
    conditions = [part for part in conditions if not _names(part, ROW)]
    table = next((each for each in tables if called(each) == alias), None)
    others = tuple(each for each in tables if each is not table)
    references = [node for node in nodes(conditions) if isinstance(node, ast.ColumnRef)]
    if table is None or not table.schemaname or not table.relname or not all(_reference(node) for node in references):
        return None
    inner = all_of(conditions)
    if others:
        rest = ast.SelectStmt(fromClause=others, whereClause=inner, op=enums.SetOperation.SETOP_NONE)
        inner = ast.SubLink(subLinkType=enums.SubLinkType.EXISTS_SUBLINK, subselect=rest)
    outside = [part for part in parts if part is not link]
    reads = frozenset(found[1] for node in references if (found := _reference(node)) and found[0] == alias)
    return Lookup(column, table.schemaname, table.relname, alias, key, all_of([inner, *outside]), reads)


def _membership(link: ast.SubLink) -> tuple[str, tuple[str, str]] | None:
    """`row.column in (select t.key from …)`."""
    if link.operName and words(link.operName) != ("=",):
        return None
    left = _reference(link.testexpr)
    targets = query_of(link).targetList or ()
    right = _reference(targets[0].val) if len(targets) == 1 else None
    if left is None or right is None or left[0] != ROW or _names(link.subselect, ROW):
        return None
    return left[1], right


def _existence(link: ast.SubLink, conditions: Sequence[ast.Node]) -> tuple[str, tuple[str, str]] | None:
    """`exists (select from … where t.key = row.column and …)`; columns of the sub-select are never computed."""
    targets = [target.val for target in query_of(link).targetList or ()]
    of_row = [part for part in conditions if _names(part, ROW)]
    if (
        link.subLinkType != enums.SubLinkType.EXISTS_SUBLINK
        or not all(isinstance(target, (ast.A_Const, ast.ColumnRef)) for target in targets)
        or len(of_row) != 1
    ):
        return None
    sides = [_reference(side) for side in sides_of(of_row[0]) or ()]
    for one, other in (sides, sides[::-1]) if sides else ():
        if one and other and one[0] == ROW and other[0] != ROW:
            return one[1], other
    return None


def _is_plain(select: ast.SelectStmt) -> bool:
    return select.op == enums.SetOperation.SETOP_NONE and not any(getattr(select, part) for part in _REFUSED)


def _sources(items: Sequence[ast.Node]) -> tuple[list[ast.RangeVar] | None, list[ast.Node]]:
    """The tables of a FROM of tables and plain inner joins, and the joins' conditions; no tables where it is anything else."""
    tables: list[ast.RangeVar] = []
    conditions: list[ast.Node] = []
    waiting = list(items)
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, ast.RangeVar) and not (item.alias and item.alias.colnames):
            tables.append(item)
        elif (
            isinstance(item, ast.JoinExpr)
            and item.jointype == enums.JoinType.JOIN_INNER
            and not (item.usingClause or item.isNatural or item.alias)
        ):
            waiting[:0] = (given(item.larg), given(item.rarg))
            conditions += conjuncts(item.quals) if item.quals else []
        else:
            return None, []
    return tables, conditions


def _reference(node: ast.Node | None) -> tuple[str, str] | None:
    """The relation and the column of `relation.column`, or None for all else."""
    names = column_names(node)
    return (names[0], names[1]) if len(names) == 2 else None


def _names(tree: object, relation: str) -> bool:
    """Whether a tree names a column of `relation`, or it as a whole."""
    return any(qualifier(node) == relation for node in nodes(tree))
