"""Tables whose access the catalog and the data already settle: nothing that their policies rest on differs."""

from __future__ import annotations

import re
from collections.abc import Collection

from pg_deploy.access.change import AccessChange
from pg_deploy.access.sides import Side
from pg_deploy.access.text import statement

_FUNCTION = "function: "
_DYNAMIC = re.compile(r"\bexecute\s+(?!on\b|function\b|procedure\b)", re.IGNORECASE)
_NAME = re.compile(r"[a-z_][\w$]*", re.IGNORECASE)


def untouched(old: Side, new: Side, changes: tuple[AccessChange, ...], moved: Collection[str]) -> frozenset[str]:
    """Tables that need no engine: their policies and rows, and the policies, functions and rows of all that these read, are equal.

    `moved` are the tables whose rows differ. Empty as soon as anything else of the catalog differs (roles, memberships,
    owners, rights, row level security): then everything is asked. A function counts as reading every table whose name
    occurs in its body. Whatever reads a view, has a dynamic statement, or uses an operator of the user's is asked.
    """
    if any(change.decides and not change.opened for change in changes):
        return frozenset()
    before, after = _closures(old), _closures(new)
    shapes = [_shapes(side) for side in (old, new)]
    found = set()
    for table in old.relations.keys() & new.relations.keys():
        closure = before.get(table)
        if not old.relations[table].is_table or closure is None or closure != after.get(table):
            continue
        read = {table, *(name for name in closure if not name.startswith(_FUNCTION))}
        if read & set(moved) or any(shapes[0].get(name) != shapes[1].get(name) for name in read):
            continue
        # rows of a table of several parts are in the parts
        if not moved or all(shapes[0].get(name, ("", False))[1] for name in read):
            found.add(table)
    return frozenset(found)


def _shapes(side: Side) -> dict[str, tuple[str, bool]]:
    return {row[0]: (row[2], row[1]) for row in side.connection.execute(statement("shapes")).fetchall()}


def _closures(side: Side) -> dict[str, frozenset[str]]:
    """All tables that the policies of each table read, through any depth, with the functions' sources; absent is unknown."""
    connection = side.connection
    kinds: dict[str, str] = {}
    tables: dict[int, str] = {}
    short: dict[str, set[str]] = {}
    for oid, schema, name, kind in connection.execute(
        "select c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text from pg_catalog.pg_class c"
        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'f')"
        " and not starts_with(n.nspname, 'pg_') and n.nspname not in ('information_schema', 'access_proof')"
    ).fetchall():
        tables[oid] = f"{schema}.{name}"
        kinds[f"{schema}.{name}"] = kind
        short.setdefault(name.lower(), set()).add(f"{schema}.{name}")
    sources: dict[int, tuple[str, str]] = {}
    by_name: dict[str, set[int]] = {}
    for oid, name, source in connection.execute(
        "select p.oid::bigint, p.proname::text, concat_ws(' ', pg_get_functiondef(p.oid), p.proowner::regrole, p.proacl)"
        " from pg_catalog.pg_proc p"
        " join pg_catalog.pg_namespace n on n.oid = p.pronamespace"
        " where p.prokind = 'f' and n.nspname not in ('pg_catalog', 'information_schema')"
    ).fetchall():
        sources[oid] = (name, source)
        by_name.setdefault(name.lower(), set()).add(oid)
    direct: dict[str, tuple[set[str], set[int]]] = {}
    unknown = set()
    for relation, read, functions, others in connection.execute(statement("dependencies")).fetchall():
        if others:
            unknown.add(tables.get(relation, ""))
        direct[tables.get(relation, "")] = (
            {tables[oid] for oid in read if oid in tables and oid != relation},
            set(functions),
        )
    found = {}
    for table in side.relations:
        closure = _closure(table, direct, sources, by_name, short)
        if closure is None or unknown & {table, *closure}:
            continue
        if all(kinds[name] in ("r", "p", "m") for name in closure if not name.startswith(_FUNCTION)):
            found[table] = closure
    return found


def _closure(
    table: str,
    direct: dict[str, tuple[set[str], set[int]]],
    sources: dict[int, tuple[str, str]],
    by_name: dict[str, set[int]],
    short: dict[str, set[str]],
) -> frozenset[str] | None:
    read: set[str] = set()
    called: set[int] = set()
    waiting: list[str | int] = [table]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            tables, functions = direct.get(item, (set(), set()))
        else:
            if item not in sources:
                return None
            source = sources[item][1]
            if _DYNAMIC.search(source):
                return None
            words = {match.lower() for match in _NAME.findall(source)}
            tables = {name for word in words for name in short.get(word, ())}
            functions = {oid for word in words for oid in by_name.get(word, ())}
        waiting += [name for name in tables if name not in read]
        waiting += [oid for oid in functions if oid not in called]
        read |= tables
        called |= functions
    return frozenset(read - {table}) | {f"{_FUNCTION}{sources[oid]}" for oid in called}
