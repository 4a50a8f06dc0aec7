"""Views through which the server writes rows of another relation, by itself: one relation in FROM, and columns of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pg_deploy.catalog.names import unquoted
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError, TooDeepError
from pg_deploy.grammar.parser import parse_sql

Table = tuple[str, str]
"""Schema and name, as the catalog stores them."""


@dataclass(frozen=True)
class WritableView:
    """What a view shows: a relation, and under which names its columns. `filled` are columns with a default of the view's own."""

    table: Table
    columns: Mapping[str, str]
    filled: tuple[str, ...] = ()

    def columns_of(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The relation's columns behind columns of the view."""
        return tuple(self.columns[name] for name in names if name in self.columns)


def writable_views(facts: Facts) -> dict[Table, WritableView]:
    """The views by schema and name. A view with a trigger or rule of its own writes what that says, and is left out. Pure."""
    own_way = {
        table_of(fact)
        for fact in facts.facts
        if fact.kind == "rule"
        or (fact.kind == "trigger" and " INSTEAD OF " in str(fact.properties.get("definition", "")))
    }
    filled: dict[Table, tuple[str, ...]] = {}
    for fact in facts.facts:
        if fact.kind == "column" and fact.properties.get("default"):
            filled[table_of(fact)] = (*filled.get(table_of(fact), ()), fact.identity.plain_name)
    found = {}
    for fact in facts.facts:
        view = table_of(fact)
        if fact.kind == "view" and view not in own_way:
            shown = _read_view(str(fact.properties.get("definition", "")), filled.get(view, ()))
            if shown is not None:
                found[view] = shown
    return found


def table_of(fact: Fact) -> Table:
    """The relation or domain that a column, constraint, policy, … belongs to; a relation itself if the fact is one."""
    of = fact.identity
    return unquoted(of.schema), unquoted(of.parts[1] if len(of.parts) > 1 else "")


def _read_view(definition: str, filled: tuple[str, ...]) -> WritableView | None:
    try:
        (statement,) = parse_sql(definition)
    except (ParseError, TooDeepError, ValueError):
        return None
    query = statement.stmt
    if not isinstance(query, ast.SelectStmt) or len(query.fromClause or ()) != 1:
        return None
    (relation,) = query.fromClause or ()
    if not isinstance(relation, ast.RangeVar) or not relation.schemaname or query.groupClause or query.distinctClause:
        return None
    columns = {}
    for target in query.targetList or ():
        column = getattr(target, "val", None)
        last = (column.fields or (None,))[-1] if isinstance(column, ast.ColumnRef) else None
        if isinstance(last, ast.String):
            name = str(last.sval)
            columns[str(getattr(target, "name", None) or name)] = name
    return WritableView((relation.schemaname, str(relation.relname)), columns, filled)
