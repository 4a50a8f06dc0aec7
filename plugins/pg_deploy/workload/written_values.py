"""The parameters that rows are written with: what an insert or an update gives to which column."""

from __future__ import annotations

from collections.abc import Iterator

from pg_deploy.grammar import ast
from pg_deploy.grammar.nodes import walked
from pg_deploy.grammar.printer import printed
from pg_deploy.workload.levels import parts_of
from pg_deploy.workload.uses import How, Use, expression, parameter


def written_values(statement: ast.Node) -> Iterator[Use]:
    """The columns of an insert, and those that an update sets. Pure."""
    if isinstance(statement, ast.InsertStmt) and isinstance(statement.selectStmt, ast.SelectStmt):
        query = statement.selectStmt
        names = [str(each.name) for each in statement.cols or ()]
        targets = tuple(each.val for each in query.targetList or ())
        for place, row in enumerate(query.valuesLists or (targets,)):
            for name, value in zip(names, parts_of(row), strict=False):
                number = parameter(value)
                if number is not None:
                    yield Use(number, How.NEW, _column(name), place)
        yield from _json_row(query, names)
    conflict = statement.onConflictClause if isinstance(statement, ast.InsertStmt) else None
    sets = statement.targetList if isinstance(statement, ast.UpdateStmt) else conflict.targetList if conflict else None
    for target in sets or ():
        value = target.val
        if isinstance(value, ast.MultiAssignRef) and isinstance(value.source, ast.RowExpr):
            value = (value.source.args or ())[value.colno - 1]
        number = parameter(value)
        if number is not None and target.name:
            yield Use(number, How.NEW, _column(target.name, statement))
    if isinstance(statement, ast.UpdateStmt):
        yield from _json_row(statement.fromClause, [str(each.name) for each in statement.targetList or ()], statement)


def _json_row(tree: object, names: list[str], statement: ast.Node | None = None) -> Iterator[Use]:
    """PostgREST hands over what it writes as one JSON value: `from (select $1 as json_data) …`."""
    for node in walked(tree):
        number = parameter(node.val) if isinstance(node, ast.ResTarget) and node.name == "json_data" else None
        if number is not None and names:
            pairs = (f"'{name.replace(chr(39), chr(39) * 2)}', {printed(_column(name, statement))}" for name in names)
            yield Use(number, How.NEW_JSON, expression(f"pg_catalog.jsonb_build_object({', '.join(pairs)})"))


def _column(name: str, statement: ast.Node | None = None) -> ast.Node:
    relation = getattr(statement, "relation", None)
    whose = (
        (ast.String(sval=str(relation.alias.aliasname if relation.alias else relation.relname)),) if relation else ()
    )
    return ast.ColumnRef(fields=(*whose, ast.String(sval=name)))
