"""What is in the tables of a copy, and how far its sequences are: read before a migration, compared before its undo counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pg_deploy.session import Connection

_SMALL = 64 * 1024 * 1024
"""Larger tables, in bytes, are read only where the migration's text names them."""
_TABLES = """
select n.nspname, c.relname, pg_catalog.pg_relation_size(c.oid),
    array(
        select a.attname from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum
    )
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'deploy_ledger', 'supabase_migrations')
"""
_SEQUENCES = """
select n.nspname, c.relname from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and n.nspname !~ '^pg_' and n.nspname not in ('deploy_ledger', 'supabase_migrations')
"""

Name = tuple[str, str]


@dataclass(frozen=True)
class Contents:
    """By table: how many rows, and of each column a digest of each value, order-free; by sequence: its position."""

    rows: Mapping[Name, int]
    values: Mapping[Name, Mapping[str, Counter[int]]]
    positions: Mapping[Name, int]
    text: str = ""

    def lost(self, connection: Connection) -> tuple[str, ...]:
        """What the open transaction would leave otherwise, with numbers; empty where all is there again. Reads only."""
        return tuple(self._differences(read_contents(connection, self.text)))

    def _differences(self, now: Contents) -> Iterator[str]:
        for table in sorted(self.rows):
            name = ".".join(table)
            missing = self.rows[table] - now.rows.get(table, 0)
            if missing > 0:
                yield f"rows of {name}: {missing:,} of {self.rows[table]:,} would be missing"
                continue
            if missing < 0:
                yield f"rows of {name}: {-missing:,} more than before"
            for column, was in self.values[table].items():
                count = (was - now.values.get(table, {}).get(column, Counter())).total()
                if count:
                    yield f"column {column} of {name}: {count:,} {'value' if count == 1 else 'values'} would be others"
        for sequence, position in sorted(self.positions.items()):
            found = now.positions.get(sequence)
            if found is not None and found < position:
                yield f"sequence {'.'.join(sequence)}: it would stand at {found}, and stood at {position}"


def read_contents(connection: Connection, text: str) -> Contents:
    """All small tables, and those larger ones that `text` names. Reads only; what may not be read is left out."""
    rows: dict[Name, int] = {}
    values: dict[Name, dict[str, Counter[int]]] = {}
    for namespace, name, size, columns in connection.execute(_TABLES).fetchall():
        if size > _SMALL and not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text):
            continue
        read = _columns(connection, (namespace, name), columns)
        if read is not None:
            rows[namespace, name], values[namespace, name] = read
    positions = {}
    for namespace, name in connection.execute(_SEQUENCES).fetchall():
        query = sql.SQL("select last_value - case when is_called then 0 else 1 end from {}").format(
            sql.Identifier(namespace, name)
        )
        found = _asked(connection, query)
        if found:
            positions[namespace, name] = int(found[0][0])
    return Contents(rows, values, positions, text)


def _columns(connection: Connection, table: Name, columns: list[str]) -> tuple[int, dict[str, Counter[int]]] | None:
    digests = [
        sql.SQL("coalesce(pg_catalog.hashtextextended({}::text, 0), 0)").format(sql.Identifier(column))
        for column in columns
    ]
    query = sql.SQL("select {} from only {}").format(sql.SQL(", ").join(digests), sql.Identifier(*table))
    found = _asked(connection, query)
    if found is None:
        return None
    return len(found), {column: Counter(row[number] for row in found) for number, column in enumerate(columns)}


def _asked(connection: Connection, query: sql.Composed) -> list[Any] | None:
    try:
        with connection.transaction():
            return connection.execute(query).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return None
