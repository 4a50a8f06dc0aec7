"""From which columns of which relations a view's columns come, read from its definition."""

from __future__ import annotations

from collections.abc import Mapping

from pg_deploy.grammar import ast, enums
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.parsing.expressions import call_name, called, column_names, nodes
from pg_deploy.postgres.quoting import quote

Source = tuple[str, str]
"""A relation, quoted, and one of its columns."""


def sources_of_columns(definition: str, *, as_they_are: bool = False) -> Mapping[str, frozenset[Source]]:
    """The sources of each column of a view; a column that may read more than columns of FROM is left out.

    With `as_they_are` all others than columns of FROM are left out.
    """
    select = parse_sql(definition)[0].stmt
    if not isinstance(select, ast.SelectStmt) or select.op != enums.SetOperation.SETOP_NONE or select.withClause:
        return {}
    tables = {
        called(node): quote(node.schemaname, str(node.relname))
        for node in nodes(select.fromClause)
        if isinstance(node, ast.RangeVar) and node.schemaname
    }
    # What a sub-select or a function in FROM shows has no source here.
    found = {}
    for target in select.targetList or ():
        name = target.name or "".join(column_names(target.val)[-1:])
        sources = _sources(target.val, tables)
        if sources is not None and (not as_they_are or isinstance(target.val, ast.ColumnRef)):
            found[name] = sources
    return found


def _sources(expression: object, tables: Mapping[str, str]) -> frozenset[Source] | None:
    found = set()
    for node in nodes(expression):
        if isinstance(node, ast.SubLink) or (isinstance(node, ast.FuncCall) and call_name(node)[0] != ""):
            return None
        if isinstance(node, ast.ColumnRef):
            names = column_names(node)
            if len(names) == 1 and len(tables) == 1:
                names = (*tables, *names)
            if len(names) != 2 or names[0] not in tables:
                return None
            found.add((tables[names[0]], names[1]))
    return frozenset(found)
