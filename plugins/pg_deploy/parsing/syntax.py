"""Reading PostgreSQL's syntax trees: small helpers over the parser."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError
from pg_deploy.grammar.nodes import walked
from pg_deploy.grammar.parser import parse_sql


class _Summarized(Protocol):
    @property
    def line(self) -> int: ...
    @property
    def summary(self) -> str: ...


class SplitStatement(_Summarized, Protocol):
    """One of the statements that a file was split into."""

    @property
    def brief(self) -> str: ...


class SqlStatement(_Summarized, Protocol):
    """One statement of a migration, without its bulk, and with the name of its file."""

    @property
    def file(self) -> str: ...
    @property
    def sql(self) -> str: ...


@dataclass(frozen=True)
class FileStatement:
    """A statement without its bulk, and the file that it stands in. The readers of preflight take these."""

    file: str
    sql: str
    line: int
    summary: str


def in_file(file: str, statements: Iterable[SplitStatement]) -> tuple[FileStatement, ...]:
    """The statements of a file, each with the file's name."""
    return tuple(FileStatement(file, statement.brief, statement.line, statement.summary) for statement in statements)


def trees_of(sql: str) -> tuple[Any, ...]:
    """The syntax trees of `sql`; empty if it does not parse: another check reports that."""
    try:
        return tuple(raw.stmt for raw in parse_sql(sql))
    except ParseError:
        return ()


def name_parts(node: Any) -> tuple[str, ...]:
    """The parts of the name that a node holds, whatever its kind; empty if it holds none."""
    kind = type(node).__name__
    if kind == "String":
        return (node.sval,)
    if kind == "RangeVar":
        return (node.schemaname, node.relname) if node.schemaname else (node.relname,)
    if kind == "ObjectWithArgs":
        return name_parts(node.objname)
    if kind == "TypeName":
        return name_parts(node.names)
    if isinstance(node, tuple):
        return tuple(part.sval for part in node if isinstance(part, ast.String) and part.sval is not None)
    return ()


def relations_calls_ctes(node: Any) -> tuple[list[Any], list[Any], set[str]]:
    """What stands in a tree: the relations that it names, its function calls, and the names of its CTEs."""
    relations: list[Any] = []
    calls: list[Any] = []
    ctes: set[str] = set()
    for each in walked(node):
        if isinstance(each, ast.RangeVar):
            relations.append(each)
        elif isinstance(each, ast.FuncCall):
            calls.append(each)
        elif isinstance(each, ast.CommonTableExpr):
            ctes.add(str(each.ctename))
    return relations, calls, ctes
