"""What decides about a pair besides policies: the row, its parents, and the rows of look-up tables that name the subject."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import psycopg

from pg_deploy.access.predicates.reach import Relation
from pg_deploy.catalog.dependencies import closure_of
from pg_deploy.catalog.names import Identity, identity_of
from pg_deploy.catalog.reader import Facts
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import Connection

DEEPEST = 3
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_USER_COLUMNS = """select n.nspname::text, c.relname::text, a.attname::text, t.typname::text
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_type t on t.oid = a.atttypid
    join pg_catalog.pg_class c on c.oid = a.attrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where (n.nspname, c.relname) in (select * from unnest(%s::text[], %s::text[]))
      and a.attnum > 0
      and not a.attisdropped
      and t.typname in ('uuid', 'text', 'varchar')
      and (
        a.attname ~ '(user|owner|member|author|profile)'
        or exists (
            select
            from pg_catalog.pg_index i
            where i.indrelid = a.attrelid
              and i.indkey[0] = a.attnum
        )
      )
    order by 1, 2, 3"""
_FOREIGN_KEYS = """select own.nspname::text, o.relname::text, a.attname::text, n.nspname::text, c.relname::text, b.attname::text
    from pg_catalog.pg_constraint f
    join pg_catalog.pg_class o on o.oid = f.conrelid
    join pg_catalog.pg_namespace own on own.oid = o.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[1]
    join pg_catalog.pg_class c on c.oid = f.confrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_attribute b on b.attrelid = f.confrelid and b.attnum = f.confkey[1]
    where f.contype = 'f'
      and cardinality(f.conkey) = 1
      and n.nspname <> 'auth'
    order by 1, 2, 3, 4, 5, 6"""

Place = tuple[str, str]
"""Schema and name of a table."""
Parents = Mapping[Place, Sequence[tuple[str, str, str, str]]]
"""For each table its foreign keys of one column: that column, and the schema, table and column that it points at."""


def lookup_tables(connection: Connection, facts: Facts) -> tuple[Place, ...]:
    """The tables that have policies or that policies rest on, without empty and very large ones. Reads only."""
    wanted = {identity for kind, identity in closure_of(facts).of_all_policies if kind == "table"} | _with_policies(
        facts
    )
    rows = connection.execute(
        "select c.oid::bigint, n.nspname::text, c.relname::text from pg_catalog.pg_class c"
        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
        " where format('%%I.%%I', n.nspname, c.relname) = any (%s) and c.relkind in ('r', 'p')"
        " and n.nspname not in ('cron', 'auth') and c.reltuples < 5000000 order by 2, 3",
        [sorted(wanted)],
    ).fetchall()
    unused = empty_tables(connection, {row[0] for row in rows})
    return tuple((schema, name) for oid, schema, name in rows if oid not in unused)


def _with_policies(facts: Facts) -> set[Identity]:
    return {fact.identity.relation for fact in facts.facts if fact.kind == "policy"}


def empty_tables(connection: Connection, oids: Collection[int]) -> frozenset[int]:
    """The tables among these that have no page in use; none at all if a lock keeps us from looking. Reads only."""
    try:
        with connection.transaction():
            rows = connection.execute(
                "select c.oid::bigint from pg_catalog.pg_class c"
                " where c.oid = any (%s::bigint[]::oid[]) and c.relkind = 'r' and pg_relation_size(c.oid) = 0",
                [sorted(oids)],
            ).fetchall()
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
        return frozenset()
    return frozenset(row[0] for row in rows)


def looked_up_by(*sides: Facts) -> dict[str, tuple[str, ...]]:
    """For each table that policies of other tables rest on, on any side: these other tables, as `schema.name`. Pure."""
    found: dict[str, set[str]] = {}
    for facts in sides:
        closure = closure_of(facts)
        for table in _with_policies(facts):
            for node in closure.of(("table", table)):
                if node[0] == "table" and node[1] != table:
                    found.setdefault(identity_of(node).plain, set()).add(table.plain)
    return {table: tuple(sorted(by)) for table, by in found.items()}


def rows_naming(
    connection: Connection, tables: tuple[Place, ...], users: Sequence[str]
) -> Iterator[tuple[str, str, dict[str, object]]]:
    """The rows of these tables that name one of these users: (user, table, row). Reads only.

    Only columns that lead an index, or whose name speaks of people, are searched. A search that takes too long is left out.
    """
    columns = _user_columns(connection, tables)
    for place in tables:
        for user, row in _select_by_user(connection, place, columns, users, "to_jsonb(t)"):
            yield user, ".".join(place), row


def digest_own_rows(connection: Connection, tables: tuple[Place, ...], users: Sequence[str]) -> dict[str, str]:
    """Digest, for each user, the rows that name the user and the rows that their foreign keys point at. Reads only."""
    found: dict[str, list[str]] = {}
    columns = _user_columns(connection, tables)
    parents = _foreign_keys(connection)
    for place in tables:
        for user, row in _select_by_user(connection, place, columns, users, "to_jsonb(t)"):
            found.setdefault(user, []).append(f"{'.'.join(place)} {json.dumps(row, sort_keys=True, default=str)}")
        joins, texts = _join_parents(parents, place, "t", 0, [0])
        if texts:
            expression = f"md5(concat_ws('|', {', '.join(texts)}))"
            for user, digest in _select_by_user(connection, place, columns, users, expression, " ".join(joins)):
                found.setdefault(user, []).append(digest)
    return {user: hashlib.sha256(repr(sorted(rows)).encode()).hexdigest() for user, rows in found.items()}


def _select_by_user(
    connection: Connection,
    place: Place,
    columns: Mapping[Place, Sequence[tuple[str, str]]],
    users: Sequence[str],
    expression: str,
    joins: str = "",
) -> Iterator[tuple[str, Any]]:
    """For each row `t` of a table that names one of the users: that user, and the value of the expression."""
    for column, kind in columns.get(place, ()):
        wanted = [user for user in users if kind != "uuid" or _UUID.fullmatch(user)]
        if not wanted:
            continue
        try:
            with connection.transaction():
                rows = connection.execute(
                    f"select t.{quote(column)}::text, {expression} from {quote(*place)} t {joins}"
                    f" where t.{quote(column)} = any (%s::{kind}[])".encode(),
                    [wanted],
                ).fetchall()
        except psycopg.errors.QueryCanceled:
            continue
        yield from rows


def read_rows_as_json(connection: Connection, relation: Relation, keys: Sequence[str]) -> dict[str, str]:
    """Read the rows of these keys as JSON, by key. Reads only."""
    rows = connection.execute(
        f"select {key_text(relation)}, to_jsonb(t)::text from {relation.quoted} t where {key_among(relation)}".encode(),
        [list(keys)],
    ).fetchall()
    return {row[0]: row[1] for row in rows}


def digest_rows_and_parents(
    connection: Connection, relations: list[Relation], keys: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """Digest each row together with its parents; by `table key`. Reads only."""
    found: dict[str, str] = {}
    parents = _foreign_keys(connection)
    for relation in relations:
        wanted = list(keys.get(relation.full_name, ()))
        key = key_text(relation)
        joins, texts = _join_parents(parents, (relation.schema, relation.name), "t", 0, [0])
        rows = connection.execute(
            f"select {key}, md5(concat_ws('|', t::text{''.join(f', {text}' for text in texts)}))"
            f" from {relation.quoted} t {' '.join(joins)} where {key_among(relation)}".encode(),
            [wanted],
        ).fetchall()
        for name, digest in rows:
            found[f"{relation.full_name} {name}"] = digest
    return found


def key_text(relation: Relation) -> str:
    """The primary key of a row `t` as text."""
    if len(relation.key) == 1:
        return f"t.{quote(relation.key[0])}::text"
    return f"row({', '.join('t.' + quote(part) for part in relation.key)})::text"


def key_among(relation: Relation) -> str:
    """The condition that a row's key is among the texts of a parameter; it uses the index if the key is one column."""
    if len(relation.key) == 1:
        return f"t.{quote(relation.key[0])} = any (%s::text[]::{relation.key_types[0]}[])"
    return f"{key_text(relation)} = any (%s::text[])"


