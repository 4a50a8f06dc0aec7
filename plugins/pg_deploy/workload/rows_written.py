"""The rows that a statement writes, read from its text: into which table, and which of the columns get a value."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from pg_deploy.catalog.names import unquoted
from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError, TooDeepError
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.parsing.expressions import nodes


@dataclass(frozen=True)
class WrittenRow:
    """A relation as the statement names it, and what a new row of it gets.

    `columns` are named, None where values are given by place; `width` is how many there are then, None if the text does not tell.
    `defaulted` are the places for which a row says DEFAULT.
    """

    relation: ast.RangeVar
    is_insert: bool
    columns: tuple[str, ...] | None = None
    width: int | None = None
    defaulted: frozenset[int] = frozenset()

    def given_columns(self, all_columns: tuple[str, ...]) -> tuple[str, ...] | None:
        """The columns that get a value, of a relation with these columns in their order; None if it cannot be told."""
        if self.columns is None and self.width is None:
            return None
        names = all_columns[: self.width] if self.columns is None else self.columns
        return tuple(name for place, name in enumerate(names) if place not in self.defaulted)

    def find_relation(self, path: str, role: str, relations: Container[tuple[str, str]]) -> tuple[str, str] | None:
        """Which of these relations it is, for a session with this search_path and role."""
        name = str(self.relation.relname)
        if self.relation.schemaname:
            return self.relation.schemaname, name
        schemas = (unquoted(part.strip()) for part in path.split(","))
        places = ((role if schema == "$user" else schema, name) for schema in schemas)
        return next((place for place in places if place in relations), None)


# A text is asked for on behalf of each question about it: thousands of statements, several questions each, after each migration.
@lru_cache(maxsize=8192)
def rows_written(text: str) -> tuple[WrittenRow, ...]:
    """What each INSERT, UPDATE and MERGE of a statement writes, those in WITH too. What cannot be read writes nothing."""
    try:
        trees = tuple(each.stmt for each in parse_sql(text))
    except (ParseError, TooDeepError):
        return ()
    return tuple(_written(trees))


def _written(trees: tuple[object, ...]) -> Iterator[WrittenRow]:
    for node in nodes(trees):
        relation = getattr(node, "relation", None)
        if not isinstance(relation, ast.RangeVar):
            continue
        if isinstance(node, ast.InsertStmt):
            yield _inserted(node, relation)
        elif isinstance(node, ast.UpdateStmt):
            yield WrittenRow(relation, is_insert=False)
        for clause in getattr(node, "mergeWhenClauses", None) or ():
            yield from _merged(clause, relation)


def _inserted(node: ast.InsertStmt, relation: ast.RangeVar) -> WrittenRow:
    columns = _names(node.cols) if node.cols else None
    query = node.selectStmt
    if not isinstance(query, ast.SelectStmt):
        return WrittenRow(relation, is_insert=True, columns=(), width=0)
    if query.valuesLists:
        rows = [tuple(row) for row in query.valuesLists]
        width = None if _has_star(rows) else len(rows[0])
        return WrittenRow(relation, True, columns, width, frozenset[int]().union(*map(_defaulted_places, rows)))
    chosen = tuple(query.targetList or ())
    return WrittenRow(relation, True, columns, len(chosen) if chosen and not _has_star(chosen) else None)


def _merged(clause: ast.Node, relation: ast.RangeVar) -> Iterator[WrittenRow]:
    command = getattr(getattr(clause, "commandType", None), "name", "")
    if command == "CMD_UPDATE":
        yield WrittenRow(relation, is_insert=False)
    elif command == "CMD_INSERT":
        values = tuple(getattr(clause, "values", None) or ())
        named = getattr(clause, "targetList", None)
        columns = _names(named) if named else None
        yield WrittenRow(relation, True, columns, len(values), _defaulted_places(values))


def _has_star(values: object) -> bool:
    """Whether a row stands there as a whole, of which the text does not tell how wide it is."""
    return any(isinstance(each, ast.A_Star) for each in nodes(values))


def _names(targets: Iterable[ast.Node]) -> tuple[str, ...]:
    return tuple(str(getattr(each, "name", "")) for each in targets)


def _defaulted_places(row: Iterable[object]) -> frozenset[int]:
    return frozenset(place for place, each in enumerate(row) if type(each).__name__ == "SetToDefault")
