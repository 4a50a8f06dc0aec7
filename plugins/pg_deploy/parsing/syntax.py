"""Reading PostgreSQL's syntax trees: small helpers over the parser."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from pglast import ast, parse_sql
from pglast.parser import ParseError
from pglast.visitors import Visitor


class _Told(Protocol):
    @property
    def line(self) -> int: ...
    @property
    def summary(self) -> str: ...


class Split(_Told, Protocol):
    """One statement as a file is cut into them."""

    @property
    def brief(self) -> str: ...


class SqlStatement(_Told, Protocol):
    """One statement of a migration, without its bulk, and with the name of its file."""

    @property
    def file(self) -> str: ...
    @property
    def sql(self) -> str: ...


@dataclass(frozen=True)
class FileStatement:
    """A statement, without its bulk, and the file it stands in: what preflight's readers take."""

    file: str
    sql: str
    line: int
    summary: str


def in_file(file: str, statements: Iterable[Split]) -> tuple[FileStatement, ...]:
    """`statements`, as a file was cut into them, with the file's name put to each."""
    return tuple(FileStatement(file, each.brief, each.line, each.summary) for each in statements)


def parsed(sql: str) -> tuple[Any, ...]:
    """The syntax trees of `sql`; empty when it does not parse: that is another check's to report."""
    try:
        return tuple(raw.stmt for raw in parse_sql(sql))
    except ParseError:
        return ()


def names(each: Any) -> tuple[str, ...]:
    """The parts of a name, whatever kind of node holds them; empty when it holds none."""
    kind = type(each).__name__
    if kind == "String":
        return (each.sval,)
    if kind == "RangeVar":
        return (each.schemaname, each.relname) if each.schemaname else (each.relname,)
    if kind == "ObjectWithArgs":
        return names(each.objname)
    if kind == "TypeName":
        return names(each.names)
    if isinstance(each, tuple):
        return tuple(part.sval for part in each if isinstance(part, ast.String) and part.sval is not None)
    return ()


class _Finder(Visitor):
    def __init__(self) -> None:
        self.relations: list[Any] = []
        self.calls: list[Any] = []
        self.made: set[str] = set()

    def visit_RangeVar(self, _: Any, node: Any) -> None:
        self.relations.append(node)

    def visit_FuncCall(self, _: Any, node: Any) -> None:
        self.calls.append(node)

    def visit_CommonTableExpr(self, _: Any, node: Any) -> None:
        self.made.add(node.ctename)


def found(node: Any) -> tuple[list[Any], list[Any], set[str]]:
    """The relations named in `node`, the functions it calls, and the names its CTEs make."""
    finder = _Finder()
    finder(node)
    return finder.relations, finder.calls, finder.made
