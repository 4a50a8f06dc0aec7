"""Tables whose access the catalog and the data already settle: nothing that their policies rest on differs."""

from __future__ import annotations

import re

import psycopg

from pg_deploy.access.change import AccessChange
from pg_deploy.access.sides import Side
from pg_deploy.access.text import quote, statement
from pg_deploy.access.universe import Universe

_FUNCTION = "function: "
_DYNAMIC = re.compile(r"\bexecute\s+(?!on\b|function\b|procedure\b)", re.IGNORECASE)
_NAME = re.compile(r"[a-z_][\w$]*", re.IGNORECASE)


def untouched(
    old: Side, new: Side, universes: dict[str, Universe], changes: tuple[AccessChange, ...]
) -> frozenset[str]:
    """Tables that need no engine: their policies, and the policies, functions and rows of all that these read, are equal.

    Empty as soon as anything else of the catalog differs (roles, memberships, owners, rights, row level security): then
    everything is asked. A function counts as reading every table whose name occurs in its body, and as reading
    everything where it has a dynamic statement.
    """
    if any(change.decides and not change.opened for change in changes):
        return frozenset()
    settled = set()
    equal: dict[str, bool] = {}
    before, after = _closures(old), _closures(new)
    for table in universes:
        texts = [_texts(side, table) for side in (old, new)]
        closure = before.get(table)
        if texts[0] != texts[1] or closure is None or closure != after.get(table):
            continue
        if all(_same_table(old, new, name, equal) for name in sorted(closure) if not name.startswith(_FUNCTION)):
            settled.add(table)
    return frozenset(settled)


def _same_table(old: Side, new: Side, name: str, known: dict[str, bool]) -> bool:
    if name not in known:
        known[name] = _texts(old, name) == _texts(new, name) and _digest(old, name) == _digest(new, name)
    return known[name]


def _texts(side: Side, table: str) -> list[tuple[object, ...]]:
    relation = side.relations.get(table)
    return sorted(
        (p.name, p.command, p.permissive, p.using, p.with_check, tuple(p.roles))
        for p in side.policies
        if relation is not None and p.relation == relation.id
    )


def _digest(side: Side, name: str) -> tuple[object, ...]:
    schema, table = name.split(".", 1)
    try:
        row = side.connection.execute(
            f"select count(*), bit_xor(hashtextextended(t::text, 3)) from {quote(schema, table)} t".encode()
        ).fetchone()
    except psycopg.Error as error:
        return (str(error),)
    return tuple(row or ())


def _closures(side: Side) -> dict[str, frozenset[str]]:
    """All tables that the policies of each table read, through any depth, with the functions' sources; None is unknown."""
    connection = side.connection
    tables = {
        row[0]: f"{row[1]}.{row[2]}"
        for row in connection.execute(
            "select c.oid::bigint, n.nspname::text, c.relname::text from pg_catalog.pg_class c"
            " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'f')"
            " and not starts_with(n.nspname, 'pg_') and n.nspname not in ('information_schema', 'access_proof')"
        ).fetchall()
    }
    short = {name.split(".", 1)[1]: name for name in tables.values()}
    sources = {
        row[0]: (row[1], row[2])
        for row in connection.execute(
            "select p.oid::bigint, p.proname::text, concat_ws(' ', pg_get_functiondef(p.oid), p.proowner::regrole, p.proacl)"
            " from pg_catalog.pg_proc p"
            " join pg_catalog.pg_namespace n on n.oid = p.pronamespace"
            " where p.prokind = 'f' and n.nspname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
    }
    by_name = {name: oid for oid, (name, _) in sources.items()}
    direct: dict[str, tuple[set[str], set[int]]] = {}
    for relation, read, functions in connection.execute(statement("dependencies")).fetchall():
        direct[tables.get(relation, "")] = (
            {tables[oid] for oid in read if oid in tables and oid != relation},
            set(functions),
        )
    found = {}
    for table in side.relations:
        closure = _closure(table, direct, sources, by_name, short)
        if closure is not None:
            found[table] = closure
    return found


def _closure(
    table: str,
    direct: dict[str, tuple[set[str], set[int]]],
    sources: dict[int, tuple[str, str]],
    by_name: dict[str, int],
    short: dict[str, str],
) -> frozenset[str] | None:
    read: set[str] = set()
    called: set[int] = set()
    waiting: list[str | int] = [table]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            tables, functions = direct.get(item, (set(), set()))
            waiting += [name for name in tables if name not in read]
            waiting += [oid for oid in functions if oid not in called]
            read |= tables
            called |= functions
            continue
        source = sources.get(item, ("", ""))[1]
        if _DYNAMIC.search(source):
            return None
        for word in {match.lower() for match in _NAME.findall(source)}:
            if word in short and short[word] not in read:
                read.add(short[word])
                waiting.append(short[word])
            if word in by_name and by_name[word] not in called:
                called.add(by_name[word])
                waiting.append(by_name[word])
    return frozenset(read - {table}) | {f"{_FUNCTION}{sources.get(oid, ('', ''))}" for oid in called}
