"""Rows for every table and a position for every sequence, so that what an undo loses can be seen."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from tests.looking import OUR_SCHEMAS

_TABLES = """
select c.oid, n.nspname, c.relname from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> all (%s)
order by c.oid
"""
_COLUMNS = """
select a.attname, b.typcategory::text, format_type(b.oid, null), a.attnotnull, a.atthasdef,
    (select enumlabel from pg_catalog.pg_enum e where e.enumtypid = b.oid order by enumsortorder limit 1),
    (select format('select %%I from %%s order by 1 offset %%s limit 1', f.attname, k.confrelid::regclass, '{n}')
     from pg_catalog.pg_constraint k
     join pg_catalog.pg_attribute f on f.attrelid = k.confrelid and f.attnum = k.confkey[array_position(k.conkey, a.attnum)]
     where k.contype = 'f' and k.conrelid = a.attrelid and a.attnum = any (k.conkey) limit 1)
from pg_catalog.pg_attribute a
join pg_catalog.pg_type t on t.oid = a.atttypid
join pg_catalog.pg_type b on b.oid = case t.typtype when 'd' then t.typbasetype else t.oid end
where a.attrelid = %s and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity = ''
order by a.attnum
"""


class _Column(NamedTuple):
    """A row of `_COLUMNS`; `referred` is a query for value number `{n}` of the column that a foreign key names."""

    name: str
    category: str
    type_name: str
    is_not_null: bool
    has_default: bool
    first_label: str | None
    referred: str | None


def fill(connection: psycopg.Connection[Any]) -> None:
    """Two rows for each empty table that takes them, three steps for each sequence; views that hold rows are refreshed. Commits.

    Nothing if a view cannot hold what the rows would give it.
    """
    with suppress(psycopg.Error), connection.transaction():
        _fill_all(connection)


def _fill_all(connection: psycopg.Connection[Any]) -> None:
    connection.execute("set search_path = ''")
    for _ in range(2):
        # Twice: a table may need one that comes later.
        for oid, namespace, name in connection.execute(_TABLES, [list(OUR_SCHEMAS)]).fetchall():
            table = sql.Identifier(namespace, name)
            if connection.execute(sql.SQL("select exists (select from {})").format(table)).fetchone() == (False,):
                _fill_table(connection, oid, table)
    for (name,) in connection.execute(
        """select c.oid::regclass::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = relnamespace
        where c.relkind = 'S' and n.nspname <> all (%s)""",
        [list(OUR_SCHEMAS)],
    ).fetchall():
        for _ in range(3):
            _try(connection, sql.SQL("select nextval({})").format(sql.Literal(name)))
    for (name,) in connection.execute(
        "select c.oid::regclass::text from pg_catalog.pg_class c where relkind = 'm' and relispopulated order by c.oid"
    ).fetchall():
        connection.execute(f"refresh materialized view {name}".encode())


def _fill_table(connection: psycopg.Connection[Any], oid: int, table: sql.Identifier) -> None:
    columns = [_Column(*row) for row in connection.execute(_COLUMNS, [oid]).fetchall()]
    for number in (1, 2):
        for only_needed in (False, True):
            chosen = [each for each in columns if not only_needed or (each.is_not_null and not each.has_default)]
            values = [_value(each, number) for each in chosen]
            statement = sql.SQL("insert into {} default values").format(table)
            if chosen:
                names = sql.SQL(", ").join(sql.Identifier(each.name) for each in chosen)
                statement = sql.SQL("insert into {} ({}) values ({})").format(table, names, sql.SQL(", ").join(values))
            if _try(connection, statement):
                break


def _value(column: _Column, number: int) -> sql.Composable:
    if column.referred:
        return sql.SQL("(" + column.referred.replace("{n}", str(number - 1)) + ")")
    texts = {
        "N": str(number),
        "S": str(number),
        "B": "true" if number == 1 else "false",
        "D": "10:00:00" if column.type_name.startswith("time ") else f"2024-05-0{number}",
        "T": f"{number} hours",
        "E": column.first_label,
        "A": "{}",
        "I": f"10.0.0.{number}",
        "G": f"({number},{number})" if column.type_name == "point" else None,
        "V": "101",
        "R": "empty",
        "U": {
            "uuid": f"00000000-0000-0000-0000-00000000000{number}",
            "jsonb": f'{{"a": {number}}}',
            "json": f'{{"a": {number}}}',
            "bytea": f"\\x0{number}",
            "xml": "<a/>",
            "tsvector": "a",
        }.get(column.type_name, "1" if "citext" in column.type_name else None),
    }
    text = texts.get(column.category)
    return sql.SQL("null") if text is None else sql.Literal(text)


def _try(connection: psycopg.Connection[Any], statement: sql.SQL | sql.Composed) -> bool:
    try:
        with connection.transaction():
            connection.execute(statement)
    except psycopg.Error:
        return False
    return True
