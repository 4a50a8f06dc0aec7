"""The objects behind the facts: who is meant, whatever it is called, and who needs whom.

An address holds in one database of one server only: a copy, or a restored database, has others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from pg_deploy.catalog.names import Key
from pg_deploy.catalog.rows import prepared
from pg_deploy.postgres.sql_files import engine_sql, engine_text

Address = tuple[int, int, int]
"""The catalog's oid, the object's, and a column's number or 0."""
Which = Literal["none", "held", "all"]
"""Nothing; what holds data; everything, with its dependencies."""

_AT_ONCE = 100
"""How many sequences are read by one statement: its parts are nested, and the server's stack has an end."""


@dataclass(frozen=True)
class Objects:
    """Addresses by kind and identity, in the database `database` of the server `system`.

    With `is_whole`, all objects are here, and `edges` says which address needs which, and why (pg_depend's letter).
    `positions` says how far each sequence had come that the role may read.
    """

    system: str
    database: int
    rows: tuple[tuple[str, str, int, int, int], ...]
    is_whole: bool = False
    edges: tuple[tuple[int, int, int, int, int, int, str], ...] = ()
    positions: tuple[tuple[str, int, bool], ...] = ()

    @cached_property
    def addresses(self) -> Mapping[Key, Address]:
        """The address of each object that is known."""
        return {(kind, identity): (classid, oid, number) for kind, identity, classid, oid, number in self.rows}

    @cached_property
    def keys(self) -> Mapping[Address, Key]:
        """The object at each address."""
        return {address: key for key, address in self.addresses.items()}

    def is_of(self, other: Objects) -> bool:
        """Whether both speak of the same database."""
        return (self.system, self.database) == (other.system, other.database)

    def text(self) -> str:
        """For the ledger."""
        return json.dumps(
            [self.system, self.database, self.rows, self.is_whole, self.edges, self.positions], separators=(",", ":")
        )


def from_text(text: str | None) -> Objects | None:
    """What `text()` wrote; None of a snapshot that kept none."""
    if not text:
        return None
    system, database, rows, is_whole, edges, positions = json.loads(text)
    return Objects(system, database, _tuples(rows), is_whole, _tuples(edges), _tuples(positions))


def read_objects(cursor: psycopg.Cursor[TupleRow], which: Which, *, keep_plan: bool = False) -> Objects | None:
    """The objects, in the open transaction that `read_rows` has set up; `keep_plan` as there. Reads only."""
    if which == "none":
        return None
    included = engine_sql("catalog/common/included")

    def fetched(file: str) -> list[TupleRow]:
        statement = included + engine_sql(f"catalog/common/{file}")
        return cursor.execute(prepared(cursor, statement) if keep_plan else statement, prepare=False).fetchall()

    system, database = read_place(cursor)
    if which == "held":
        held = fetched("held")
        known = _tuples(json.loads(held[0][0]) if held else ())
        return Objects(system, database, known, positions=tuple(_positions(cursor)))
    rows, edges = sorted(fetched("objects")), sorted(fetched("dependencies"))
    return Objects(system, database, tuple(rows), True, tuple(edges), tuple(_positions(cursor)))


def read_place(cursor: psycopg.Cursor[TupleRow]) -> tuple[str, int]:
    """The server and the database that a session is in. Reads only."""
    row = cursor.execute(
        """select (select system_identifier from pg_catalog.pg_control_system())::text, b.oid::bigint
        from pg_catalog.pg_database b where b.datname = current_database()"""
    ).fetchone()
    return (str(row[0]), int(row[1])) if row else ("", 0)


def _positions(cursor: psycopg.Cursor[TupleRow]) -> list[tuple[str, int, bool]]:
    """How far each sequence had come that this role may read."""
    sequences = cursor.execute(
        engine_text("""select n.nspname, c.relname, format('%I.%I', n.nspname, c.relname)
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where case when c.relkind = 'S' and n.nspname <> 'deploy_ledger'
            then pg_catalog.has_sequence_privilege(c.oid, 'select') else false end""")
    ).fetchall()
    each = sql.SQL("select {}, last_value, is_called from {}")
    queries = [each.format(identity, sql.Identifier(namespace, name)) for namespace, name, identity in sequences]
    found: list[tuple[str, int, bool]] = []
    for first in range(0, len(queries), _AT_ONCE):
        found += cursor.execute(sql.SQL(" union all ").join(queries[first : first + _AT_ONCE])).fetchall()
    return found


def _tuples(rows: Iterable[Sequence[Any]]) -> tuple[Any, ...]:
    return tuple(tuple(row) for row in rows)
