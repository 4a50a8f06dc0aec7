"""All tuples of the columns that policies read: those that exist, those that foreign keys would allow, null, and a fresh one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from pg_deploy.access.reach import Column
from pg_deploy.access.sides import Side
from pg_deploy.access.subjects import NOBODY
from pg_deploy.access.text import literal, quote

PRODUCT_LIMIT = 300_000
"""Up to so many tuples a universe of several columns holds every combination, not only those that exist."""


@dataclass(frozen=True)
class Universe:
    """Tables whose policies read the same columns share one. `complete` says that it holds every combination, `tuples` how many."""

    number: int
    columns: tuple[Column, ...]
    tables: tuple[str, ...]
    complete: bool = True
    tuples: int = 0

    @property
    def name(self) -> str:
        """Its table."""
        return f"access_proof.q{self.number}"


@dataclass(frozen=True)
class RowMap:
    """The rows of a table, by tuple: equal values mean that no row, key or referenced column differs."""

    rows: int
    first: int
    second: int


def plan_universes(old: Side, new: Side, settled: Collection[str] = ()) -> tuple[Universe, ...]:
    """One universe for each set of columns that policies of either side read, over the tables of both sides but the settled."""
    grouped: dict[tuple[tuple[str, str], ...], list[str]] = {}
    shapes: dict[tuple[tuple[str, str], ...], tuple[Column, ...]] = {}
    for table in sorted((old.relations.keys() & new.relations.keys()) - set(settled)):
        if not (old.relations[table].is_table and new.relations[table].is_table):
            continue
        wanted = old.referenced(table) | new.referenced(table)
        shared = [
            column
            for name, column in old.columns[table].items()
            if name in wanted and name in new.columns[table] and new.columns[table][name].type == column.type
        ]
        shape = tuple((column.name, column.type) for column in shared)
        grouped.setdefault(shape, []).append(table)
        shapes.setdefault(shape, tuple(shared))
    return tuple(
        Universe(number, shapes[shape], tuple(tables)) for number, (shape, tables) in enumerate(sorted(grouped.items()))
    )


def incomparable(old: Side, new: Side, table: str) -> tuple[str, ...]:
    """Columns that policies read and that only one side has, or has with another type: only rows can be compared."""
    wanted = old.referenced(table) | new.referenced(table)
    before, after = old.columns[table], new.columns[table]
    return tuple(
        sorted(
            name for name in wanted if name not in before or name not in after or before[name].type != after[name].type
        )
    )


def build_universe(side: Side, universe: Universe) -> tuple[Universe, dict[str, RowMap]]:
    """Make the universe's table and each table's rows by tuple (access_proof.w_<oid>); returns the row maps."""
    connection = side.connection
    names = [quote(column.name) for column in universe.columns]
    listed = "".join(f", {name}" for name in names)
    maps = {}
    for table in universe.tables:
        relation = side.relations[table]
        key = f"row({', '.join('t.' + quote(part) for part in relation.key)})"
        first, second = (
            (f"hash_record_extended({key}, 11)", f"hash_record_extended({key}, 23)")
            if relation.key
            else ("hashtextextended(t::text, 11)", "hashtextextended(t::text, 23)")
        )
        connection.execute(
            f"create unlogged table {raw_name(relation.id)} as "
            f"select {_hashes(names)}{listed}, count(*) as n, bit_xor({first}) as x1, bit_xor({second}) as x2 "
            f"from {'only ' if relation.kind == 'r' and relation.plain else ''}{relation.quoted} t "
            f"{'group by ' + ', '.join(names) if names else 'having count(*) > 0'}".encode()
        )
        row = connection.execute(
            "select coalesce(sum(n), 0)::bigint, coalesce(bit_xor(hash_record_extended(row(h1, h2, n, x1, x2), 5)), 0),"
            f" coalesce(bit_xor(hash_record_extended(row(h1, h2, n, x1, x2), 7)), 0) from {raw_name(relation.id)}".encode()
        ).fetchone()
        maps[table] = RowMap(*row) if row else RowMap(0, 0, 0)
    complete = _fill(side, universe, names)
    for name in names:
        connection.execute(f"create index on {universe.name} ({name}) include (tid, h1, h2)".encode())
    connection.execute(f"create unique index on {universe.name} (tid)".encode())
    connection.execute(f"create index on {universe.name} (h1)".encode())
    connection.execute(f"vacuum (analyze) {universe.name}".encode())
    for table in universe.tables:
        oid = side.relations[table].id
        connection.execute(
            f"create unlogged table {weight_name(oid)} as select q.tid, r.n, r.x1, r.x2"
            f" from {raw_name(oid)} r join {universe.name} q on q.h1 = r.h1 and q.h2 = r.h2".encode()
        )
        connection.execute(f"drop table {raw_name(oid)}".encode())
        connection.execute(f"create index on {weight_name(oid)} (tid)".encode())
        connection.execute(f"analyze {weight_name(oid)}".encode())
    connection.execute("grant select on all tables in schema access_proof to public")
    row = connection.execute(f"select count(*) from {universe.name}".encode()).fetchone()
    return replace(universe, complete=complete, tuples=row[0] if row else 0), maps


def raw_name(oid: int) -> str:
    """Where a table's rows by tuple are gathered."""
    return f"access_proof.raw_{oid}"


