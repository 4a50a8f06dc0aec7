"""The queries in a statement, each with what it reads from and under which conditions: the inner ones first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pg_deploy.grammar import ast
from pg_deploy.grammar.nodes import walked
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.parsing.expressions import conjuncts

_QUERIES = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)


@dataclass(frozen=True)
class Level:
    """One query: its own statement, and the WITH queries that it may name."""

    statement: ast.Node
    ctes: tuple[ast.Node, ...] = ()

    @property
    def tables(self) -> tuple[ast.Node, ...]:
        """What its rows come from: FROM, and the table that it writes."""
        statement = self.statement
        if isinstance(statement, ast.SelectStmt):
            return statement.fromClause or ()
        relation = getattr(statement, "relation", None)
        clause = "usingClause" if isinstance(statement, ast.DeleteStmt) else "fromClause"
        others = getattr(statement, clause, None) or ()
        return (relation, *others) if isinstance(relation, ast.Node) else ()

    @property
    def conditions(self) -> tuple[ast.Node, ...]:
        """What WHERE says, of which all must hold."""
        where = getattr(self.statement, "whereClause", None)
        return tuple(conjuncts(where)) if isinstance(where, ast.Node) else ()


def levels_of(text: str) -> tuple[Level, ...]:
    """The queries of a statement. Raises ParseError. Pure."""
    statement = parse_sql(text)[0].stmt
    return tuple(_levels(statement, ())) if isinstance(statement, ast.Node) else ()


def writes(text: str) -> bool:
    """Whether a statement cannot run in a read-only transaction, by its text. Raises ParseError. Pure."""
    return any(
        isinstance(node, (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt))
        or type(node).__name__ in {"MergeStmt", "LockingClause"}
        for node in walked(parse_sql(text))
    )


def own_nodes(statement: ast.Node) -> Iterator[ast.Node]:
    """The nodes of a query, without those of the queries in it."""
    return (node for node in _outer(statement) if not isinstance(node, _QUERIES))


def parts_of(node: object) -> tuple[object, ...]:
    """The members of a list."""
    return node if isinstance(node, tuple) else ()


def _levels(statement: ast.Node, ctes: tuple[ast.Node, ...]) -> Iterator[Level]:
    clause = getattr(statement, "withClause", None)
    for cte in (clause.ctes or ()) if clause else ():
        query = getattr(cte, "ctequery", None)
        if isinstance(query, ast.Node):
            yield from _levels(query, ctes)
        ctes = (*ctes, cte)
    for node in _outer(statement):
        if isinstance(node, _QUERIES):
            yield from _levels(node, ctes)
    yield Level(statement, ctes)


def _outer(statement: ast.Node) -> Iterator[ast.Node]:
    """Its nodes in the order of the text, down to the queries in it, which are among them; without WITH."""
    waiting: list[object] = [getattr(statement, name) for name in reversed(list(statement)) if name != "withClause"]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple | list):
            waiting.extend(reversed(node))
        elif isinstance(node, ast.Node):
            yield node
            if not isinstance(node, _QUERIES):
                waiting.extend(getattr(node, name) for name in reversed(list(node)))
