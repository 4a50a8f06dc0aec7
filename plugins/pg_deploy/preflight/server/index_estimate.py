"""How much disk the pending statements' indexes will need, estimated from the planner's statistics. Reads only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from pglast.enums import BoolExprType, NullTestType
from pglast.stream import RawStream
from pglast.visitors import Visitor
from psycopg import sql

from pg_deploy.parsing.syntax import SqlStatement, name_parts, trees_of
from pg_deploy.preflight.server.queries import rows as read

_PAGE = 8192  # bytes; PostgreSQL's block size
_USABLE = _PAGE - 40  # without the page header and the access method's own
_POSTING = 812  # bytes; a build of a B-tree merges equal keys into entries of a tenth of a page
_NOT_MERGED = frozenset(
    {"numeric", "float4", "float8", "jsonb", "interval", "name"}
)  # types whose equal values differ in bytes
_TEXTS = frozenset({"text", "varchar", "citext", "bpchar"})
_GUESSED_WIDTH = 32  # bytes of a value that nothing is known of; the planner's figure too


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
        """For the log: what, how much, and what the figure rests on."""
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
    distinct: float | None  # values; None: not known
    merges: bool
    elements: float | None = None  # of an array, on average
    common_elements: int = 0
    rare_share: float = 0
    measured: bool = True


def index_estimates(connection: psycopg.Connection, statements: Sequence[SqlStatement]) -> tuple[IndexEstimate, ...]:
    """An estimate for each CREATE INDEX on a table or materialized view that exists now, in order. Reads only.

    Indexes on what the same statements create are left out: nothing is known about their rows yet. Right within a factor
    of 2 for B-tree, hash, BRIN and GiST on analyzed tables; rough for GIN. Free disk is not visible from SQL.
    """
    wanted = [
        (statement, node)
        for statement in statements
        # A parsed tree is dear: of years of migrations few statements build an index.
        if "index" in statement.sql.lower()
        for node in trees_of(statement.sql)
        if type(node).__name__ == "IndexStmt"
    ]
    return tuple(estimate for statement, node in wanted for estimate in _estimate(connection, statement, node))


def disk_needed(estimates: Sequence[IndexEstimate]) -> str:
    """One sentence for the log: the sum, the peak while building, and that free disk must be looked up elsewhere."""
    if not estimates:
        return "disk: no index is built on a table that exists"
    total, largest = sum(each.bytes for each in estimates), max(each.bytes for each in estimates)
    return (
        f"disk: {len(estimates)} index{'es need' if len(estimates) > 1 else ' needs'} about {total / 2**20:.1f} MB, and sorting "
        f"the largest about {largest / 2**20:.1f} MB more while it is built (estimates; free disk is not visible from SQL)"
    )


def _estimate(connection: psycopg.Connection, statement: SqlStatement, node: Any) -> Iterator[IndexEstimate]:
    relation = node.relation
    found = read(connection, "rights_relations", [relation.schemaname], [relation.relname])
    if not found or found[0]["kind"] not in {"r", "p", "m"}:
        return
    table = found[0]
    size = read(connection, "index_table", table["oid"], table["oid"])[0]
    columns = {row["name"]: row for row in read(connection, "index_columns", table["oid"])}
    for each in _never_null(node.whereClause) & columns.keys():
        columns[each]["null_fraction"] = 0.0
    width = 28 + sum(row["width"] for row in columns.values())  # row header and line pointer
    rows = size["tuples"] + size["pages_without_statistics"] * _USABLE / width
    whole = rows
    name = sql.Identifier(table["schema"], table["name"])
    if node.whereClause is not None:
        part = _plan(connection, sql.SQL("select from {} where {}").format(name, _text(node.whereClause)))
        total = _plan(connection, sql.SQL("select from {}").format(name))
        if part is not None and total is not None and total[0] > 0:
            rows = rows * min(1.0, part[0] / total[0])
    keys = [_key(connection, name, each, columns, whole) for each in node.indexParams]
    included = [_key(connection, name, each, columns, whole) for each in node.indexIncludingParams or ()]
    method = node.accessMethod or "btree"
    fill = next(
        (each.arg.ival for each in node.options or () if each.defname == "fillfactor" and each.arg is not None), None
    )
    measured = all(each.measured for each in keys + included) and not size["pages_without_statistics"]
    yield IndexEstimate(
        file=statement.file,
        line=statement.line,
        index=node.idxname or f"(unnamed) on {table['name']}",
        table=f"{table['schema']}.{table['name']}",
        method=method,
        rows=round(rows),
        bytes=round(_bytes(method, rows, keys, included, pages=size["pages"], fill=fill)),
        basis="statistics" if measured else "the table's size and usual widths, as statistics are missing: run analyze",
    )


def _bytes(
    method: str, rows: float, keys: Sequence[_Key], included: Sequence[_Key], *, pages: float, fill: int | None
) -> float:
    # the tuple: 8 bytes of header (16 with a bitmap of nulls), the values aligned to 8, and its line pointer
    width = sum(each.width * (1 - each.null_fraction) for each in (*keys, *included))
    header = 8 * (1 + any(each.null_fraction > 0.5 for each in (*keys, *included)))
    entry = header + _aligned(width) + 4
    if method == "brin":
        return 3 * _PAGE + math.ceil(pages / 128) * (16 + 2 * _aligned(width))
    if method == "hash":
        return _PAGE * (2 + 1.1 * rows * 20 / (_USABLE * (fill or 75) / 100))
    if method == "gin":
        return 2 * _PAGE + sum(_gin(rows, each) for each in keys)
    if method in {"gist", "spgist"}:
        return _PAGE + rows * entry / 0.75 * _PAGE / (_USABLE * (fill or 90) / 100)
    total = rows * entry
    distinct = _combinations(keys, rows)
    if not included and distinct is not None and all(each.merges for each in keys) and distinct > 0:
        together = min(rows / distinct, (_POSTING - entry) / 6)
        if together > 1.5:
            total = rows * (6 + entry / together)
    leaves = total / (_USABLE * (fill or 90) / 100)
    return _PAGE * (1 + math.ceil(leaves) * 1.01)


def _gin(rows: float, key: _Key) -> float:
    # a pair of element and row takes some 3 bytes, an element 40 in pages that are three quarters full; a document is
    # guessed to hold an element each 12 bytes, and something unique in six rows of ten
    elements = key.elements or max(1.0, key.width / 12)
    pairs = rows * (1 - key.null_fraction) * elements
    distinct = rows * 0.6 if key.elements is None else key.common_elements + pairs * key.rare_share / 4
    return pairs * 3 + min(pairs, distinct) * 40 / 0.75


def _combinations(keys: Sequence[_Key], rows: float) -> float | None:
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
    planned = _plan(connection, sql.SQL("select {} from {}").format(_text(element.expr), table))
    if planned is None:
        return _Key(_GUESSED_WIDTH, 0, None, False, measured=False)
    width = planned[1]
    if width == _GUESSED_WIDTH:
        # the planner's own guess; lower(url) and the like are as wide as what they are given
        given = [columns[each] for each in _columns(element.expr) if each in columns]
        if type(element.expr).__name__ == "FuncCall" and len(given) == 1 and given[0]["type"] in _TEXTS:
            width = given[0]["width"]
    groups = _plan(connection, sql.SQL("select distinct {} from {}").format(_text(element.expr), table))
    return _Key(width=width, null_fraction=0, distinct=groups[0] if groups else None, merges=False)


def _plan(connection: psycopg.Connection, query: sql.Composable) -> tuple[float, float] | None:
    """Rows and width, in bytes, that the planner expects of `query`, which is not run; None when it refuses it."""
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(sql.SQL("explain (format json) {}").format(query))
            row = cursor.fetchone()
    except psycopg.Error:
        return None
    plan = row[0][0]["Plan"] if row else {}
    return float(plan["Plan Rows"]), float(plan["Plan Width"])


class _Columns(Visitor):
    def __init__(self) -> None:
        self.names: list[str] = []

    def visit_ColumnRef(self, _: Any, node: Any) -> None:
        self.names += name_parts(node.fields)[-1:]


def _columns(node: Any) -> tuple[str, ...]:
    visitor = _Columns()
    visitor(node)
    return tuple(dict.fromkeys(visitor.names))


def _never_null(predicate: Any) -> frozenset[str]:
    """The columns that `predicate`, or a part of it that must hold, says are not null."""
    if type(predicate).__name__ == "BoolExpr" and predicate.boolop == BoolExprType.AND_EXPR:
        return frozenset().union(*map(_never_null, predicate.args))
    if type(predicate).__name__ == "NullTest" and predicate.nulltesttype == NullTestType.IS_NOT_NULL:
        return frozenset(_columns(predicate.arg))
    return frozenset()


def _text(node: Any) -> sql.SQL:
    return sql.SQL("({})").format(sql.SQL(RawStream()(node)))  # type: ignore[return-value]


def _aligned(width: float) -> float:
    return math.ceil(width / 8) * 8
