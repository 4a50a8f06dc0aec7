"""Reading and rewriting syntax trees. Their types call every field optional: here is what the grammar always sets."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

from pg_deploy.grammar import ast, enums
from pg_deploy.grammar.parser import parse_sql

Node = TypeVar("Node", bound=ast.Node)
Field = TypeVar("Field")


def given(field: Field | None) -> Field:
    """A field that the grammar always sets."""
    if field is None:
        raise ValueError("a tree lacks what the grammar always sets")
    return field


_CLAUSES = (
    "fromClause",
    "whereClause",
    "groupClause",
    "havingClause",
    "limitCount",
    "limitOffset",
    "withClause",
    "valuesLists",
    "distinctClause",
)


def nodes(tree: object) -> Iterator[ast.Node]:
    """Every node of a tree."""
    waiting: list[object] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (tuple, list)):
            waiting.extend(node)
        elif isinstance(node, ast.Node):
            yield node
            waiting.extend(getattr(node, name) for name in node)


def calls(tree: object) -> Iterator[ast.FuncCall]:
    """Every function call in a tree."""
    return (node for node in nodes(tree) if isinstance(node, ast.FuncCall))


def words(parts: Iterable[object] | None) -> tuple[str, ...]:
    """The names of a qualified name."""
    return tuple(str(part.sval) for part in parts or () if isinstance(part, ast.String))


def call_name(call: ast.FuncCall) -> tuple[str, str]:
    """Schema and name of the called function; the schema is empty if none is written."""
    names = words(call.funcname)
    return ("" if len(names) == 1 else names[-2]), names[-1]


def column_names(node: object) -> tuple[str, ...]:
    """The names of `relation.column`; none for a whole row, and for what is no column."""
    fields = node.fields or () if isinstance(node, ast.ColumnRef) else ()
    names = words(fields)
    return names if len(names) == len(fields) else ()


def qualifier(node: object) -> str | None:
    """The first name of a column or a whole row: its relation's where it has two."""
    return next(iter(words((node.fields or ())[:1])), None) if isinstance(node, ast.ColumnRef) else None


def requalified(node: ast.Node, old: str, new: str) -> ast.Node:
    """The node, or its column of another relation where it is one of `old`."""
    if not isinstance(node, ast.ColumnRef) or qualifier(node) != old:
        return node
    return ast.ColumnRef(fields=(ast.String(sval=new), *(node.fields or ())[1:]))


def sides_of(node: object) -> tuple[ast.Node, ast.Node] | None:
    """Both sides of `left = right`, of two values; None for all else."""
    if not isinstance(node, ast.A_Expr) or node.kind != enums.A_Expr_Kind.AEXPR_OP or words(node.name) != ("=",):
        return None
    left, right = node.lexpr, node.rexpr
    return (left, right) if isinstance(left, ast.Node) and isinstance(right, ast.Node) else None


def operands(node: object, operator: enums.BoolExprType) -> tuple[ast.Node, ...]:
    """What an AND, an OR or a NOT connects; nothing where the node is none."""
    return node.args or () if isinstance(node, ast.BoolExpr) and node.boolop == operator else ()


def all_of(conditions: Sequence[ast.Node | None]) -> ast.Node:
    """The condition that all of them hold; those that are None are left out, and without any it is true."""
    wanted = tuple(each for each in conditions if each is not None)
    if not wanted:
        return ast.A_Const(val=ast.Boolean(boolval=True), isnull=False)
    return wanted[0] if len(wanted) == 1 else ast.BoolExpr(boolop=enums.BoolExprType.AND_EXPR, args=wanted)


def conjuncts(node: ast.Node) -> list[ast.Node]:
    """The conditions that must hold all, of an AND in an AND as well."""
    parts = operands(node, enums.BoolExprType.AND_EXPR)
    return [inner for part in parts for inner in conjuncts(part)] if parts else [node]


def called(table: ast.RangeVar) -> str:
    """What a relation is called in its query."""
    return str(table.alias.aliasname if table.alias else table.relname)


def query_of(node: ast.SubLink | ast.RangeSubselect) -> ast.SelectStmt:
    """The query of a sub-select."""
    query = node.subselect if isinstance(node, ast.SubLink) else node.subquery
    if not isinstance(query, ast.SelectStmt):
        raise ValueError("a sub-select is no query")
    return query


def only_value(query: object) -> ast.Node | None:
    """The expression that a query is, without FROM, WHERE or anything else; None where it is more."""
    if not isinstance(query, ast.SelectStmt) or query.op != enums.SetOperation.SETOP_NONE:
        return None
    targets = query.targetList or ()
    is_more = any(getattr(query, clause) for clause in _CLAUSES)
    return targets[0].val if len(targets) == 1 and not is_more else None


def replaced(tree: ast.Node, change: Callable[[ast.Node], ast.Node]) -> ast.Node:
    """The tree with every node put through `change`, from the leaves up; the very same object if nothing changed."""
    return change(replaced_below(tree, change))


def replaced_below(tree: Node, change: Callable[[ast.Node], ast.Node]) -> Node:
    """As `replaced`, but without the node itself."""
    changed: dict[str, object] = {}
    for name in tree:
        value = getattr(tree, name)
        if isinstance(value, ast.Node):
            new: object = replaced(value, change)
            if new is not value:
                changed[name] = new
        elif isinstance(value, tuple):
            items = tuple(replaced(item, change) if isinstance(item, ast.Node) else item for item in value)
            if any(new_item is not item for new_item, item in zip(items, value, strict=True)):
                changed[name] = items
    return with_fields(tree, **changed) if changed else tree


def with_fields(node: Node, /, **fields: object) -> Node:
    """A copy of the node with these fields."""
    fresh = copy.copy(node)
    for name, value in fields.items():
        setattr(fresh, name, value)
    return fresh


@lru_cache(maxsize=4096)
def parse_predicate(text: str) -> ast.Node:
    """The syntax tree of a predicate. It is cached, so nobody may change it in place: `replaced` makes another."""
    statement = parse_sql(f"select where {text}")[0].stmt
    return given(statement.whereClause if isinstance(statement, ast.SelectStmt) else None)
