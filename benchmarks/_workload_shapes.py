"""Statements of many shapes over the tables of a schema, each as often as there are columns to vary it with. No two are recorded as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice

import psycopg

_VALUES = {
    "uuid": "'00000000-0000-0000-0000-000000000001'",
    "text": "'x'",
    "integer": "7",
    "numeric": "0.5",
    "boolean": "true",
    "jsonb": "'{}'",
    "timestamp with time zone": "'2025-01-01'",
}


@dataclass(frozen=True)
class Table:
    """A table: its columns with their types, and the key that a conflict is about."""

    name: str
    columns: Mapping[str, str]
    key: str

    def some(self, turn: int, least: int = 1) -> list[str]:
        """A choice of columns: another for each turn, as long as there are any."""
        names = list(self.columns)
        mask = turn % (2 ** len(names) - 1) + 1
        chosen = [name for place, name in enumerate(names) if mask >> place & 1]
        return chosen if len(chosen) >= least else names

    def one(self, turn: int) -> str:
        """A column whose values can be compared and ordered."""
        names = [name for name, kind in self.columns.items() if kind != "jsonb"]
        return names[turn % len(names)]

    def value(self, column: str) -> str:
        """A constant of the column's type."""
        return _VALUES[self.columns[column]]


def _plain(table: Table, turn: int) -> str:
    chosen, where, order = ", ".join(table.some(turn)), table.one(turn), table.one(turn // 3)
    return f"select {chosen} from {table.name} where {where} = {table.value(where)} order by {order} desc limit 20"


def _django(table: Table, turn: int) -> str:
    chosen = ", ".join(f'"{table.name}"."{each}"' for each in table.some(turn))
    where = table.one(turn + 1)
    values = ", ".join([table.value(where)] * (2 + turn % 3))
    return f'SELECT {chosen} FROM "{table.name}" WHERE "{table.name}"."{where}" IN ({values}) OFFSET 10'


def _alchemy(table: Table, turn: int) -> str:
    chosen = ", ".join(f"{table.name}_1.{each} AS {table.name}_{each}" for each in table.some(turn))
    return f"SELECT {chosen} FROM {table.name} AS {table.name}_1 WHERE {table.name}_1.{table.one(turn)} IS NOT NULL LIMIT 5 OFFSET 5"


def _postgrest(table: Table, turn: int) -> str:
    chosen = ", ".join(f'"public"."{table.name}"."{each}"' for each in table.some(turn))
    where = table.one(turn)
    return (
        f'WITH pgrst_source AS (SELECT {chosen} FROM "public"."{table.name}" WHERE "public"."{table.name}"."{where}" >='
        f" {table.value(where) if table.columns[where] != 'boolean' else 'false'} LIMIT 50 OFFSET 0) SELECT null::bigint AS"
        " total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body"
        " FROM (SELECT * FROM pgrst_source) _postgrest_t"
    )


def _counted(table: Table, turn: int) -> str:
    groups = [each for each in table.some(turn) if table.columns[each] != "jsonb"] or [table.one(turn)]
    return f"select {', '.join(groups)}, count(*) from {table.name} group by {', '.join(groups)} having count(*) > 3"


def _report(table: Table, turn: int) -> str:
    chosen = ", ".join(f"count({each}) as many_{each}" for each in table.some(turn))
    return (
        f"select date_trunc('day', created_at), {chosen} from {table.name} where created_at > now() - interval '7 days'"
        " group by 1 order by 1"
    )


def _window(table: Table, turn: int) -> str:
    chosen = ", ".join(table.some(turn))
    return f"select {chosen}, row_number() over (partition by {table.one(turn)} order by {table.one(turn + 1)}) from {table.name} limit 10"


def _insert(table: Table, turn: int) -> str:
    names = sorted({*table.some(turn), table.key})
    values = ", ".join(table.value(name) for name in names)
    return f"insert into {table.name} ({', '.join(names)}) select {values} where 1 = 2 returning {table.one(turn)}"


def _upsert(table: Table, turn: int) -> str:
    names = sorted({*table.some(turn), table.key})
    changes = ", ".join(f"{name} = excluded.{name}" for name in names)
    return (
        f"insert into {table.name} ({', '.join(names)}) select {', '.join(names)} from {table.name}"
        f" where {table.key} = {table.value(table.key)} on conflict ({table.key}) do update set {changes}"
    )


def _update(table: Table, turn: int) -> str:
    changes = ", ".join(f"{name} = {table.value(name)}" for name in table.some(turn))
    return f"update {table.name} set {changes} where {table.key} = {table.value(table.key)}"


def _deleted(table: Table, turn: int) -> str:
    chosen = ", ".join(table.some(turn))
    where = table.one(turn)
    return f"with gone as (delete from {table.name} where {where} = {table.value(where)} returning {chosen}) select count(*) from gone"


def _joined(table: Table, turn: int) -> str:
    chosen = ", ".join(f"a.{each}" for each in table.some(turn))
    on = table.one(turn)
    return f"select {chosen} from {table.name} a join {table.name} b on a.{on} = b.{on} where a.{table.key} = {table.value(table.key)}"


_SHAPES: tuple[Callable[[Table, int], str], ...] = (
    _plain, _django, _alchemy, _postgrest, _counted, _report, _window, _insert, _upsert, _update, _deleted, _joined,
)  # fmt: skip


def shapes(admin: psycopg.Connection, number: int) -> Iterator[str]:
    """That many statements over the tables of public that have a key of one column. Reads the catalog only."""
    tables = [
        Table(name, columns, key)
        for name, columns, key in admin.execute(
            "select c.relname, json_object_agg(a.attname, format_type(a.atttypid, null) order by a.attnum),"
            " (select k.attname from pg_index i join pg_attribute k on k.attrelid = i.indrelid and k.attnum = i.indkey[0]"
            " where i.indrelid = c.oid and i.indisprimary and i.indnatts = 1)"
            " from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
            " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' group by c.oid order by c.relname"
        )
        if key is not None and "created_at" in columns
    ]

    def endless() -> Iterator[str]:
        seen: set[str] = set()
        for turn in count():
            for shape in _SHAPES:
                for table in tables:
                    # One after the other would leave the later columns out of the first thousand.
                    text = shape(table, turn * 7)
                    if text not in seen:
                        seen.add(text)
                        yield text

    return islice(endless(), number)
