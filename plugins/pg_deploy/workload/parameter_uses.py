"""What the parameters of a statement are compared with, inserted into or set to: by its text alone."""

from __future__ import annotations

from collections.abc import Iterator

from pg_deploy.grammar import ast
from pg_deploy.grammar.nodes import walked
from pg_deploy.workload.compared_values import compared_values
from pg_deploy.workload.levels import Level, own_nodes
from pg_deploy.workload.uses import How, Use, parameter_number
from pg_deploy.workload.written_values import written_values


def uses_of(level: Level) -> tuple[Use, ...]:
    """The uses that are known, the first one of each parameter. Pure."""
    found: dict[int, Use] = {}
    for use in _uses(level.statement):
        found.setdefault(use.number, use)
    return tuple(found.values())


def _uses(statement: ast.Node) -> Iterator[Use]:
    yield from written_values(statement)
    if isinstance(statement, ast.SelectStmt):
        for node, how in ((statement.limitCount, How.LIMIT), (statement.limitOffset, How.OFFSET)):
            number = parameter_number(node)
            if number is not None:
                yield Use(number, how)
    if isinstance(statement, ast.SelectStmt) and statement.havingClause is not None:
        # What it compares are groups: no row has their counts.
        having = {id(node) for node in walked(statement.havingClause)}
    else:
        having = set()
    for node in own_nodes(statement):
        if isinstance(node, ast.A_Expr) and id(node) not in having:
            yield from compared_values(node)