def weight_name(oid: int) -> str:
    """How many rows of a table, and which, have each tuple."""
    return f"access_proof.w_{oid}"


def matched(universe: Universe) -> str:
    """The condition under which a row `t` has the tuple `q`: by hash, which finds nulls too and can be a hash join."""
    if not universe.columns:
        return "true"
    row = f"row({', '.join('t.' + quote(column.name) for column in universe.columns)})::text"
    return f"hashtextextended({row}, 11) = q.h1 and hashtextextended({row}, 23) = q.h2"


def _hashes(names: Sequence[str]) -> str:
    row = f"row({', '.join(names)})::text"
    return f"hashtextextended({row}, 11) as h1, hashtextextended({row}, 23) as h2"


def _fill(side: Side, universe: Universe, names: Sequence[str]) -> bool:
    connection = side.connection
    head = f"create unlogged table {universe.name} as select row_number() over ()::integer as tid, {_hashes(names)}"
    if not names:
        connection.execute(f"{head} from (select) x".encode())
        return True
    listed = ", ".join(names)
    existing = " union ".join(f"select {listed} from {raw_name(side.relations[table].id)}" for table in universe.tables)
    values = [" union ".join(_values(side, universe, column)) for column in universe.columns]
    complete = len(values) == 1
    if not complete:
        sizes = [
            row[0]
            for value in values
            if (row := connection.execute(f"select count(*) from ({value}) x".encode()).fetchone())
        ]
        product = 1
        for size in sizes:
            product *= size
        complete = product <= PRODUCT_LIMIT
    if complete:
        tuples = "select * from " + " cross join ".join(f"({value}) v{i}" for i, value in enumerate(values))
    else:
        tuples = " union ".join([existing, *_with_nulls(existing, names)])
    connection.execute(f"{head}, {listed} from ({tuples}) x".encode())
    return complete


def _with_nulls(existing: str, names: Sequence[str]) -> Iterable[str]:
    for missing in names:
        parts = ", ".join("null" if name == missing else name for name in names)
        yield f"select {parts} from ({existing}) e"


def _values(side: Side, universe: Universe, column: Column) -> Iterable[str]:
    name = quote(column.name)
    for table in universe.tables:
        yield f"select {name} from {raw_name(side.relations[table].id)}"
        parent = side.columns[table][column.name].parent
        if parent:
            yield f"select {quote(parent[2])} as {name} from {quote(parent[0], parent[1])}"
    yield f"select null::{column.type}"
    if column.type == "uuid":
        yield f"select '{NOBODY}'::uuid"
    elif column.type == "text":
        yield f"select {literal('a value that no row has')}"
    elif column.type in ("integer", "bigint", "numeric"):
        yield f"select (-2147483647)::{column.type}"
    elif column.category == "B":
        yield "select true union select false"
    elif column.category == "E":
        yield f"select unnest(enum_range(null::{column.type}))"
