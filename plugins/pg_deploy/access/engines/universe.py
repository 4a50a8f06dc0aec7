"""All tuples of the columns that policies read: those that exist, those that foreign keys would allow, null, and a fresh one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import prod

import psycopg

from pg_deploy.access.engines.compared_sides import Side
from pg_deploy.access.predicates.predicates import READING, Phase
from pg_deploy.access.predicates.reach import Column
from pg_deploy.access.predicates.witness_arrays import arrays_made_of, elements_of
from pg_deploy.access.predicates.witness_documents import NOBODY, OTHER
from pg_deploy.access.predicates.witnesses import NO_CONSTANTS, Constants, merge_constants, witness_values
from pg_deploy.postgres.quoting import literal, quote
from pg_deploy.postgres.sql_files import engine_sql

PRODUCT_LIMIT = 300_000
"""Up to so many tuples a universe of several columns holds every combination, not only those that exist."""
OCCURRING = 4
"""Elements of arrays that occur which made arrays may hold."""
MADE_IN_PRODUCT = (None, 40, 12)
"""How many values that constants suggest every combination holds: fewer where all would be too many."""
JOINT = 3
"""Values of each column that constants suggest, of which every combination is put into a few existing tuples."""
JOINT_LIMIT = 20_000
BASES = 100
"""Existing tuples that each witness value is put into."""


@dataclass(frozen=True)
class Universe:
    """Tables whose policies read the same columns share one. `tuples` says how many it holds.

    `constants` are what the predicates of either side compare each column with: values that could tell them apart are made of these.
    Combinations that nobody wrote and no constant suggests are asked of writes only.
    """

    number: int
    columns: tuple[Column, ...]
    tables: tuple[str, ...]
    tuples: int = 0
    constants: Mapping[str, Constants] = field(default_factory=dict, compare=False, hash=False)
    checks: tuple[str, ...] = ()
    shared: bool = True
    """Whether both sides have these columns; else only rows can be compared, by their keys."""

    @property
    def name(self) -> str:
        """Its table."""
        return f"access_proof.q{self.number}"

    def read_by(self, phase: Phase) -> str:
        """The part of it that a phase is asked about."""
        return f"{self.name}_read" if phase in READING and len(self.columns) > 1 else self.name


@dataclass(frozen=True)
class RowMap:
    """The rows of a table, by tuple: equal values mean that no row, key or referenced column differs."""

    rows: int
    first: int
    second: int


def plan_universes(
    old: Side,
    new: Side,
    settled: Collection[str] = (),
    constants: Callable[[str], Mapping[str, Constants]] | None = None,
) -> tuple[tuple[Universe, ...], tuple[Universe, ...]]:
    """For either side one universe for each set of columns that policies read, over the tables of both sides but the settled.

    `constants` are those of a table's predicates; tables of one universe share them, and CHECK constraints too.
    """
    grouped: dict[object, list[str]] = {}
    shapes: dict[object, tuple[tuple[Column, ...], tuple[Column, ...]]] = {}
    checks: dict[object, tuple[str, ...]] = {}
    held = both_checks(old, new)
    for table in sorted((old.relations.keys() & new.relations.keys()) - set(settled)):
        if not (old.relations[table].is_table and new.relations[table].is_table):
            continue
        wanted = old.referenced(table) | new.referenced(table)
        shared = [
            replace(column, required=column.required and new.columns[table][name].required)
            for name, column in old.columns[table].items()
            if name in wanted and name in new.columns[table] and new.columns[table][name].type == column.type
        ]
        names = {column.name for column in shared}
        checked = tuple(sorted(text for read, text in held.get(table, ()) if read <= names))
        key = (tuple((column.name, column.type, column.required) for column in shared), checked)
        sides = (tuple(shared), tuple(shared))
        if incomparable(old, new, table):
            key = (*key, table)  # type: ignore[assignment]
            sides = tuple(  # type: ignore[assignment]
                tuple(column for name, column in side.columns[table].items() if name in wanted) for side in (old, new)
            )
        grouped.setdefault(key, []).append(table)
        shapes.setdefault(key, sides)
        checks.setdefault(key, checked)

    def one(number: int, key: object, tables: list[str], place: int) -> Universe:
        several = [constants(table) for table in tables] if constants else []
        named = {column for each in several for column in each}
        given = {column: merge_constants(each[column] for each in several if column in each) for column in named}
        same = shapes[key][0] == shapes[key][1]
        return Universe(
            number, shapes[key][place], tuple(tables), constants=given, checks=checks[key] if same else (), shared=same
        )

    listed = list(enumerate(sorted(grouped.items(), key=lambda item: str(item[0]))))
    old_ones, new_ones = (
        tuple(one(number, key, tables, place) for number, (key, tables) in listed) for place in (0, 1)
    )
    return old_ones, new_ones


def align(old: Side, new: Side, universe: Universe) -> None:
    """Give each side the tuples that only the other one has: of rows that came or went. Both are asked about the same ones."""
    if not universe.shared or not universe.columns:
        return
    for source, target in ((old, new), (new, old)):
        there = f"select h1, h2 from {universe.name}"
        known = target.connection.execute(there.encode()).fetchall()
        missing = set(source.connection.execute(there.encode()).fetchall()) - set(known)
        if missing:
            _add(source, target, universe, missing)


def _add(source: Side, target: Side, universe: Universe, missing: set[tuple[int, int]]) -> None:
    names = [quote(column.name) for column in universe.columns]
    texts = ", ".join(f"{name}::text" for name in names)
    rows = source.connection.execute(
        f"select {texts} from {universe.name} where h1 = any (%s)".encode(), [[first for first, _ in missing]]
    ).fetchall()
    connection = target.connection
    parts = ", ".join(f"{name} text" for name in names)
    connection.execute(f"create temporary table access_proof_more ({parts})".encode())
    with connection.cursor() as cursor, cursor.copy("copy access_proof_more from stdin") as copy:
        for row in rows:
            copy.write_row(row)
    # A domain may take on one side what it refuses on the other: such a row cannot be there at all.
    for name, column in zip(names, universe.columns, strict=True):
        connection.execute(
            f"delete from pg_temp.access_proof_more where not access_proof.castable({name}, %s)".encode(), [column.type]
        )
    cast = ", ".join(f"{name}::{column.type} as {name}" for name, column in zip(names, universe.columns, strict=True))
    listed = ", ".join(names)
    for name in dict.fromkeys((universe.name, universe.read_by("select"))):
        connection.execute(
            f"insert into {name} (tid, h1, h2, {listed}, mixed) select (select max(tid) from {universe.name} where tid < 1000000000)"
            f" + row_number() over (), h1, h2, {listed}, false from (select distinct on (h1, h2) {_hashes(names)}, {listed}"
            f" from (select {cast} from pg_temp.access_proof_more) c) m"
            f" where not exists (select from {name} q where q.h1 = m.h1 and q.h2 = m.h2)".encode()
        )
        connection.execute(f"analyze {name}".encode())
    connection.execute("drop table pg_temp.access_proof_more")


def both_checks(old: Side, new: Side) -> dict[str, set[tuple[frozenset[str], str]]]:
    """The valid CHECK constraints that both sides have alike, by table: the columns that they name, and their condition."""
    found = []
    for side in (old, new):
        own: dict[str, set[tuple[frozenset[str], str]]] = {}
        for table, names, condition in side.connection.execute(engine_sql("access/checks")).fetchall():
            own.setdefault(table, set()).add((frozenset(names), condition))
        found.append(own)
    return {table: found[0][table] & found[1][table] for table in found[0].keys() & found[1].keys()}


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
    maps = {}
    for table in universe.tables:
        relation = side.relations[table]
        key = f"row({', '.join('t.' + quote(part) for part in relation.key)})"
        whole = side.row_text(table)
        first, second = (
            (f"hash_record_extended({key}, 11)", f"hash_record_extended({key}, 23)")
            if relation.key
            else (f"hashtextextended({whole}, 11)", f"hashtextextended({whole}, 23)")
        )
        values = "".join(
            f", {quote(column.name)}"
            if column.ordered
            else f", (array_agg({quote(column.name)}))[1] as {quote(column.name)}"
            for column in universe.columns
        )
        grouped = ["h1", "h2", *(quote(column.name) for column in universe.columns if column.ordered)]
        connection.execute(
            f"create unlogged table {raw_name(relation.id)} as "
            f"select h1, h2{values}, count(*) as n, bit_xor(x1) as x1, bit_xor(x2) as x2 from ("
            f"select {_hashes(names)}{''.join(f', {name}' for name in names)}, {first} as x1, {second} as x2"
            f" from {'only ' if relation.kind == 'r' and relation.plain else ''}{relation.quoted} t) g"
            f" group by {', '.join(grouped)}".encode()
        )
        row = connection.execute(
            "select coalesce(sum(n), 0)::bigint, coalesce(bit_xor(hash_record_extended(row(h1, h2, n, x1, x2), 5)), 0),"
            f" coalesce(bit_xor(hash_record_extended(row(h1, h2, n, x1, x2), 7)), 0) from {raw_name(relation.id)}".encode()
        ).fetchone()
        maps[table] = RowMap(*row) if row else RowMap(0, 0, 0)
    _fill(side, universe, names)
    _index(side, universe, universe.name)
    if len(universe.columns) > 1:
        reading = f"{universe.name}_read"
        connection.execute(f"create unlogged table {reading} as select * from {universe.name} where not mixed".encode())
        _index(side, universe, reading)
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
    return replace(universe, tuples=row[0] if row else 0), maps


def _index(side: Side, universe: Universe, name: str) -> None:
    connection = side.connection
    for column in universe.columns:
        if column.ordered:
            # a value may be too long for an index, which is only there to be quick
            with suppress(psycopg.errors.ProgramLimitExceeded, psycopg.errors.UndefinedObject):
                connection.execute(f"create index on {name} ({quote(column.name)}) include (tid, h1, h2)".encode())
    connection.execute(f"create unique index on {name} (tid)".encode())
    connection.execute(f"create index on {name} (h1)".encode())
    connection.execute(f"vacuum (analyze) {name}".encode())


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


def _fill(side: Side, universe: Universe, names: Sequence[str]) -> None:
    connection = side.connection
    numbered = "select row_number() over ()::integer as tid, x.* from"
    if not names:
        connection.execute(
            f"create unlogged table {universe.name} as {numbered}"
            f" (select {_hashes(names)}, false as mixed from (select) y) x".encode()
        )
        return
    listed = ", ".join(names)
    existing = " union all ".join(
        f"select {listed} from {raw_name(side.relations[table].id)}" for table in universe.tables
    )
    own = {column.name: list(_made(side, universe, column)) for column in universe.columns}
    parts = [(f"select {listed} from ({existing}) e", False)]
    if len(names) == 1:
        parts += [(value, False) for value in _values(side, universe, universe.columns[0])]
        parts += [(f"select {made}", False) for made in own[universe.columns[0].name]]
    else:
        parts += [(part, True) for part in _with_nulls(existing, universe.columns)]
        suggested = _suggested(universe, own)
        parts += ((part, False) for part in _witnesses(existing, universe, suggested))
        parts += ((part, True) for part in _witnesses(existing, universe, own))
        parts += ((part, False) for part in _joint(existing, universe, suggested))
        parts += ((part, True) for part in _joint(existing, universe, own))
        for most in MADE_IN_PRODUCT:
            values = [
                " union ".join(
                    [*_values(side, universe, column), *(f"select {made}" for made in own[column.name][:most])]
                )
                for column in universe.columns
                if column.ordered
            ]
            if len(values) == len(names) and _product(side, values) <= PRODUCT_LIMIT:
                joined_values = " cross join ".join(f"({value}) v{i}" for i, value in enumerate(values))
                parts.append((f"select * from {joined_values}", True))
                break
    union = " union all ".join(
        f"select {listed}, {str(mixed).lower()} as mixed from ({part}) p ({listed})" for part, mixed in parts
    )
    allowed = " and ".join(
        [
            *(f"{quote(column.name)} is not null" for column in universe.columns if column.required),
            *(f"({check}) is not false" for check in universe.checks),
        ]
    )
    connection.execute(
        f"create unlogged table {universe.name} as {numbered} (select distinct on (h1, h2) {_hashes(names)}, {listed}, mixed"
        f" from ({union}) u where {allowed or 'true'} order by h1, h2, mixed) x".encode()
    )


def _product(side: Side, values: Sequence[str]) -> int:
    product = 1
    for value in values:
        row = side.connection.execute(f"select count(*) from ({value}) x".encode()).fetchone()
        product *= row[0] if row else 0
    return product


def _with_nulls(existing: str, columns: Sequence[Column]) -> Iterator[str]:
    for missing in columns:
        if not missing.required:
            parts = ", ".join(f"null::{column.type}" if column is missing else quote(column.name) for column in columns)
            yield f"select {parts} from ({existing}) e"


def _witnesses(existing: str, universe: Universe, own: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Existing tuples with one value, or two, replaced by those that the predicates' constants suggest."""
    sample = f"select * from ({existing}) e limit {BASES}"
    for number, column in enumerate(universe.columns):
        for made in own[column.name]:
            yield _replaced(sample, universe, {column.name: made})
        for other in universe.columns[number + 1 :]:
            for one in own[column.name][:8]:
                for two in own[other.name][:8]:
                    yield _replaced(f"{sample[: -len(str(BASES))]}10", universe, {column.name: one, other.name: two})
    alone = {name: made[0] for name, made in own.items() if made}
    if len(alone) == len(universe.columns):
        yield _replaced("select", universe, alone)


