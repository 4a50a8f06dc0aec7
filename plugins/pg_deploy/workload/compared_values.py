"""The parameters that a comparison holds against a row: which operator asks for which value."""

from __future__ import annotations

from collections.abc import Iterator

from pg_deploy.grammar import ast, enums
from pg_deploy.grammar.nodes import walked
from pg_deploy.parsing.expressions import call_name, column_names, replaced, words
from pg_deploy.workload.levels import parts_of
from pg_deploy.workload.uses import How, Use, key_of, parameter_number

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


def compared_values(node: ast.A_Expr) -> Iterator[Use]:
    """The uses in one comparison; none where the row's own value would not fit. Pure."""
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
        and parameter_number(node.rexpr) is not None
        and isinstance(node.lexpr, ast.Node)
    ):
        return ast.A_Expr(kind=node.kind, name=node.name, lexpr=node.lexpr, rexpr=key_of(node.lexpr))
    return node
