"""Which recorded statements name an object. If that cannot be told, a statement counts as one that does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.ledger.kinds.workload import RecordedStatement
from pg_deploy.parsing.expressions import call_name, called, nodes, words

_ROUTINES = ("function", "procedure", "routine", "aggregate")
_RELATIONS = ("table", "view", "materialized view", "foreign table", "column")
_KIND = re.compile(rf"\s*(?:({'|'.join((*_ROUTINES, *_RELATIONS, 'type', 'domain'))})\s+)?", re.IGNORECASE)
_PART = re.compile(r'"((?:[^"]|"")+)"|([^".(\s]+)')
# What a row of the changed table is called without a name of the statement's own.
_ROWS = frozenset({"excluded", "old", "new"})


@dataclass(frozen=True)
class _Object:
    """An object by the parts of its name, unquoted and folded as the server does."""

    kind: str
    parts: tuple[str, ...]

    @property
    def schema(self) -> str:
        return self.parts[0] if len(self.parts) > 1 else ""

    @property
    def name(self) -> str:
        """The name of the relation, the routine or the type."""
        return self.parts[1] if len(self.parts) > 1 else self.parts[0]

    @property
    def column(self) -> str:
        return self.parts[2] if len(self.parts) > 2 else ""

    def is_called(self, schema: str | None, name: str | None) -> bool:
        """Whether this may be its name. One without a schema may be of any schema: search_path is not known here."""
        return name == self.name and (not schema or not self.schema or schema == self.schema)


def statements_naming(name: str, statements: Sequence[RecordedStatement]) -> tuple[RecordedStatement, ...]:
    """The statements that name `public.orders`, `public.orders.note`, `function public.f(integer)` or `type public.status`. Pure.

    Rather one too many than one too few: a name without a schema counts for any schema, every overload of a function counts, and of
    a column all that reads or writes whole rows of its table. What reaches the object through a view or a function does not name it.
    """
    wanted = _read(name)
    return tuple(each for each in statements if _names(each.text, wanted))


def _read(name: str) -> _Object:
    kind = _KIND.match(name)
    word = ((kind and kind[1]) or "").lower()
    rest = name[kind.end() :] if kind else name
    parts = []
    while found := _PART.match(rest):
        parts.append(found[1].replace('""', '"') if found[1] else found[2].lower())
        rest = rest[found.end() :]
        if not rest.startswith("."):
            break
        rest = rest[1:]
    if not word and rest.startswith("("):
        word = "function"
    if not parts:
        raise ValueError(f"{name!r} is no name of an object")
    return _Object("relation" if word in ("", *_RELATIONS) else word, tuple(parts))


def _names(text: str, wanted: _Object) -> bool:
    # A name that is written with escapes stands in no text as it is.
    is_plain = '"' not in wanted.name and "U&" not in text.upper()
    if is_plain and wanted.name.lower() not in text.lower():
        return False
    try:
        trees = [raw.stmt for raw in parse_sql(text)]
    except ParseError:
        return _holds(text, wanted.name)
    looks = _names_routine if wanted.kind in _ROUTINES else _names_type if wanted.kind in ("type", "domain") else None
    if looks is not None:
        return any(looks(tree, wanted) for tree in trees)
    return any(_names_relation(tree, wanted) for tree in trees)


def _holds(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w$]){re.escape(word)}(?![\w$])", text, re.IGNORECASE) is not None


def _names_routine(tree: object, wanted: _Object) -> bool:
    for node in nodes(tree):
        if isinstance(node, ast.FuncCall) and wanted.is_called(*call_name(node)):
            return True
        # `orders.total` may be `total(orders)`.
        if isinstance(node, ast.ColumnRef) and wanted.name in words(node.fields)[1:]:
            return True
        if isinstance(node, ast.A_Indirection) and wanted.name in words(node.indirection):
            return True
    return False


def _names_type(tree: object, wanted: _Object) -> bool:
    return any(isinstance(node, ast.TypeName) and _is_of_type(node, wanted) for node in nodes(tree))


def _is_of_type(node: ast.TypeName, wanted: _Object) -> bool:
    names = words(node.names)
    return bool(names) and wanted.is_called(names[-2] if len(names) > 1 else "", names[-1])


def _names_relation(tree: object, wanted: _Object) -> bool:
    everything = list(nodes(tree))
    tables = [
        each
        for each in everything
        if isinstance(each, ast.RangeVar) and wanted.is_called(each.schemaname, each.relname)
    ]
    # A table's name is its row type's as well.
    has_type = any(isinstance(each, ast.TypeName) and _is_of_type(each, wanted) for each in everything)
    if not wanted.column:
        return bool(tables) or has_type
    if has_type or any(each.alias and each.alias.colnames for each in tables):
        return True
    if not tables:
        return False
    aliases = {called(each) for each in tables} | {str(each.relname) for each in tables} | _ROWS
    for each in everything:
        # A join with a name of its own, and the names that RETURNING gives the old and the new row.
        if isinstance(each, ast.JoinExpr):
            aliases |= {str(alias.aliasname) for alias in (each.alias, each.join_using_alias) if alias}
        elif type(each).__name__ == "ReturningOption":
            aliases.add(str(getattr(each, "value", "")))
    return any(_needs_column(each, wanted, aliases) for each in everything)


def _needs_column(node: ast.Node, wanted: _Object, aliases: set[str]) -> bool:
    """Whether a node of a statement with the table reads or writes the column, alone or with the whole row."""
    column, kind = wanted.column, type(node).__name__
    if isinstance(node, ast.ColumnRef):
        return _is_column(node, column, aliases)
    if isinstance(node, ast.JoinExpr):
        return bool(node.isNatural) or column in words(node.usingClause)
    if isinstance(node, ast.A_Indirection):
        return column in words(node.indirection)
    if isinstance(node, ast.SelectStmt):
        return _has_star(node.targetList) and any(_is_table(each, wanted) for each in _sources(node.fromClause))
    targets = getattr(node, "targetList", None)
    if kind == "InsertStmt":
        columns = getattr(node, "cols", None)
        into = _is_table(getattr(node, "relation", None), wanted)
        return into and (not columns or _sets(columns, column) or _returns_all(node))
    if kind in ("UpdateStmt", "DeleteStmt", "MergeStmt", "OnConflictClause"):
        return _sets(targets, column) or _returns_all(node)
    if kind == "MergeWhenClause":
        inserts = getattr(getattr(node, "commandType", None), "name", "") == "CMD_INSERT"
        return _sets(targets, column) or (inserts and not targets)
    # COPY without a list of columns copies all.
    if kind == "CopyStmt":
        return column in words(getattr(node, "attlist", None)) or not getattr(node, "attlist", None)
    # ON CONFLICT finds its row by an IndexElem.
    return kind == "IndexElem" and getattr(node, "name", None) == column


def _is_column(node: ast.ColumnRef, column: str, aliases: set[str]) -> bool:
    fields = node.fields or ()
    names = words(fields)
    if len(names) < len(fields):
        # A star: alone it is looked at with its query, else it is of the relation before it.
        return bool(names) and names[-1] in aliases
    if len(names) == 1:
        return names[0] == column or names[0] in aliases
    return column in names[1:] and (names[-2] in aliases or names[0] in aliases)


def _is_table(node: object, wanted: _Object) -> bool:
    return isinstance(node, ast.RangeVar) and wanted.is_called(node.schemaname, node.relname)


def _sources(clause: Sequence[object] | None) -> Iterator[object]:
    """What a query reads itself: not what its sub-selects read."""
    waiting = list(clause or ())
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.JoinExpr):
            waiting += [node.larg, node.rarg]
        elif type(node).__name__ == "RangeTableSample":
            waiting.append(getattr(node, "relation", None))
        else:
            yield node


def _has_star(targets: Sequence[object] | None) -> bool:
    return any(
        isinstance(each, ast.ResTarget)
        and isinstance(each.val, ast.ColumnRef)
        and len(each.val.fields or ()) == 1
        and isinstance((each.val.fields or ())[0], ast.A_Star)
        for each in targets or ()
    )


def _returns_all(node: ast.Node) -> bool:
    clause = getattr(node, "returningClause", None)
    return _has_star(getattr(clause, "exprs", None))


def _sets(targets: Sequence[object] | None, column: str) -> bool:
    return any(isinstance(each, ast.ResTarget) and each.name == column for each in targets or ())
