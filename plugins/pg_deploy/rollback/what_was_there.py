"""What was there before an attempt is there after its rollback: known by its oid, checked in the transaction that might drop it.

Tables, columns, rows, sequences, types and schemas. What holds no data (views, indexes, functions, constraints) may be dropped
and made again; that it is equal then, the proof says. The server is asked, not the text: a table that was renamed, moved,
detached, or dropped inside a DO block is still the table that was there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pg_deploy.catalog.names import identity_of
from pg_deploy.catalog.objects import Address, Objects
from pg_deploy.catalog.reader import Facts
from pg_deploy.parsing.statements import Segment
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_text

_HOLDS = ("table", "foreign table", "column", "sequence", "type", "schema")
_GONE = """
select w.classid, w.objid, w.number
from unnest(%s::bigint[], %s::bigint[], %s::int[]) as w (classid, objid, number)
where not case
    when w.classid = 'pg_catalog.pg_namespace'::regclass::bigint
        then exists (select from pg_catalog.pg_namespace n where n.oid = w.objid::oid)
    when w.classid = 'pg_catalog.pg_type'::regclass::bigint
        then exists (select from pg_catalog.pg_type t where t.oid = w.objid::oid)
    when w.number = 0
        then exists (select from pg_catalog.pg_class c where c.oid = w.objid::oid)
    else exists (
        select from pg_catalog.pg_attribute a
        where a.attrelid = w.objid::oid and a.attnum = w.number and not a.attisdropped
    )
end
"""
_FILES = """
select c.oid::bigint, c.relfilenode::bigint, c.oid::regclass::text, pg_catalog.pg_relation_size(c.oid)
from pg_catalog.pg_class c
where c.oid = any (%s::bigint[]::oid[])
  and c.relkind = 'r'
"""
# A row that is added overwrites none: an event trigger that keeps an account of all DDL adds one for each statement.
# A job of pg_cron is a fact of its own, which the proof compares: unscheduling one writes that table as no statement says.
_WRITTEN = """
select s.relid::bigint, s.n_tup_upd, s.n_tup_del
from pg_catalog.pg_stat_xact_all_tables s
where s.relid = any (%s::bigint[]::oid[])
  and s.schemaname <> 'cron'
  and s.n_tup_upd + s.n_tup_del > 0
"""


@dataclass(frozen=True)
class _File:
    number: int
    called: str
    bytes: int


@dataclass(frozen=True)
class Kept:
    """What was there before the attempt and still is when the rollback begins. Without oids, what has rows by now."""

    names: dict[Address, str]
    files: dict[int, _File]
    by_name: bool = False

    def violations(self, connection: Connection, segment: Segment) -> list[str]:
        """What of it the open transaction has dropped, emptied or overwritten; one phrase each. Reads only."""
        gone = {
            (int(classid), int(oid), int(number))
            for classid, oid, number in connection.execute(
                _GONE, [[address[part] for address in self.names] for part in range(3)]
            ).fetchall()
        }
        # Of a table that is gone its columns need no line of their own.
        lines = [
            self._named(address)
            for address in self.names
            if address in gone and (address[2] == 0 or (address[0], address[1], 0) not in gone)
        ]
        return lines if self.by_name else [*lines, *self._emptied(connection), *self._overwritten(connection, segment)]

    def _named(self, address: Address) -> str:
        was, now = self.names[address], self.files.get(address[1])
        if self.by_name:
            return f"{was} (it has rows)"
        if address[2] == 0 and now is not None and not was.endswith(f" {now.called}"):
            return f"{was} (called {now.called} by now)"
        return was

    def _emptied(self, connection: Connection) -> list[str]:
        found = connection.execute(_FILES, [list(self.files)]).fetchall()
        return [
            f"the rows of {self.files[oid].called} (truncated)"
            for oid, number, _, size in found
            if number != self.files[oid].number and size == 0 and self.files[oid].bytes > 0
        ]

    def _overwritten(self, connection: Connection, segment: Segment) -> list[str]:
        if any(each.writes_rows for each in segment.statements):
            # A statement that says which rows it writes was read and approved; the rehearsal compares what it leaves.
            return []
        found = connection.execute(_WRITTEN, [list(self.files)]).fetchall()
        return [
            f"rows of {self.files[oid].called} ({updated} updated, {deleted} deleted)"
            for oid, updated, deleted in found
        ]


def find_kept(connection: Connection, before: Facts, here: Objects | None) -> Kept:
    """What a rollback that begins now has to keep. Of another database, or without addresses, what has rows. Reads only."""
    was = before.objects
    if was is None or here is None or not was.is_of(here):
        return _with_rows(connection)
    still = set(here.keys)
    names = {
        address: f"{key[0]} {key[1]}"
        for key, address in was.addresses.items()
        # What is generated follows from the other columns.
        if key[0] in _HOLDS
        and not (key in before.by_key and "generated" in before.by_key[key].properties)
        and (
            key[0] != "column"
            or any((kind, identity_of(key).relation) in before.by_key for kind in ("table", "foreign table"))
        )
    }
    names = {address: name for address, name in names.items() if address in still}
    return Kept(names, _files(connection, [oid for _, oid, number in names if number == 0]))


def _with_rows(connection: Connection) -> Kept:
    """Every table that has rows now: of a snapshot without oids nobody knows which of them are older than the attempt."""
    rows = connection.execute(
        engine_text("""select 'pg_catalog.pg_class'::regclass::bigint, c.oid::bigint, n.nspname, c.relname
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'deploy_ledger')
          and pg_catalog.pg_relation_size(c.oid) > 0""")
    ).fetchall()
    names: dict[Address, str] = {}
    for classid, oid, namespace, name in rows:
        query = sql.SQL("select exists (select from only {})").format(sql.Identifier(namespace, name))
        try:
            found = connection.execute(query).fetchone()
        except psycopg.errors.InsufficientPrivilege:
            continue
        if found and found[0]:
            names[classid, oid, 0] = f"table {namespace}.{name}"
    return Kept(names, {}, by_name=True)


def _files(connection: Connection, oids: Sequence[int]) -> dict[int, _File]:
    rows = connection.execute(_FILES, [list(oids)]).fetchall()
    return {int(oid): _File(int(number), str(called), int(size)) for oid, number, called, size in rows}
