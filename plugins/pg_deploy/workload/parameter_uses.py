"""What the parameters of a statement are compared with, inserted into or set to: by its text alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from pg_deploy.grammar import ast, enums
from pg_deploy.grammar.nodes import walked
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import call_name, column_names, replaced, words
from pg_deploy.workload.levels import Level, own_nodes, parts_of


class How(Enum):
    """What a value must be for a row to meet it."""

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


_OPERATORS = {
    "=": (How.EQUAL, How.EQUAL),
    "<>": (How.OTHER, How.OTHER),
    "<": (How.HIGH, How.LOW),
    "<=": (How.HIGH, How.LOW),
    ">": (How.LOW, How.HIGH),
    ">=": (How.LOW, How.HIGH),
    "~~": (How.PATTERN, How.EQUAL),
    "~~*": (How.PATTERN, How.EQUAL),
    "~": (How.BEGINNING, How.EQUAL),
    "~*": (How.BEGINNING, How.EQUAL),
    "@>": (How.PART, How.EQUAL),
    "<@": (How.EQUAL, How.PART),
    "&&": (How.EQUAL, How.EQUAL),
    "?": (How.KEY, How.KEY),
    "?|": (How.KEYS, How.KEYS),
    "?&": (How.KEYS, How.KEYS),
    "->": (How.KEY, How.KEY),
    "->>": (How.KEY, How.KEY),
    "#>": (How.KEYS, How.KEYS),
    "#>>": (How.KEYS, How.KEYS),
    "@@": (How.WORD, How.WORD),
    "%": (How.EQUAL, How.EQUAL),
    "<->": (How.EQUAL, How.EQUAL),
}
"""By the operator: what the parameter is where it stands on the right, and on the left."""
_INTO_JSON = frozenset({"->", "->>"})
_KEEPS_TEXT = frozenset({"lower", "upper", "btrim", "unaccent"})
_MAKES_QUERY = frozenset({"to_tsquery", "plainto_tsquery", "websearch_to_tsquery", "phraseto_tsquery"})
_KEY = """select (select k.key from pg_catalog.jsonb_object_keys(case pg_catalog.jsonb_typeof(pg_catalog.to_jsonb({0}))
when 'object' then pg_catalog.to_jsonb({0}) else '{{}}' end) as k(key) limit 1)"""


def uses_of(level: Level) -> tuple[Use, ...]:
    """The uses that are known, the first one of each parameter. Pure."""
    found: dict[int, Use] = {}
    for use in _uses(level.statement):
        found.setdefault(use.number, use)
    return tuple(found.values())


def key_of(node: ast.Node) -> ast.Node:
    """An expression: the first key of a JSON object that a node is."""
    return expression(_KEY.format(f"({printed(node)})").removeprefix("select "))


def expression(text: str) -> ast.Node:
    """The tree of an expression."""
    statement = parse_sql(f"select {text}")[0].stmt
    value = (statement.targetList or ())[0].val if isinstance(statement, ast.SelectStmt) else None
    if value is None:
        raise ValueError(f"no expression: {text}")
    return value


def parameter(node: object) -> int | None:
    """The number of a parameter, also of one that is cast."""
    while isinstance(node, ast.TypeCast):
        node = node.arg
    return node.number if isinstance(node, ast.ParamRef) else None


def _uses(statement: ast.Node) -> Iterator[Use]:
    yield from _written(statement)
    if isinstance(statement, ast.SelectStmt):
        for node, how in ((statement.limitCount, How.LIMIT), (statement.limitOffset, How.OFFSET)):
            number = parameter(node)
            if number is not None:
                yield Use(number, how)
    if isinstance(statement, ast.SelectStmt) and statement.havingClause is not None:
        # What it compares are groups: no row has their counts.
        having = {id(node) for node in walked(statement.havingClause)}
    else:
        having = set()
    for node in own_nodes(statement):
        if isinstance(node, ast.A_Expr) and id(node) not in having:
            yield from _compared(node)


def _written(statement: ast.Node) -> Iterator[Use]:
    """What rows get: the columns of an insert, and those that an update sets."""
    if isinstance(statement, ast.InsertStmt) and isinstance(statement.selectStmt, ast.SelectStmt):
        query = statement.selectStmt
        names = [str(each.name) for each in statement.cols or ()]
        targets = tuple(each.val for each in query.targetList or ())
        for place, row in enumerate(query.valuesLists or (targets,)):
            for name, value in zip(names, parts_of(row), strict=False):
                number = parameter(value)
                if number is not None:
                    yield Use(number, How.NEW, _column(name), place)
        yield from _json_row(query, names)
    conflict = statement.onConflictClause if isinstance(statement, ast.InsertStmt) else None
    sets = statement.targetList if isinstance(statement, ast.UpdateStmt) else conflict.targetList if conflict else None
    for target in sets or ():
        value = target.val
        if isinstance(value, ast.MultiAssignRef) and isinstance(value.source, ast.RowExpr):
            value = (value.source.args or ())[value.colno - 1]
        number = parameter(value)
        if number is not None and target.name:
            yield Use(number, How.NEW, _column(target.name, statement))
    if isinstance(statement, ast.UpdateStmt):
        yield from _json_row(statement.fromClause, [str(each.name) for each in statement.targetList or ()], statement)


def _json_row(tree: object, names: list[str], statement: ast.Node | None = None) -> Iterator[Use]:
    """PostgREST hands over what it writes as one JSON value: `from (select $1 as json_data) …`."""
    for node in walked(tree):
        number = parameter(node.val) if isinstance(node, ast.ResTarget) and node.name == "json_data" else None
        if number is not None and names:
            pairs = (f"'{name.replace(chr(39), chr(39) * 2)}', {printed(_column(name, statement))}" for name in names)
            yield Use(number, How.NEW_JSON, expression(f"pg_catalog.jsonb_build_object({', '.join(pairs)})"))


def _column(name: str, statement: ast.Node | None = None) -> ast.Node:
    relation = getattr(statement, "relation", None)
    whose = (
        (ast.String(sval=str(relation.alias.aliasname if relation.alias else relation.relname)),) if relation else ()
    )
    return ast.ColumnRef(fields=(*whose, ast.String(sval=name)))


def _compared(node: ast.A_Expr) -> Iterator[Use]:
    kinds = enums.A_Expr_Kind
    operator = (words(node.name) or ("",))[-1].removeprefix("!")
    left, right = node.lexpr, node.rexpr
    if node.kind in (kinds.AEXPR_IN, kinds.AEXPR_OP_ANY, kinds.AEXPR_OP_ALL):
        yield from _listed(node, left, right)
    elif node.kind in (kinds.AEXPR_BETWEEN, kinds.AEXPR_NOT_BETWEEN, kinds.AEXPR_BETWEEN_SYM):
        for value, how in zip(parts_of(right), (How.LOW, How.HIGH), strict=False):
            yield from _used(left, value, how)
    elif node.kind == kinds.AEXPR_NOT_DISTINCT:
        yield from (*_used(left, right, How.EQUAL), *_used(right, left, How.EQUAL))
    elif node.kind == kinds.AEXPR_DISTINCT:
        yield from (*_used(left, right, How.OTHER), *_used(right, left, How.OTHER))
    elif node.kind in (kinds.AEXPR_OP, kinds.AEXPR_LIKE, kinds.AEXPR_ILIKE) and operator in _OPERATORS:
        if isinstance(left, ast.RowExpr) and isinstance(right, ast.RowExpr):
            yield from _pairs(left, right, 0)
        else:
            of_right, of_left = _OPERATORS[operator]
            yield from (*_used(left, right, of_right), *_used(right, left, of_left))


def _listed(node: ast.A_Expr, left: object, right: object) -> Iterator[Use]:
    equal = words(node.name)[-1:] == ("=",)
    if node.kind == enums.A_Expr_Kind.AEXPR_IN or isinstance(right, ast.A_ArrayExpr):
        values = (right.elements or ()) if isinstance(right, ast.A_ArrayExpr) else parts_of(right)
        for place, value in enumerate(values):
            if isinstance(left, ast.RowExpr) and isinstance(value, ast.RowExpr):
                yield from _pairs(left, value, place)
            else:
                yield from _used(left, value, How.EQUAL if equal else How.OTHER, place)
        return
    yield from _used(left, right, How.ELEMENTS if equal else How.OTHERS)
    yield from _used(right, left, How.ELEMENT)


def _pairs(left: ast.RowExpr, right: ast.RowExpr, place: int) -> Iterator[Use]:
    """`(a, b) > ($1, $2)`: a row's own values, which order it among the others."""
    for of, value in zip(left.args or (), right.args or (), strict=False):
        yield from _used(of, value, How.EQUAL, place)


