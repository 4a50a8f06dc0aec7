"""What the SQL inside a PL/pgSQL body reads, returns, and puts into variables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError, PrintError, TooDeepError
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import nodes
from pg_deploy.workload.plpgsql_text import Words

_TEMPORARY = re.compile(
    r"""create\s+(?:(?:global|local)\s+)?temp(?:orary)?\s+(?:table|view|sequence)\s+(?:if\s+not\s+exists\s+)?("[^"]+"|[\w$.]+)""",
    re.IGNORECASE,
)
_WORD = re.compile(r'"[^"]+"|[\w$]+')
QUERIES = ("select", "with", "values", "table", "(")
CHANGES = ("insert", "update", "delete", "merge")


def temporary_names(source: str) -> frozenset[str]:
    """The tables that a body makes for itself, also by a text that it executes: nobody else can tell what is in them."""
    return frozenset(name.lower().rpartition(".")[2].strip('"') for name in _TEMPORARY.findall(source))


def names_any(text: str, names: frozenset[str]) -> bool:
    """Whether one of these names is a word of the text."""
    return not names.isdisjoint(word.strip('"').lower() for word in _WORD.findall(text))


def into_of(words: Words) -> tuple[int, int]:
    """Where INTO and the variables behind it begin and end; the same place twice if there is none."""
    place = words.place_of(["into"])
    while place is not None and words.lower[place - 1] in ("insert", "merge"):
        place = words.place_of(["into"], place + 1)
    if place is None:
        return 0, 0
    end = place + 1 + (words.lower[place + 1 : place + 2] == ("strict",))
    while True:
        end += 1
        if words.lower[end : end + 1] not in ((".",), (",",)):
            return place, end
        end += 1


def rows_of(text: str) -> str:
    """A query with the columns of what a statement returns, that itself writes nothing; "" where it cannot be told."""
    if text.split(maxsplit=1)[0].lower() not in CHANGES:
        return text
    try:
        statement = parse_sql(text)[0].stmt
    except ParseError:
        return ""
    clause = getattr(statement, "returningClause", None)
    relation = getattr(statement, "relation", None)
    if clause is None or relation is None:
        return ""
    beside = getattr(statement, "fromClause", None) or getattr(statement, "usingClause", None) or ()
    try:
        return printed(ast.SelectStmt(targetList=clause.exprs, fromClause=(relation, *beside)))
    except (PrintError, TooDeepError):
        return ""


def relations_of(text: str) -> Iterator[str]:
    """The relations that a statement names."""
    try:
        tree = parse_sql(text)
    except ParseError:
        return
    for node in nodes(tree):
        if isinstance(node, ast.RangeVar):
            yield printed(
                ast.ColumnRef(fields=tuple(ast.String(sval=name) for name in (node.schemaname, node.relname) if name))
            )


def targets_of(words: Words) -> Words:
    """The variables behind INTO."""
    return words[1:] if words.lower[:1] == ("strict",) else words
