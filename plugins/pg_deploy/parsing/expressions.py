"""Walking and rewriting the parser's syntax trees."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import lru_cache

from pglast import ast, enums, parse_sql
from pglast.stream import RawStream

_CLAUSES = (
    *(
        "fromClause",
        "whereClause",
        "groupClause",
        "havingClause",
        "limitCount",
        "limitOffset",
        "withClause",
        "valuesLists",
    ),
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


def call_name(call: ast.FuncCall) -> tuple[str, str]:
    """Schema and name of the called function; the schema is empty if none is written."""
    names = [part.sval for part in call.funcname]
    return ("" if len(names) == 1 else names[-2]), names[-1]


def is_equality(node: ast.Node) -> bool:
    """Whether a node is `left = right`, between two values."""
    return (
        isinstance(node, ast.A_Expr)
        and node.kind == enums.A_Expr_Kind.AEXPR_OP
        and [part.sval for part in node.name] == ["="]
    )


def is_bare(body: ast.SelectStmt) -> bool:
    """Whether a query is only one expression, without FROM, WHERE or any other clause."""
    return (
        body.op == enums.SetOperation.SETOP_NONE
        and len(body.targetList or ()) == 1
        and not any(getattr(body, clause) for clause in _CLAUSES)
    )


def replaced(tree: ast.Node, change: Callable[[ast.Node], ast.Node]) -> ast.Node:
    """The tree with every node put through `change`, from the leaves up; the very same object if nothing changed."""
    return change(_with_children_replaced(tree, change))


def _with_children_replaced(tree: ast.Node, change: Callable[[ast.Node], ast.Node]) -> ast.Node:
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
    if not changed:
        return tree
    fresh = copy.copy(tree)
    for name, value in changed.items():
        setattr(fresh, name, value)
    return fresh


@lru_cache(maxsize=4096)
def parse_predicate(text: str) -> ast.Node:
    """The syntax tree of a predicate. It is cached, so nobody may change it in place: `replaced` makes another."""
    statement = parse_sql(f"select where {text}")[0].stmt
    return statement.whereClause


def printed(node: ast.Node) -> str:
    """A syntax tree as SQL."""
    return str(RawStream()(node))