def _used(of: object, value: object, how: How, place: int = 0) -> Iterator[Use]:
    number, how = _inside(value, how)
    if number is None or not isinstance(of, ast.Node):
        return
    of = replaced(of, _with_known_key)
    inner = list(walked(of))
    has_column = any(isinstance(each, ast.ColumnRef) for each in inner)
    excluded = any(column_names(each)[:1] == ("excluded",) for each in inner)
    if has_column and not excluded and not any(isinstance(each, ast.ParamRef) for each in inner):
        yield Use(number, how, of, place)


def _inside(value: object, how: How) -> tuple[int | None, How]:
    """The parameter in what a column is compared with, as far as the column's own value fits in its place."""
    while isinstance(value, (ast.TypeCast, ast.FuncCall, ast.A_Expr)):
        if isinstance(value, ast.TypeCast):
            value = value.arg
        elif isinstance(value, ast.FuncCall):
            name = call_name(value)[1]
            if name not in (_MAKES_QUERY if how == How.WORD else _KEEPS_TEXT):
                return None, how
            value = (value.args or (None,))[-1]
        elif words(value.name) == ("||",) and how in (How.PATTERN, How.BEGINNING):
            how = How.BEGINNING
            sides = [side for side in (value.lexpr, value.rexpr) if not isinstance(side, ast.A_Const)]
            value = sides[0] if len(sides) == 1 else None
        else:
            return None, how
    return (value.number if isinstance(value, ast.ParamRef) else None), how


def _with_known_key(node: ast.Node) -> ast.Node:
    if (
        isinstance(node, ast.A_Expr)
        and words(node.name)[-1:] in {(operator,) for operator in _INTO_JSON}
        and parameter(node.rexpr) is not None
        and isinstance(node.lexpr, ast.Node)
    ):
        return ast.A_Expr(kind=node.kind, name=node.name, lexpr=node.lexpr, rexpr=key_of(node.lexpr))
    return node