def _foreign_keys(connection: Connection) -> Parents:
    """The tables that foreign keys point at, without the users of auth: which user a row is of does not change. Reads only."""
    found: dict[Place, list[tuple[str, str, str, str]]] = {}
    for schema, table, *link in connection.execute(_FOREIGN_KEYS).fetchall():
        found.setdefault((schema, table), []).append((link[0], link[1], link[2], link[3]))
    return found


def _user_columns(connection: Connection, tables: Sequence[Place]) -> Mapping[Place, Sequence[tuple[str, str]]]:
    """The columns of these tables in which a user may be named, with their types."""
    found: dict[Place, list[tuple[str, str]]] = {}
    places = [[place[part] for place in tables] for part in (0, 1)]
    for schema, table, column, kind in connection.execute(_USER_COLUMNS, places).fetchall():
        found.setdefault((schema, table), []).append((column, kind))
    return found


def _join_parents(
    parents: Parents, table: Place, alias: str, depth: int, counter: list[int]
) -> tuple[list[str], list[str]]:
    """The joins that lead from a row to its parents, and theirs, and each parent as text; `counter` numbers the aliases."""
    if depth >= DEEPEST:
        return [], []
    joins: list[str] = []
    texts: list[str] = []
    for column, schema, name, parent in parents.get(table, ()):
        counter[0] += 1
        own = f"p{counter[0]}"
        joins.append(f"left join {quote(schema, name)} {own} on {own}.{quote(parent)} = {alias}.{quote(column)}")
        texts.append(f"{own}::text")
        more_joins, more_texts = _join_parents(parents, (schema, name), own, depth + 1, counter)
        joins += more_joins
        texts += more_texts
    return joins, texts
