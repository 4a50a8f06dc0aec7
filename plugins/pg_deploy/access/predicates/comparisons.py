"""Which column of a row a predicate compares with which constants: a witness for one column is none for another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pg_deploy.catalog.names import parsed
from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import call_name, calls, nodes, parse_predicate, words


def conditions_by_column(text: str, table: str, bodies: Sequence[str]) -> Mapping[str, list[str]]:
    """By column of `table`: the conditions that name it; and `bodies` if a condition hands it to a function that is not the server's."""
    name = parsed("table", table).plain_name
    found: dict[str, list[str]] = {}
    try:
        leaves = list(_leaves(parse_predicate(text)))
    except ParseError:
        return {}
    for leaf in leaves:
        texts = [printed(leaf)]
        if any(call_name(call)[0] not in ("", "pg_catalog") and _columns(call.args, name) for call in calls(leaf)):
            texts += bodies
        for column in _columns(leaf, name):
            found.setdefault(column, []).extend(texts)
    return found


def _leaves(node: Any) -> Iterator[Any]:
    """The conditions that AND, OR and NOT connect, those inside a sub-select included."""
    if isinstance(node, ast.BoolExpr):
        for part in node.args or ():
            yield from _leaves(part)
    elif isinstance(node, ast.SubLink):
        if node.testexpr is not None:
            yield node.testexpr
        where = getattr(node.subselect, "whereClause", None)
        if where is not None:
            yield from _leaves(where)
    else:
        yield node


def _columns(leaf: Any, table: str) -> set[str]:
    found = set()
    for node in nodes(leaf):
        if isinstance(node, ast.ColumnRef):
            names = words(node.fields)
            if len(names) == 1 or (len(names) == 2 and names[0] == table):
                found.add(names[-1])
    return found
