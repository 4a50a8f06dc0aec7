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
class Written:
    """A relation as the statement names it, and what a new row of it gets.

    `columns` are named, None where values are given by place; `width` is how many there are then, None if the text does not tell.
    `left` are the places of which a row says DEFAULT.
    """

    relation: ast.RangeVar
    is_insert: bool
    columns: tuple[str, ...] | None = None
    width: int | None = None
    left: frozenset[int] = frozenset()

    def given(self, positions: tuple[str, ...]) -> tuple[str, ...] | None:
        """The columns that get a value, of a relation with these columns in their order; None if it cannot be told."""
        if self.columns is None and self.width is None:
            return None
        names = positions[: self.width] if self.columns is None else self.columns
        return tuple(name for place, name in enumerate(names) if place not in self.left)

    def found(self, path: str, role: str, relations: Container[tuple[str, str]]) -> tuple[str, str] | None:
        """Which of these relations it is, for a session with this search_path and role."""
        name = str(self.relation.relname)
        if self.relation.schemaname:
            return self.relation.schemaname, name
        schemas = (unquoted(part.strip()) for part in path.split(","))
        places = ((role if schema == "$user" else schema, name) for schema in schemas)
        return next((place for place in places if place in relations), None)


# A text is asked for on behalf of each question about it: thousands of statements, several questions each, after each migration.
@lru_cache(maxsize=8192)
def rows_written(text: str) -> tuple[Written, ...]:
    """What each INSERT, UPDATE and MERGE of a statement writes, those in WITH too. What cannot be read writes nothing."""
    try:
        trees = tuple(each.stmt for each in parse_sql(text))
    except (ParseError, TooDeepError):
        return ()
    return tuple(_written(trees))


def _written(trees: tuple[object, ...]) -> Iterator[Written]:
    for node in nodes(trees):
        relation = getattr(node, "relation", None)
        if not isinstance(relation, ast.RangeVar):
            continue
        if isinstance(node, ast.InsertStmt):
            yield _inserted(node, relation)
        elif isinstance(node, ast.UpdateStmt):
            yield Written(relation, is_insert=False)
        for clause in getattr(node, "mergeWhenClauses", None) or ():
            yield from _merged(clause, relation)


def _inserted(node: ast.InsertStmt, relation: ast.RangeVar) -> Written:
    columns = _names(node.cols) if node.cols else None
    query = node.selectStmt
    if not isinstance(query, ast.SelectStmt):
        return Written(relation, is_insert=True, columns=(), width=0)
    if query.valuesLists:
        rows = [tuple(row) for row in query.valuesLists]
        width = None if _has_star(rows) else len(rows[0])
        return Written(relation, True, columns, width, frozenset[int]().union(*map(_defaults, rows)))
    chosen = tuple(query.targetList or ())
    return Written(relation, True, columns, len(chosen) if chosen and not _has_star(chosen) else None)


def _merged(clause: ast.Node, relation: ast.RangeVar) -> Iterator[Written]:
    command = getattr(getattr(clause, "commandType", None), "name", "")
    if command == "CMD_UPDATE":
        yield Written(relation, is_insert=False)
    elif command == "CMD_INSERT":
        values = tuple(getattr(clause, "values", None) or ())
        named = getattr(clause, "targetList", None)
        columns = _names(named) if named else None
        yield Written(relation, True, columns, len(values), _defaults(values))


def _has_star(values: object) -> bool:
    """Whether a row stands there as a whole, of which the text does not tell how wide it is."""
    return any(isinstance(each, ast.A_Star) for each in nodes(values))


def _names(targets: Iterable[ast.Node]) -> tuple[str, ...]:
    return tuple(str(getattr(each, "name", "")) for each in targets)


def _defaults(row: Iterable[object]) -> frozenset[int]:
    return frozenset(place for place, each in enumerate(row) if type(each).__name__ == "SetToDefault")
