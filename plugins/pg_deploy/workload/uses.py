"""What a parameter of a statement is for, and the expressions that say so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from pg_deploy.grammar import ast
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.grammar.printer import printed

_KEY = """select (select k.key from pg_catalog.jsonb_object_keys(case pg_catalog.jsonb_typeof(pg_catalog.to_jsonb({0}))
when 'object' then pg_catalog.to_jsonb({0}) else '{{}}' end) as k(key) limit 1)"""


class How(Enum):
    """How a parameter's value must relate to a row's value, for the row to meet the condition."""

    EQUAL = auto()
    OTHER = auto()
    """Another row's value."""
    ELEMENTS = auto()
    """An array of several rows' values."""
    OTHERS = auto()
    ELEMENT = auto()
    """One of the array that the row holds."""
    LOW = auto()
    HIGH = auto()
    PATTERN = auto()
    BEGINNING = auto()
    PART = auto()
    KEY = auto()
    KEYS = auto()
    WORD = auto()
    NEW = auto()
    """What a row gets that is written."""
    NEW_JSON = auto()
    """An object of what a row gets, `of` being the call that makes it."""
    LIMIT = auto()
    OFFSET = auto()


@dataclass(frozen=True)
class Use:
    """One parameter: which value of the level's row it takes, as an expression; `place` counts the rows of one list."""

    number: int
    how: How
    of: ast.Node | None = None
    place: int = 0


def key_of(node: ast.Node) -> ast.Node:
    """An expression: the first key of a JSON object that a node is."""
    return parse_expression(_KEY.format(f"({printed(node)})").removeprefix("select "))


def parse_expression(text: str) -> ast.Node:
    """The tree of an expression."""
    statement = parse_sql(f"select {text}")[0].stmt
    value = (statement.targetList or ())[0].val if isinstance(statement, ast.SelectStmt) else None
    if value is None:
        raise ValueError(f"no expression: {text}")
    return value


def parameter_number(node: object) -> int | None:
    """The number of a parameter, also of one that is cast."""
    while isinstance(node, ast.TypeCast):
        node = node.arg
    return node.number if isinstance(node, ast.ParamRef) else None
