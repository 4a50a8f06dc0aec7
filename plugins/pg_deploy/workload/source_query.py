"""A query whose rows hold values that one level's conditions are met by: its own FROM and WHERE, without what is to be found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pg_deploy.grammar import ast
from pg_deploy.grammar.nodes import walked
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import conjuncts, replaced, with_fields
from pg_deploy.workload.levels import Level
from pg_deploy.workload.uses import How, Use, key_of, parse_expression

ROWS = 200
"""Rows that are looked at, at most: the values of some of them are taken."""
_MET_BY_A_ROW = frozenset(
    {How.EQUAL, How.ELEMENTS, How.ELEMENT, How.PATTERN, How.BEGINNING, How.PART, How.KEY, How.WORD}
)
_RANGES = frozenset({How.LOW, How.HIGH})
_FIRST_PAIR = """case pg_catalog.jsonb_typeof({0}) when 'object' then (select pg_catalog.jsonb_build_object(p.key, p.value)
from pg_catalog.jsonb_each({0}) as p(key, value) limit 1) else {0} end"""
# Half of it: the first letters alone are those of many rows.
_BEGINNING = """pg_catalog.left(
    {0}::pg_catalog.text, greatest(3, pg_catalog.length({0}::pg_catalog.text) / 2)
)"""
_FIRST_WORD = "(select w.lexeme from pg_catalog.unnest({0}) as w limit 1)"


@dataclass(frozen=True)
class Sample:
    """Read this share of a table's rows, in per cent: by its blocks, or row by row where it is small."""

    table: ast.RangeVar
    per_cent: float
    by_block: bool


@dataclass(frozen=True)
class SourceQuery:
    """What is found for the uses of one level, in their order; for ranges the value's rank among the rows comes after them."""

    level: Level
    uses: tuple[Use, ...]
    types: Sequence[str]

    @property
    def ranges(self) -> tuple[int, ...]:
        """The places of the uses that bound a range."""
        return tuple(place for place, use in enumerate(self.uses) if use.how in _RANGES)

    @property
    def has_equality(self) -> bool:
        """Whether a row must have a certain value, besides lying in a range."""
        return any(use.how in _MET_BY_A_ROW for use in self.uses)

    def text(self, sample: Sample | None = None, *, with_conditions: bool = True, with_nulls: bool = False) -> str:
        """The query in SQL. Parameters of other levels stay in it. Raises PrintError. Pure."""
        numbers = {use.number for use in self.uses}

        def is_known(node: ast.Node) -> bool:
            return not any(isinstance(each, ast.ParamRef) and each.number in numbers for each in walked(node))

        values = [_value(use, self.types[use.number - 1]) for use in self.uses]
        conditions = [each for each in self.level.conditions if with_conditions and is_known(each)]
        if not with_nulls:
            conditions += [
                parse_expression(f"({printed(value)}) is not null")
                for use, value in zip(self.uses, values, strict=True)
                if use.how in _MET_BY_A_ROW | _RANGES
            ]
        tables = tuple(replaced(each, _without_unknown(is_known)) for each in self.level.tables)
        if sample is not None:
            tables = tuple(replaced(each, _sampled(sample)) for each in tables)
        inner = ast.SelectStmt(
            targetList=tuple(
                ast.ResTarget(name=f"c{place}", val=value)
                for place, value in enumerate(values or [parse_expression("1")])
            ),
            fromClause=tables,
            whereClause=_all(conditions),
            withClause=ast.WithClause(ctes=self.level.ctes, recursive=True) if self.level.ctes else None,
        )
        ranks = "".join(f", pg_catalog.row_number() over (order by s.c{place})" for place in self.ranges)
        return f"select s.*{ranks} from ({printed(inner)} limit {ROWS}) s"  # noqa: S608 - printed from a tree


def base_tables(level: Level) -> Iterator[ast.RangeVar]:
    """The tables that a level itself names, without those of sub-queries and without its WITH queries."""
    named = {getattr(cte, "ctename", None) for cte in level.ctes}
    waiting: list[object] = list(reversed(level.tables))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.JoinExpr):
            waiting += [node.rarg, node.larg]
        elif isinstance(node, ast.RangeVar) and (node.schemaname or node.relname not in named):
            yield node


def _all(conditions: Sequence[ast.Node]) -> ast.Node | None:
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return parse_expression(" and ".join(f"({printed(each)})" for each in conditions))


def _without_unknown(is_known: Callable[[ast.Node], bool]) -> Callable[[ast.Node], ast.Node]:
    def change(node: ast.Node) -> ast.Node:
        if not isinstance(node, ast.JoinExpr) or node.quals is None or is_known(node.quals):
            return node
        known = [each for each in conjuncts(node.quals) if is_known(each)]
        return with_fields(node, quals=_all(known) or parse_expression("true"))

    return change


def _sampled(sample: Sample) -> Callable[[ast.Node], ast.Node]:
    def change(node: ast.Node) -> ast.Node:
        if node is not sample.table:
            return node
        method = ast.String(sval="system" if sample.by_block else "bernoulli")
        return ast.RangeTableSample(relation=node, method=(method,), args=(parse_expression(f"{sample.per_cent:.6f}"),))

    return change


def _value(use: Use, kind: str) -> ast.Node:
    """The row's value in the shape that the parameter has."""
    of = use.of or parse_expression("null")
    text = f"({printed(of)})"
    if use.how == How.PATTERN:
        return parse_expression(f"{_BEGINNING.format(text)} || '%'")
    if use.how == How.BEGINNING:
        return parse_expression(_BEGINNING.format(text))
    if use.how == How.ELEMENT:
        return parse_expression(f"{text}[1]")
    if use.how == How.WORD:
        return parse_expression(_FIRST_WORD.format(text))
    if use.how in (How.KEY, How.KEYS):
        key = key_of(of)
        return key if use.how == How.KEY else parse_expression(f"array[({printed(key)})]")
    if use.how == How.PART:
        return _part(text, kind)
    return of


def _part(text: str, kind: str) -> ast.Node:
    """Something that the row's value contains: a JSON object's first pair, an array's first element, a range's bound."""
    if kind == "jsonb":
        return parse_expression(_FIRST_PAIR.format(text))
    if kind.endswith("[]"):
        return parse_expression(f"{text}[1:1]")
    return parse_expression(
        text if kind.endswith(("range", "hstore", "box", "circle")) else f"pg_catalog.lower({text})"
    )
