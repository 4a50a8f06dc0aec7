"""How much disk the indexes of the pending statements will need, estimated from the planner's statistics. Reads only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pg_deploy.grammar import ast
from pg_deploy.grammar.enums import BoolExprType, NullTestType
from pg_deploy.grammar.nodes import walked
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.syntax import SqlStatement, name_parts, trees_of
from pg_deploy.preflight.server.queries import rows as read

_PAGE = 8192  # bytes; PostgreSQL's block size
_USABLE = _PAGE - 40  # without the page header and the access method's own
_MERGED_ENTRY = 812  # bytes; a build of a B-tree merges equal keys into entries of a tenth of a page
# Types whose equal values may differ in bytes, so a B-tree does not merge them.
_NOT_MERGED = frozenset({"numeric", "float4", "float8", "jsonb", "interval", "name"})
_TEXTS = frozenset({"text", "varchar", "citext", "bpchar"})
_GUESSED_WIDTH = 32  # bytes of a value about which nothing is known; the planner's figure too


@dataclass(frozen=True)
class IndexEstimate:
    """The estimated size, in bytes, of an index that a statement builds on a table that exists."""

    file: str
    line: int
    index: str
    table: str
    method: str
    rows: int
    bytes: int
    basis: str

    @property
    def sentence(self) -> str:
        """For the log: the index, its size, and what the figure is based on."""
        megabytes = self.bytes / 1024 / 1024
        rough = "rough estimate" if self.method in {"gin", "spgist"} else "estimate"
        return (
            f'index "{self.index}" ({self.method}) on "{self.table}": about {max(megabytes, 0.1):.1f} MB for '
            f"{self.rows:,} rows ({rough} from {self.basis})"
        )


@dataclass(frozen=True)
class _Key:
    width: float  # bytes in the index, aligned
    null_fraction: float
    distinct: float | None  # number of values; None: not known
    merges: bool
    elements: float | None = None  # of an array, on average
    common_elements: int = 0
    rare_share: float = 0
    measured: bool = True


def index_estimates(connection: psycopg.Connection, statements: Sequence[SqlStatement]) -> tuple[IndexEstimate, ...]:
    """An estimate for each CREATE INDEX on a table or materialized view that exists now, in order. Reads only.

    Indexes on tables that the same statements create are left out: nothing is known about their rows yet. The estimate is
    right within a factor of 2 for B-tree, hash, BRIN and GiST on analyzed tables, and rough for GIN. Free disk is not
    visible from SQL.
    """
    wanted = [
        (statement, node)
        for statement in statements
        # To parse costs time, and in years of migrations few statements build an index.
        if "index" in statement.sql.lower()
        for node in trees_of(statement.sql)
        if type(node).__name__ == "IndexStmt"
    ]
    return tuple(estimate for statement, node in wanted for estimate in _estimate(connection, statement, node))


def disk_needed(estimates: Sequence[IndexEstimate]) -> str:
    """One sentence for the log about at least one index: the sum, the peak while building, and that SQL does not show the free disk."""
    total, largest = sum(each.bytes for each in estimates), max(each.bytes for each in estimates)
    return (
        f"disk: {len(estimates)} index{'es need' if len(estimates) > 1 else ' needs'} about {total / 2**20:.1f} MB, and sorting "
        f"the largest about {largest / 2**20:.1f} MB more while it is built (estimates; free disk is not visible from SQL)"
    )


def _estimate(connection: psycopg.Connection, statement: SqlStatement, node: Any) -> Iterator[IndexEstimate]:
    relation = node.relation
    relations = read(connection, "rights_relations", [relation.schemaname], [relation.relname])
    if not relations or relations[0]["kind"] not in {"r", "p", "m"}:
        return
    table = relations[0]
    size = read(connection, "index_table", table["oid"], table["oid"])[0]
    columns = {row["name"]: row for row in read(connection, "index_columns", table["oid"])}
    for column in _never_null(node.whereClause) & columns.keys():
        columns[column]["null_fraction"] = 0.0
    width = 28 + sum(row["width"] for row in columns.values())  # row header and line pointer
    rows = table_rows = size["tuples"] + size["pages_without_statistics"] * _USABLE / width
    name = sql.Identifier(table["schema"], table["name"])
    if node.whereClause is not None:
        part = _rows_and_width(
            connection, sql.SQL("select from {} where {}").format(name, _in_parentheses(node.whereClause))
        )
        total = _rows_and_width(connection, sql.SQL("select from {}").format(name))
        if part is not None and total is not None and total[0] > 0:
            rows = rows * min(1.0, part[0] / total[0])
    keys = [_key(connection, name, element, columns, table_rows) for element in node.indexParams]
    included = [_key(connection, name, element, columns, table_rows) for element in node.indexIncludingParams or ()]
    method = node.accessMethod or "btree"
    measured = all(each.measured for each in keys + included) and not size["pages_without_statistics"]
    yield IndexEstimate(
        file=statement.file,
        line=statement.line,
        index=node.idxname or f"(unnamed) on {table['name']}",
        table=f"{table['schema']}.{table['name']}",
        method=method,
        rows=round(rows),
        bytes=round(_index_bytes(method, rows, keys, included, pages=size["pages"], fill=_fill_factor(node))),
        basis="statistics" if measured else "the table's size and usual widths, as statistics are missing: run analyze",
    )


def _fill_factor(node: Any) -> int | None:
    """The fillfactor that the statement gives as a whole number, in quotes or not."""
    for option in node.options or ():
        if option.defname == "fillfactor":
            value = str(getattr(option.arg, "ival", "") or getattr(option.arg, "sval", ""))
            return int(value) if value.isdecimal() else None
    return None


def _index_bytes(
    method: str, rows: float, keys: Sequence[_Key], included: Sequence[_Key], *, pages: float, fill: int | None
) -> float:
    # An entry: 8 bytes of header (16 with a bitmap of nulls), the values aligned to 8, and its line pointer.
    width = sum(each.width * (1 - each.null_fraction) for each in (*keys, *included))
    header = 8 * (1 + any(each.null_fraction > 0.5 for each in (*keys, *included)))
    entry = header + _aligned(width) + 4
    if method == "brin":
        return 3 * _PAGE + math.ceil(pages / 128) * (16 + 2 * _aligned(width))
    if method == "hash":
        return _PAGE * (2 + 1.1 * rows * 20 / (_USABLE * (fill or 75) / 100))
    if method == "gin":
        return 2 * _PAGE + sum(_gin_bytes(rows, each) for each in keys)
    if method in {"gist", "spgist"}:
        return _PAGE + rows * entry / 0.75 * _PAGE / (_USABLE * (fill or 90) / 100)
    total = rows * entry
    distinct = _distinct_keys(keys, rows)
    if not included and distinct is not None and all(each.merges for each in keys) and distinct > 0:
        together = min(rows / distinct, (_MERGED_ENTRY - entry) / 6)
        if together > 1.5:
            total = rows * (6 + entry / together)
    leaves = total / (_USABLE * (fill or 90) / 100)
    return _PAGE * (1 + math.ceil(leaves) * 1.01)


def _gin_bytes(rows: float, key: _Key) -> float:
    # A pair of element and row takes some 3 bytes, an element 40 bytes, in pages that are three quarters full. For a document
    # we guess an element every 12 bytes, and a unique one in six rows of ten.
    elements = key.elements or max(1.0, key.width / 12)
    pairs = rows * (1 - key.null_fraction) * elements
    distinct = rows * 0.6 if key.elements is None else key.common_elements + pairs * key.rare_share / 4
    return pairs * 3 + min(pairs, distinct) * 40 / 0.75


def _distinct_keys(keys: Sequence[_Key], rows: float) -> float | None:
    product = 1.0
    for each in keys:
        if each.distinct is None:
            return None
        product = min(rows, product * max(1.0, each.distinct))
    return product


def _key(
    connection: psycopg.Connection, table: sql.Identifier, element: Any, columns: dict[str, Any], rows: float
) -> _Key:
    if element.expr is None:
        row = columns.get(element.name)
        if row is None:
            return _Key(_GUESSED_WIDTH, 0, None, False, measured=False)
        distinct = row["distinct_values"]
        if distinct is not None and distinct < 0:  # a share of the rows
            distinct = -distinct * rows
        return _Key(
            width=row["width"], null_fraction=row["null_fraction"], distinct=distinct,
            merges=row["type"] not in _NOT_MERGED, elements=row["elements"],
            common_elements=row["common_elements"], rare_share=row["rare_share"], measured=row["measured"],
        )  # fmt: skip
    expected = _rows_and_width(connection, sql.SQL("select {} from {}").format(_in_parentheses(element.expr), table))
    if expected is None:
        return _Key(_GUESSED_WIDTH, 0, None, False, measured=False)
    width = expected[1]
    if width == _GUESSED_WIDTH:
        # That is the planner's guess. The result of lower(url) and the like is as wide as its argument.
        arguments = [columns[name] for name in _named_columns(element.expr) if name in columns]
        if type(element.expr).__name__ == "FuncCall" and len(arguments) == 1 and arguments[0]["type"] in _TEXTS:
            width = arguments[0]["width"]
    groups = _rows_and_width(
        connection, sql.SQL("select distinct {} from {}").format(_in_parentheses(element.expr), table)
    )
    return _Key(width=width, null_fraction=0, distinct=groups[0] if groups else None, merges=False)


def _rows_and_width(connection: psycopg.Connection, query: sql.Composable) -> tuple[float, float] | None:
    """The number of rows and their width in bytes that the planner expects of `query`, which is not run; None if it is refused."""
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(sql.SQL("explain (format json) {}").format(query))
            row = cursor.fetchone()
    except psycopg.Error:
        return None
    plan = row[0][0]["Plan"] if row else {}
    return float(plan["Plan Rows"]), float(plan["Plan Width"])


def _named_columns(node: Any) -> tuple[str, ...]:
    named = (each for each in walked(node) if isinstance(each, ast.ColumnRef))
    return tuple(dict.fromkeys(name for each in named for name in name_parts(each.fields)[-1:]))


def _never_null(predicate: Any) -> frozenset[str]:
    """The columns that cannot be null if `predicate` holds: it says so, or one of its parts joined by AND does."""
    if type(predicate).__name__ == "BoolExpr" and predicate.boolop == BoolExprType.AND_EXPR:
        return frozenset().union(*map(_never_null, predicate.args))
    if type(predicate).__name__ == "NullTest" and predicate.nulltesttype == NullTestType.IS_NOT_NULL:
        return frozenset(_named_columns(predicate.arg))
    return frozenset()


def _in_parentheses(node: Any) -> sql.SQL:
    return sql.SQL("({})").format(sql.SQL(printed(node)))  # type: ignore[return-value]


def _aligned(width: float) -> float:
    return math.ceil(width / 8) * 8
