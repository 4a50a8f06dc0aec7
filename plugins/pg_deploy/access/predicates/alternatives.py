"""Splitting a predicate into alternatives: the planner makes joins of an alternative, and none of an OR."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from pg_deploy.access.predicates.predicates import Effective
from pg_deploy.grammar import ast, enums
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import all_of, column_names, operands, parse_predicate, replaced, requalified

MOST_ALTERNATIVES = 24
ROW = "access_proof_row"


@lru_cache(maxsize=4096)
def row_tree(text: str, table: str) -> ast.Node:
    """The tree of a policy's predicate whose own row is called access_proof_row.

    The server qualifies every column inside sub-selects, and gives no inner relation the name of the policy's table. So a
    name that is qualified by the table, or not qualified, is a column of the row.
    """
    return replaced(parse_predicate(text), lambda node: _name_row(node, table))


def _name_row(node: ast.Node, table: str) -> ast.Node:
    names = column_names(node)
    if len(names) == 1:
        return ast.ColumnRef(fields=(ast.String(sval=ROW), ast.String(sval=names[0])))
    return requalified(node, table, ROW) if isinstance(node, ast.ColumnRef) and len(node.fields or ()) == 2 else node


def alternatives_of(effective: Effective, table: str, inlined: Callable[[ast.Node], ast.Node]) -> tuple[str, ...]:
    """The effective predicate as texts: it is true for a row if at least one of them is. Several only if it has ORs.

    Their row is called access_proof_row; `inlined` replaces the helpers that are not to be called for each row.
    """
    if effective.kind != "policies" or not effective.permissive:
        return (effective.text,)
    found = split_into_alternatives(inlined(whole_tree(effective, table)))
    return tuple(dict.fromkeys(printed(alternative) for alternative in found))


def whole_tree(effective: Effective, table: str) -> ast.Node:
    """The effective predicate as one tree."""
    permissive = tuple(row_tree(clause, table) for clause in effective.permissive)
    allowed = (
        permissive[0] if len(permissive) == 1 else ast.BoolExpr(boolop=enums.BoolExprType.OR_EXPR, args=permissive)
    )
    restrictive = tuple(row_tree(clause, table) for clause in effective.restrictive)
    return all_of((allowed, *restrictive))


def split_into_alternatives(node: ast.Node) -> Sequence[ast.Node]:
    """Split a tree into the parts of its disjunctive form; the tree stays whole if it has no OR outside of a NOT."""
    if either := operands(node, enums.BoolExprType.OR_EXPR):
        return [alternative for part in either for alternative in split_into_alternatives(part)]
    products: list[tuple[ast.Node, ...]] = [()]
    for part in operands(node, enums.BoolExprType.AND_EXPR):
        parts = split_into_alternatives(part)
        if len(products) * len(parts) > MOST_ALTERNATIVES:
            parts = [part]
        products = [(*product, alternative) for product in products for alternative in parts]
    if len(products) > 1:
        return [ast.BoolExpr(boolop=enums.BoolExprType.AND_EXPR, args=product) for product in products]
    return [node]
