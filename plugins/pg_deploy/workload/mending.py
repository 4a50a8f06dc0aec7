"""Recorded texts in words that can be prepared: the server replaces constants by parameters even if the grammar allows none there.

`interval '1 day'` is recorded as `interval $1`, `extract(day from t)` as `extract($1 from t)`; of two equal expressions in SELECT and
GROUP BY each gets a number of its own, and the place of a column in GROUP BY becomes a parameter too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError, PrintError, TooDeepError
from pg_deploy.grammar.parser import parse_sql
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import call_name, nodes, replaced, with_fields
from pg_deploy.workload.asking import Answer, Asker, Form, Refusal

_NAME_MISSING = ("42P01", "3F000", "42883", "42704", "42703")
_TYPES = ("42883", "42725", "42P18", "42804", "42846", "42P08", "42P22", "42809")
_MOST_ASKS = 80
_USUAL = (
    "integer", "numeric", "text", "timestamp with time zone", "bigint", "date", "interval", "boolean", "uuid", "jsonb", "text[]",
    "integer[]", "double precision", "timestamp without time zone", "bytea", "json", "time without time zone", "uuid[]",
)  # fmt: skip
"""Types of constants, the likeliest first: a number's literal has a type; for other literals the server finds one."""
_AGGREGATES = (
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "array_agg",
    "json_agg",
    "jsonb_agg",
    "string_agg",
    "bool_or",
    "bool_and",
)
_OPERATORS = re.compile(r"operator does not exist: (.+?) \S+ (.+)$")
_TWO_TYPES = re.compile(r"(?:types|of type) (.+?) (?:and|but expression is of type) (.+?)(?: cannot be matched)?$")
_PARAMETER = re.compile(r"parameter \$(\d+)")


@dataclass(frozen=True)
class Found:
    """The answer to a statement in the form in which it can be asked; if there is none, the answer to its text as it is."""

    answer: Answer
    kind: int
    """Which of the search paths it is asked with; see `session_paths`."""


def find_form(asker: Asker, role: str, text: str, paths: tuple[str, ...]) -> Found:
    """Try search paths, words and types until the server takes the statement. Raises only if the connection is lost."""
    first: Found | None = None
    for kind, path in enumerate(paths):
        answer = asker.ask(role, Form(text, path))
        if answer.refusal is None or answer.refusal.of_session or answer.refusal.is_forbidden:
            return Found(answer, kind)
        if first is None or _is_nearer(answer.refusal, first.answer.refusal):
            first = Found(answer, kind)
        if answer.refusal.sqlstate not in _NAME_MISSING:
            break
    if first is None:
        raise ValueError("a session has at least one search path")
    mended = _mend(asker, role, first.answer)
    return Found(mended or first.answer, first.kind)


def _is_nearer(refusal: Refusal, than: Refusal | None) -> bool:
    return than is not None and than.sqlstate in _NAME_MISSING and refusal.sqlstate not in _NAME_MISSING


def _mend(asker: Asker, role: str, answer: Answer) -> Answer | None:
    """The answer to the statement in other words or with given types; None if no such answer is better."""
    try:
        (statement,) = parse_sql(answer.form.text)
        tree = statement.stmt
        if tree is None:
            return None
        texts = list(dict.fromkeys(_other_words(tree)))
    except (ParseError, PrintError, TooDeepError, ValueError):
        return None
    asks = 0
    for text in [answer.form.text, *texts]:
        form = Form(text, answer.form.path, _types_of_unused(text))
        found = answer if form == answer.form else asker.ask(role, form)
        seen: set[tuple[str, int | None, str]] = set()
        while found.refusal is not None and found.refusal.sqlstate in _TYPES and asks < _MOST_ASKS:
            signature = found.refusal.sqlstate, found.refusal.position, found.refusal.message
            if signature in seen:
                break
            seen.add(signature)
            better, more = _with_types(asker, role, found)
            asks += more
            if better is None:
                break
            found = better
        if found.refusal is None or found.refusal.is_forbidden:
            return found
    return None


def _with_types(asker: Asker, role: str, answer: Answer) -> tuple[Answer | None, int]:
    """The first better answer, with types for the parameters that the server points at, or else for all; and how often it was asked."""
    refusal, form = answer.refusal, answer.form
    if refusal is None:
        return None, 0
    everywhere = _numbers_in(form.text)
    asks = 0
    for numbers in dict.fromkeys((_at_fault(form.text, refusal), everywhere)):
        given = [*form.types, *[""] * (max(everywhere, default=0) - len(form.types))]
        free = [number for number in numbers if not given[number - 1]]
        for name in _candidates(refusal) if free else ():
            types = tuple(name if place in free else each for place, each in enumerate(given, start=1))
            found = asker.ask(role, replace(form, types=types))
            asks += 1
            if found.refusal is None or found.refusal.is_forbidden or _is_further(found.refusal, refusal):
                return found, asks
    return None, asks


def _is_further(refusal: Refusal, than: Refusal) -> bool:
    """Whether the server came further in the text before it refused, as far as it says."""
    if refusal.sqlstate in {"42846", "42704"}:
        return False
    if refusal.position is None or than.position is None:
        return refusal.message != than.message
    return refusal.position > than.position


