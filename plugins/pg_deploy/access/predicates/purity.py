"""What a symbolic reading may trust: operators, functions and casts that cannot raise and always answer the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pg_deploy.access.predicates.function_bodies import Function, Functions, Refuse
from pg_deploy.grammar import ast, enums
from pg_deploy.parsing.expressions import call_name, calls, given, nodes, words
from pg_deploy.postgres.quoting import in_quotes

_OPERATORS = frozenset(
    {"=", "<>", "<", ">", "<=", ">=", "->", "->>", "@>", "<@", "&&", "||", "~~", "!~~", "~~*", "!~~*", "?"}
)
_FUNCTIONS = frozenset(
    {"lower", "upper", "btrim", "length", "char_length", "starts_with", "jsonb_typeof", "array_length"}
)
_CASTS = frozenset(
    {"text", "varchar", "jsonb", "json", "uuid", "bool", "regclass", "int4", "int8", "numeric", "timestamptz"}
)
_VOLATILE = re.compile(
    r"\b(random|clock_timestamp|timeofday|nextval|setval|gen_random_uuid|uuid_generate_v[14]|set_config|txid_current"
    r"|pg_sleep|dblink|statement_timestamp)\s*\(",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(now|transaction_timestamp|age)\s*\(|\bcurrent_(date|time|timestamp)\b|\blocaltime(stamp)?\b", re.IGNORECASE
)
_DYNAMIC = re.compile(r"\bexecute\s+(?!function\b|procedure\b)", re.IGNORECASE)
_NAME = re.compile(r"\b([a-z_][\w$]*)\.([a-z_][\w$]*)\s*\(", re.IGNORECASE)


def is_untrustworthy(reason: str) -> bool:
    """Whether a refusal means that an answer may be another one next time, or depends on what no text names."""
    return any(word in reason for word in ("volatile", "dynamic SQL", "is written in"))


def is_whole_claims(text: str) -> bool:
    """Whether an expression reads the claims as a whole, and no path of them."""
    return bool(re.search(r"\bjwt\(\)|request\.jwt", text)) and not re.search(r"->|#>", text)


def require_plain(node: ast.Node) -> None:
    """Refuse a condition with anything but columns, constants, and operators, functions and casts that cannot raise."""
    for part in nodes(node):
        if isinstance(part, ast.SubLink):
            raise Refuse("a sub-select stands where only a value is understood")
        if isinstance(part, ast.A_Expr):
            _require_operator(part)
        elif isinstance(part, ast.FuncCall):
            schema, name = call_name(part)
            if schema not in ("", "pg_catalog") or name not in _FUNCTIONS:
                raise Refuse(f"function {in_quotes(name)} is called for each row")
        elif isinstance(part, ast.TypeCast):
            target = words(given(part.typeName).names)[-1]
            if target not in _CASTS or (target not in ("text", "varchar") and not isinstance(part.arg, ast.A_Const)):
                raise Refuse(f"a cast to {target} may raise")
        elif isinstance(part, (ast.CaseExpr, ast.MinMaxExpr, ast.WindowDef, ast.SQLValueFunction, ast.RowExpr)):
            raise Refuse(f"{type(part).__name__} is not understood")
        elif isinstance(part, ast.A_Star):
            raise Refuse("a whole row is used as a value")


def _require_operator(expression: ast.A_Expr) -> None:
    names = words(expression.name)
    if len(names) > 1 and names[0] != "pg_catalog":
        raise Refuse(f"operator {'.'.join(names)} is defined by a user")
    usual = expression.kind in (
        enums.A_Expr_Kind.AEXPR_OP,
        enums.A_Expr_Kind.AEXPR_OP_ANY,
        enums.A_Expr_Kind.AEXPR_OP_ALL,
        enums.A_Expr_Kind.AEXPR_IN,
        enums.A_Expr_Kind.AEXPR_DISTINCT,
        enums.A_Expr_Kind.AEXPR_NOT_DISTINCT,
        enums.A_Expr_Kind.AEXPR_LIKE,
        enums.A_Expr_Kind.AEXPR_ILIKE,
        enums.A_Expr_Kind.AEXPR_BETWEEN,
    )
    if not usual or (names[-1] not in _OPERATORS and names[-1] not in ("BETWEEN",)):
        raise Refuse(f"operator {names[-1]} may raise")


def reads_clock(node: ast.Node, text: str, functions: Functions) -> bool:
    """Whether a closed expression, or a function in it through any depth, reads the clock.

    Raises Refuse if any of these functions is volatile, hidden or dynamic.
    """
    found = bool(_TIME.search(text))
    if _VOLATILE.search(text):
        raise Refuse("a volatile function is called")
    for call in calls(node):
        schema, name = call_name(call)
        if schema in ("", "pg_catalog"):
            continue
        function = functions.called(schema, name, len(call.args or ()))
        if function is not None:
            found |= _body_reads_clock(function, functions, set())
    return found


def _body_reads_clock(function: Function, functions: Functions, seen: set[int]) -> bool:
    if function.id in seen:
        return False
    seen.add(function.id)
    if function.volatility == "v":
        raise Refuse(f"function {in_quotes(function.full_name)} is volatile")
    source = function.parsed or function.source
    if _VOLATILE.search(source):
        raise Refuse(f"function {in_quotes(function.full_name)} is labelled stable and calls a volatile function")
    if _DYNAMIC.search(source):
        raise Refuse(f"function {in_quotes(function.full_name)} runs dynamic SQL")
    if function.language not in ("sql", "plpgsql"):
        raise Refuse(f"function {in_quotes(function.full_name)} is written in {function.language}")
    found = bool(_TIME.search(source))
    for inner in _called_functions(source, functions):
        found |= _body_reads_clock(inner, functions, seen)
    return found


def _called_functions(source: str, functions: Functions) -> Iterator[Function]:
    """The functions that a text calls by schema and name, whatever number of arguments they take."""
    for match in _NAME.finditer(source):
        for count in range(9):
            function = functions.called(match[1].lower(), match[2].lower(), count)
            if function is not None:
                yield function
                break
