"""Is an existing index the one that a statement asks for? And which keys prevent a unique index?"""

from __future__ import annotations

import re
from typing import Any

import psycopg

from pg_deploy.grammar.parser import parse_sql
from pg_deploy.grammar.printer import printed
from pg_deploy.postgres.session import Connection, aborted_transaction
from pg_deploy.postgres.sql_files import engine_sql

_DUPLICATES = engine_sql("execution/duplicate_keys")
_SHADOW = "pg_deploy_shadow"
_SHOWN_KEYS = 5


def wanted_definition(connection: Connection, statement: str, table: str) -> str | None:
    """The definition that this CREATE INDEX would get, in the words of pg_get_indexdef after the table; None if it is unknown.

    To find out, the index is made on an empty temporary copy of `table` (qualified), in a transaction that is aborted.
    """
    try:
        (raw,) = parse_sql(statement)
        node: Any = raw.stmt
        node.concurrent = False
        node.if_not_exists = False
        node.idxname = f"{_SHADOW}_index"
        node.relation.schemaname = "pg_temp"
        node.relation.relname = _SHADOW
        shadow = printed(node)
        with aborted_transaction(connection, writes=True, role_search_path=True):
            connection.execute(f"create temporary table {_SHADOW} (like {table}) on commit drop".encode())
            connection.execute(shadow.encode())
            row = connection.execute(
                "select pg_catalog.pg_get_indexdef(pg_catalog.to_regclass(%s))", [f"pg_temp.{_SHADOW}_index"]
            ).fetchone()
    except (psycopg.Error, ValueError, AttributeError):
        return None
    return _after_table(row[0]) if row and row[0] else None


def present_definition(connection: Connection, index: str) -> str | None:
    """The definition of the existing index of that name, in the same words; None if there is none. Reads only."""
    row = connection.execute("select pg_catalog.pg_get_indexdef(pg_catalog.to_regclass(%s))", [index]).fetchone()
    return _after_table(row[0]) if row and row[0] else None


def duplicate_keys(connection: Connection, index: str) -> tuple[str, ...]:
    """Up to five keys, with their counts, that occur more than once though that (invalid, unique) index wants each once. Reads only."""
    row = connection.execute(_DUPLICATES, {"index": index, "most": _SHOWN_KEYS}).fetchone()
    if row is None or row[0] is None:
        return ()
    try:
        with aborted_transaction(connection, timeout_s=60):
            keys = connection.execute(str(row[0]).encode()).fetchall()
    except psycopg.Error:
        return ()
    return tuple(f"{key} ({count} rows)" for key, count in keys)


def _after_table(definition: str) -> str:
    """The part of a definition that does not name the index or its table: `UNIQUE USING btree (a, b) …`."""
    unique = "UNIQUE " if definition.startswith("CREATE UNIQUE") else ""
    return unique + re.sub(r"^.*? (USING )", r"\1", definition, count=1, flags=re.DOTALL)