def _candidates(refusal: Refusal) -> Iterator[str]:
    told: list[str] = []
    for pattern in (_OPERATORS, _TWO_TYPES):
        match = pattern.search(refusal.message)
        if match:
            told += [each for each in match.groups() if each not in {"text", "unknown"}]
    yield from dict.fromkeys([*told, *(f"{each}[]" for each in told if not each.endswith("[]")), *_USUAL])


def _at_fault(text: str, refusal: Refusal) -> tuple[int, ...]:
    """The numbers of the parameters below the node that the server points at; all of them if it points at none."""
    named = _PARAMETER.search(refusal.message)
    if named:
        return (int(named.group(1)),)
    try:
        tree = parse_sql(text)[0].stmt
    except (ParseError, TooDeepError, IndexError):
        return ()
    place = None if refusal.position is None else len(text[: refusal.position].encode())
    pointed = [node for node in nodes(tree) if place is not None and getattr(node, "location", -1) == place]
    below = ({node.number for node in nodes(holder) if isinstance(node, ast.ParamRef)} for holder in pointed)
    return next((tuple(sorted(numbers)) for numbers in below if numbers), _numbers_in(text))


def _numbers_in(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(each) for each in re.findall(r"\$(\d+)", text)}))


def _types_of_unused(text: str) -> tuple[str, ...]:
    """A parameter that stands nowhere in the text has to be given a type."""
    numbers = _numbers_in(text)
    most = max(numbers, default=0)
    types = tuple("" if number in numbers else "text" for number in range(1, most + 1))
    return types if any(types) else ()


def _other_words(tree: ast.Node) -> Iterator[str]:
    """The statement printed from its tree, then with equal expressions made equal again, then with places for parameters."""
    yield printed(replaced(tree, _extract_a_field))
    # A field is chosen last: of two equal expressions the second still has its own, which is then another one.
    alike = replaced(replaced(tree, _group_by_what_is_selected), _extract_a_field)
    yield printed(alike)
    yield printed(replaced(alike, _group_by_place))


def _extract_a_field(node: ast.Node) -> ast.Node:
    """Any field of a time serves: `extract($1 from t)` asks for a constant."""
    if isinstance(node, ast.FuncCall) and call_name(node)[1] in {"extract", "date_part"} and node.args:
        first = node.args[0]
        if isinstance(first, ast.ParamRef) and call_name(node)[1] == "extract":
            return with_fields(node, args=(_constant("epoch"), *node.args[1:]))
    return node


def _constant(text: str) -> ast.A_Const:
    return ast.A_Const(val=ast.String(sval=text))


def _number(value: int) -> ast.A_Const:
    return ast.A_Const(val=ast.Integer(ival=value))


def _without_constants(node: ast.Node) -> ast.Node:
    """With one parameter for all constants: of two equal expressions the server makes parameters of the first one's alone."""
    return replaced(node, lambda each: ast.ParamRef() if isinstance(each, (ast.ParamRef, ast.A_Const)) else each)


def _group_by_what_is_selected(node: ast.Node) -> ast.Node:
    """An expression of GROUP BY, ORDER BY, DISTINCT ON or HAVING takes the parameters of the same expression that is selected."""
    if not isinstance(node, ast.SelectStmt) or not node.targetList:
        return node
    chosen = [
        part
        for target in node.targetList
        for part in nodes(target)
        if any(isinstance(each, ast.ParamRef) for each in nodes(part))
        and not isinstance(part, (ast.ParamRef, ast.ResTarget))
    ]

    def as_selected(expression: ast.Node) -> ast.Node:
        if isinstance(expression, ast.ParamRef):
            return expression
        return next((part for part in chosen if _without_constants(part) == _without_constants(expression)), expression)

    def inside(clause: tuple[ast.Node, ...] | None) -> tuple[ast.Node, ...] | None:
        return tuple(replaced(each, as_selected) for each in clause) if clause else clause

    return with_fields(
        node,
        groupClause=inside(node.groupClause),
        sortClause=inside(node.sortClause),
        distinctClause=inside(node.distinctClause),
        havingClause=replaced(node.havingClause, as_selected) if node.havingClause else None,
    )


def _group_by_place(node: ast.Node) -> ast.Node:
    """A parameter of GROUP BY was the place of a selected expression: it becomes the place of the next one that is no aggregate."""
    if not isinstance(node, ast.SelectStmt) or not node.targetList:
        return node
    places = iter([place for place, target in enumerate(node.targetList, start=1) if not _is_aggregate(target)])

    def place_of(each: ast.Node) -> ast.Node:
        return _number(next(places, 1)) if isinstance(each, ast.ParamRef) else each

    grouped = tuple(place_of(each) for each in node.groupClause) if node.groupClause else node.groupClause
    ordered = node.sortClause
    if ordered and node.distinctClause:
        ordered = tuple(
            with_fields(each, node=_number(1))
            if isinstance(each, ast.SortBy) and isinstance(each.node, ast.ParamRef)
            else each
            for each in ordered
        )
    return with_fields(node, groupClause=grouped, sortClause=ordered)


def _is_aggregate(target: ast.Node) -> bool:
    return any(
        isinstance(each, ast.FuncCall) and (each.agg_star or call_name(each)[1] in _AGGREGATES) and each.over is None
        for each in nodes(target)
    )
