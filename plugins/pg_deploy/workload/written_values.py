"""The parameters that rows are written with: what an insert or an update gives to which column."""

from __future__ import annotations

from collections.abc import Iterator

from pg_deploy.grammar import ast
from pg_deploy.grammar.nodes import walked
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import call_name
from pg_deploy.workload.levels import parts_of
from pg_deploy.workload.uses import How, Use, parameter_number, parse_expression

_FROM_JSON = frozenset({"to_record", "to_recordset", "populate_record", "populate_recordset"})
"""The server's functions that make rows of a JSON value, without `json_` and `jsonb_`."""


def written_values(statement: ast.Node) -> Iterator[Use]:
    """The columns of an insert, and those that an update sets. Pure."""
    if isinstance(statement, ast.InsertStmt) and isinstance(statement.selectStmt, ast.SelectStmt):
        query = statement.selectStmt
        names = [str(each.name) for each in statement.cols or ()]
        targets = tuple(each.val for each in query.targetList or ())
        for place, row in enumerate(query.valuesLists or (targets,)):
            for name, value in zip(names, parts_of(row), strict=False):
                number = parameter_number(value)
                if number is not None:
                    yield Use(number, How.NEW, _column(name), place)
        yield from _json_row(query, names)
    conflict = statement.onConflictClause if isinstance(statement, ast.InsertStmt) else None
    sets = statement.targetList if isinstance(statement, ast.UpdateStmt) else conflict.targetList if conflict else None
    for target in sets or ():
        value = target.val
        if isinstance(value, ast.MultiAssignRef) and isinstance(value.source, ast.RowExpr):
            value = (value.source.args or ())[value.colno - 1]
        number = parameter_number(value)
        if number is not None and target.name:
            yield Use(number, How.NEW, _column(target.name, statement))
    if isinstance(statement, ast.UpdateStmt):
        yield from _json_row(statement.fromClause, [str(each.name) for each in statement.targetList or ()], statement)


def _json_row(tree: object, names: list[str], statement: ast.Node | None = None) -> Iterator[Use]:
    """Rows that are written as one JSON value: `from (select $1 as json_data) …` of PostgREST, `from json_to_recordset($1) …`."""
    for node in walked(tree):
        number, function = None, ""
        if isinstance(node, ast.ResTarget) and node.name == "json_data":
            number = parameter_number(node.val)
        elif isinstance(node, ast.FuncCall):
            function = call_name(node)[1].removeprefix("jsonb_").removeprefix("json_")
            number = parameter_number((node.args or (None,))[-1]) if function in _FROM_JSON else None
        if number is not None and names:
            pairs = (f"'{name.replace(chr(39), chr(39) * 2)}', {printed(_column(name, statement))}" for name in names)
            row = f"pg_catalog.jsonb_build_object({', '.join(pairs)})"
            made = f"pg_catalog.jsonb_build_array({row})" if function.endswith("set") else row
            yield Use(number, How.NEW_JSON, parse_expression(made))


def _column(name: str, statement: ast.Node | None = None) -> ast.Node:
    relation = getattr(statement, "relation", None)
    whose = (
        (ast.String(sval=str(relation.alias.aliasname if relation.alias else relation.relname)),) if relation else ()
    )
    return ast.ColumnRef(fields=(*whose, ast.String(sval=name)))
