"""Rows whose keys, or whose columns that policies read, differ between the two sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pg_deploy.access.engines.compared_sides import Side
from pg_deploy.access.engines.universe import Universe, matched, weight_name
from pg_deploy.postgres.quoting import quote

MOST_ROWS = 500_000


@dataclass(frozen=True)
class DataChange:
    """What became of a table's rows: keys as text. `moved` keys exist on both sides with other values of `columns`."""

    table: str
    columns: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    moved: tuple[str, ...]
    complete: bool = True
    places: Mapping[str, tuple[tuple[int, int] | None, tuple[int, int] | None]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """Of moved and removed keys: the digests of their tuples before and after."""

    @property
    def sentence(self) -> str:
        """For people."""
        parts = []
        for keys, said in (
            (self.moved, f"changed {' or '.join(self.columns)}"),
            (self.removed, "are gone"),
            (self.added, "are new"),
        ):
            if keys:
                some = ", ".join(keys[:5]) + (", …" if len(keys) > 5 else "")
                parts.append(f"{len(keys)} rows {said} ({some})")
        otherwise = "rows without a primary key are others" if self.complete else "too many rows to tell them apart"
        return f'data of "{self.table}" differs: ' + ("; ".join(parts) or otherwise)


def compare_rows(
    old: Side, new: Side, table: str, universe: Universe, new_columns: Universe | None = None
) -> DataChange:
    """The keys that differ; leaves new rows out of the new side's weights, so that these speak of rows that existed before.

    Where the columns themselves are others (`new_columns` is then the new side's universe), only keys are compared.
    """
    columns = tuple(column.name for column in universe.columns)
    if new_columns is not None:
        return _by_key(old, new, table, columns, new_columns)
    before, after = _weights(old, table, universe), _weights(new, table, universe)
    gone = {key for key, value in before.items() if after.get(key) != value}
    come = {key for key, value in after.items() if before.get(key) != value}
    rows_before = _keys(old, table, universe, gone)
    rows_after = _keys(new, table, universe, come)
    if rows_before is None or rows_after is None:
        return DataChange(table, columns, (), (), (), complete=False)
    added = tuple(sorted(rows_after.keys() - rows_before.keys()))
    removed = tuple(sorted(rows_before.keys() - rows_after.keys()))
    moved = tuple(sorted(key for key in rows_before.keys() & rows_after.keys() if rows_before[key] != rows_after[key]))
    if added:
        _leave_out(new, table, universe, added)
    places = {key: (rows_before.get(key), rows_after.get(key)) for key in (*moved, *removed)}
    return DataChange(table, columns, added, removed, moved, places=places)


def _by_key(old: Side, new: Side, table: str, columns: tuple[str, ...], new_columns: Universe) -> DataChange:
    keys = []
    for side in (old, new):
        rows = side.connection.execute(
            f"select {key_text(side, table)} from {side.relations[table].quoted} t limit {MOST_ROWS + 1}".encode()
        ).fetchall()
        keys.append({row[0] for row in rows})
    if max(map(len, keys)) > MOST_ROWS:
        return DataChange(table, columns, (), (), (), complete=False)
    added, removed = tuple(sorted(keys[1] - keys[0])), tuple(sorted(keys[0] - keys[1]))
    if added:
        _leave_out(new, table, new_columns, added)
    return DataChange(table, columns, added, removed, ())


def key_text(side: Side, table: str) -> str:
    """The key of a row `t` as text: the only column of a plain key, else the row of all of them."""
    key = side.relations[table].key
    if len(key) == 1:
        return f"t.{quote(key[0])}::text"
    return f"row({', '.join('t.' + quote(part) for part in key)})::text" if key else side.row_text(table)


def _weights(side: Side, table: str, universe: Universe) -> dict[tuple[int, int], tuple[int, int, int]]:
    rows = side.connection.execute(
        f"select q.h1, q.h2, w.n, w.x1, w.x2 from {weight_name(side.relations[table].id)} w"
        f" join {universe.name} q using (tid)".encode()
    ).fetchall()
    return {(row[0], row[1]): (row[2], row[3], row[4]) for row in rows}


def _keys(
    side: Side, table: str, universe: Universe, tuples: set[tuple[int, int]]
) -> dict[str, tuple[int, int]] | None:
    if not tuples:
        return {}
    relation = side.relations[table]
    names = ", ".join("t." + quote(column.name) for column in universe.columns)
    found: dict[str, tuple[int, int]] = {}
    row = f"row({names})::text"
    rows = side.connection.execute(
        f"select {key_text(side, table)}, hashtextextended({row}, 11), hashtextextended({row}, 23) from {relation.quoted} t"
        f" where hashtextextended({row}, 11) = any (%s) limit {MOST_ROWS + 1}".encode(),
        [sorted({first for first, _ in tuples})],
    ).fetchall()
    if len(rows) > MOST_ROWS:
        return None
    for key, first, second in rows:
        found[key] = (first, second)
    return found


def _leave_out(side: Side, table: str, universe: Universe, keys: tuple[str, ...]) -> None:
    relation = side.relations[table]
    connection = side.connection
    hashed = f"row({', '.join('t.' + quote(part) for part in relation.key)})"
    first, second = f"hash_record_extended({hashed}, 11)", f"hash_record_extended({hashed}, 23)"
    if not relation.key:
        first, second = (f"hashtextextended({side.row_text(table)}, {seed})" for seed in (11, 23))
    weight = weight_name(relation.id)
    connection.execute(
        f"with gone as (select q.tid, count(*) as n, bit_xor({first}) as x1,"
        f" bit_xor({second}) as x2 from {relation.quoted} t join {universe.name} q"
        f" on {matched(universe)} where {key_text(side, table)} = any (%s) group by q.tid)"
        f" update {weight} w set n = w.n - g.n, x1 = w.x1 # g.x1, x2 = w.x2 # g.x2 from gone g where g.tid = w.tid".encode(),
        [list(keys)],
    )
