"""What decides about a pair besides policies: the row, its parents, and the subject's own rows in look-up tables."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pg_deploy.access.reach import Relation
from pg_deploy.access.text import quote, statement
from pg_deploy.session import Connection

DEEPEST = 3


def lookup_tables(connection: Connection) -> tuple[tuple[str, str], ...]:
    """The tables (schema, name) that policies read, beside those whose policies they are. Reads only."""
    oids: set[int] = set()
    for relation, tables, *_ in connection.execute(statement("dependencies")).fetchall():
        oids.update(oid for oid in tables if oid != relation)
        oids.add(relation)
    return tuple(
        (row[0], row[1])
        for row in connection.execute(
            "select n.nspname::text, c.relname::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n"
            " on n.oid = c.relnamespace where c.oid = any (%s::bigint[]::oid[]) and c.relkind in ('r', 'p')"
            " and n.nspname not in ('cron', 'auth') and c.reltuples < 5000000 order by 1, 2",
            [sorted(oids)],
        ).fetchall()
    )


def own_rows(
    connection: Connection, tables: tuple[tuple[str, str], ...], users: list[str]
) -> dict[str, tuple[int, str]]:
    """For each user: how many rows of these tables name them in an indexed column, and a digest of those rows. Reads only."""
    found: dict[str, list[tuple[str, str]]] = {}
    for schema, name in tables:
        for (column,) in connection.execute(
            "select distinct a.attname::text from pg_catalog.pg_attribute a"
            " join pg_catalog.pg_index i on i.indrelid = a.attrelid and a.attnum = any (i.indkey::smallint[])"
            " where a.attrelid = format('%%I.%%I', %s::text, %s::text)::regclass"
            " and a.atttypid in ('uuid'::regtype, 'text'::regtype) and a.attname ~ '(user|owner|member|author|profile)'",
            [schema, name],
        ).fetchall():
            rows = connection.execute(
                f"select t.{quote(column)}::text, md5(t::text) from {quote(schema, name)} t"
                f" where t.{quote(column)}::text = any (%s) order by 1, 2".encode(),
                [users],
            ).fetchall()
            for user, digest in rows:
                found.setdefault(user, []).append((name, digest))
    return {user: (len(rows), hashlib.sha256(repr(sorted(rows)).encode()).hexdigest()) for user, rows in found.items()}


def contexts(connection: Connection, relations: list[Relation], keys: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """A digest of each row and of its parents, by `table key`. Reads only."""
    found: dict[str, str] = {}
    for relation in relations:
        wanted = list(keys.get(relation.full_name, ()))
        key = (
            f"t.{quote(relation.key[0])}::text"
            if len(relation.key) == 1
            else f"row({', '.join('t.' + quote(part) for part in relation.key)})::text"
        )
        joins, texts = _parents(connection, (relation.schema, relation.name), "t", 0, [0])
        rows = connection.execute(
            f"select {key}, md5(concat_ws('|', t::text{''.join(f', {text}' for text in texts)}))"
            f" from {relation.quoted} t {' '.join(joins)} where {key} = any (%s)".encode(),
            [wanted],
        ).fetchall()
        for name, digest in rows:
            found[f"{relation.full_name} {name}"] = digest
    return found


def _parents(
    connection: Connection, table: tuple[str, str], alias: str, depth: int, counter: list[int]
) -> tuple[list[str], list[str]]:
    if depth >= DEEPEST:
        return [], []
    joins: list[str] = []
    texts: list[str] = []
    for column, schema, name, parent in connection.execute(
        "select a.attname::text, n.nspname::text, c.relname::text, b.attname::text from pg_catalog.pg_constraint f"
        " join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[1]"
        " join pg_catalog.pg_class c on c.oid = f.confrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
        " join pg_catalog.pg_attribute b on b.attrelid = f.confrelid and b.attnum = f.confkey[1]"
        " where f.conrelid = format('%%I.%%I', %s::text, %s::text)::regclass and f.contype = 'f'"
        " and cardinality(f.conkey) = 1 and n.nspname <> 'auth' order by 1",
        list(table),
    ).fetchall():
        counter[0] += 1
        own = f"p{counter[0]}"
        joins.append(f"left join {quote(schema, name)} {own} on {own}.{quote(parent)} = {alias}.{quote(column)}")
        texts.append(f"{own}::text")
        more = _parents(connection, (schema, name), own, depth + 1, counter)
        joins += more[0]
        texts += more[1]
    return joins, texts