def _joint(existing: str, universe: Universe, own: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A few existing tuples with every combination of a few values that the constants suggest: conditions may have to hold together."""
    choices = {name: made[:JOINT] for name, made in own.items() if made}
    combinations = prod(len(made) + 1 for made in choices.values())
    if len(choices) < 3 or combinations > JOINT_LIMIT:
        return
    taken = ", ".join(
        f"v{number}.x" if column.name in choices else f"s.{quote(column.name)}"
        for number, column in enumerate(universe.columns)
    )
    made_of = "".join(
        f" cross join lateral (values (s.{quote(column.name)}), {', '.join(f'({made})' for made in choices[column.name])})"
        f" v{number} (x)"
        for number, column in enumerate(universe.columns)
        if column.name in choices
    )
    bases = max(1, min(10, JOINT_LIMIT // combinations))
    yield f"select {taken} from (select * from ({existing}) e limit {bases}) s{made_of}"


def _replaced(source: str, universe: Universe, values: Mapping[str, str]) -> str:
    parts = ", ".join(values.get(column.name, quote(column.name)) for column in universe.columns)
    return f"select {parts} from ({source}) s"


def _made(side: Side, universe: Universe, column: Column) -> Iterator[str]:
    """Values that the constants of the predicates suggest, as SQL: those that the column's type takes; null, and nobody's id."""
    constants = universe.constants.get(column.name, NO_CONSTANTS)
    given = witness_values(constants, column)
    if column.category == "A":
        given = _arrays(side, universe, column)
    rows = side.connection.execute(
        "select v from unnest(%s::text[]) with ordinality as u (v, place) where access_proof.castable(v, %s) order by place",
        [given, column.type],
    ).fetchall()
    made = [f"{literal(value)}::{column.type}" for (value,) in rows]
    if column.type == "uuid":
        made.insert(0, _nobody(column))
    if not column.required:
        made.insert(0 if constants.nulls else 2, _null(column))
    yield from made


def _null(column: Column) -> str:
    return f"null::{column.type}"


def _nobody(column: Column) -> str:
    return f"{literal(NOBODY)}::{column.type}"


def _suggested(universe: Universe, own: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Of these values those that a constant suggests: rows that exist may be asked with them, though none has them."""
    found: dict[str, Sequence[str]] = {}
    for column in universe.columns:
        constants = universe.constants.get(column.name, NO_CONSTANTS)
        named = bool(constants.strings or constants.numbers or constants.paths)
        beside = {_nobody(column), *(() if constants.nulls else (_null(column),))}
        found[column.name] = [
            made for made in own[column.name] if made not in beside and (named or made == _null(column))
        ]
    return found


def _arrays(side: Side, universe: Universe, column: Column) -> list[str]:
    """Arrays of what the constants suggest, of elements that occur, of a user's id that is nobody's, and of others."""
    constants = universe.constants.get(column.name, NO_CONSTANTS)
    kind = column.type.removesuffix("[]")
    existing = " union all ".join(
        f"select unnest({quote(column.name)})::text as v from {raw_name(side.relations[table].id)}"
        for table in universe.tables
    )
    rows = side.connection.execute(
        f"select v from (select distinct v from ({existing}) e where v is not null order by v limit {OCCURRING}) x"
        " union all select enumlabel::text from pg_catalog.pg_enum where enumtypid = to_regtype(%s)".encode(),
        [kind],
    ).fetchall()
    suggested = elements_of(constants.strings, constants.numbers)
    listed = list(dict.fromkeys([*suggested, *(row[0] for row in rows), NOBODY, OTHER, "-2147483647"]))
    fit = side.connection.execute(
        "select v from unnest(%s::text[]) with ordinality as u (v, place) where access_proof.castable(v, %s) order by place",
        [listed, kind],
    ).fetchall()
    lengths = [int(number) for number in constants.numbers if number.isdigit()]
    return list(dict.fromkeys(arrays_made_of([row[0] for row in fit], lengths)))


def _values(side: Side, universe: Universe, column: Column) -> Iterator[str]:
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
