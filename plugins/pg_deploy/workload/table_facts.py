"""What the catalog says of the tables that a query names: how large they are, and how the values of a column are spread."""

from __future__ import annotations

from pg_deploy.grammar import ast
from pg_deploy.parsing.expressions import called, column_names
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import Connection
from pg_deploy.workload.levels import Level
from pg_deploy.workload.source_query import ROWS, Sample, base_tables

_FEW_PAGES = 2_000
"""Of a table of fewer pages every row may be looked at."""
_SIZE = """select c.reltuples, c.relpages from pg_catalog.pg_class c
where c.oid = pg_catalog.to_regclass(%s) and c.relkind in ('r', 'm', 'p')"""
_HISTOGRAM = """select b.value from pg_catalog.pg_stats s
join pg_catalog.pg_namespace n on n.nspname = s.schemaname
join pg_catalog.pg_class c on c.relname = s.tablename and c.relnamespace = n.oid
cross join lateral pg_catalog.unnest(s.histogram_bounds::pg_catalog.text::pg_catalog.text[]) with ordinality as b (value, number)
where c.oid = pg_catalog.to_regclass(%s) and s.attname = %s
order by s.inherited desc, b.number"""


def name_of(table: ast.RangeVar) -> str:
    """Its name for SQL, to be looked up in the session's search_path."""
    return quote(*(str(each) for each in (table.schemaname, table.relname) if each))


def read_sample(connection: Connection, level: Level) -> Sample | None:
    """How to read a share of the largest table of a query; None where each is small enough to be read from its beginning."""
    found: list[tuple[float, int, ast.RangeVar]] = []
    for table in base_tables(level):
        row = connection.execute(_SIZE, [name_of(table)]).fetchone()
        if row:
            found.append((row[0], row[1], table))
    largest = max(found, key=lambda each: each[0], default=None)
    if largest is None or largest[0] <= 2 * ROWS:
        return None
    rows, pages, table = largest
    # A partitioned table has rows and no pages of its own.
    by_block = pages > _FEW_PAGES or (pages <= 0 and rows > 100 * _FEW_PAGES)
    least = 20 / pages if by_block and pages > 0 else 0.0
    return Sample(table, min(100.0, 100 * max(2 * ROWS / rows, least)), by_block)


def is_table(connection: Connection, node: ast.Node) -> bool:
    """Whether it is a table: reading one runs nobody's code."""
    if not isinstance(node, ast.RangeVar):
        return False
    query = "select from pg_catalog.pg_class where oid = pg_catalog.to_regclass(%s) and relkind in ('r', 'p')"
    return connection.execute(query, [name_of(node)]).fetchone() is not None


def read_histogram(connection: Connection, level: Level, column: ast.Node | None) -> tuple[str, ...]:
    """The bounds of a column's values in their order; empty where it is no column of a table, or nothing is known of it."""
    names = column_names(column)
    tables = list(base_tables(level))
    of = [each for each in tables if called(each) == names[-2]] if len(names) > 1 else tables
    if not names or len(of) != 1:
        return ()
    return tuple(value for (value,) in connection.execute(_HISTOGRAM, [name_of(of[0]), names[-1]]))
