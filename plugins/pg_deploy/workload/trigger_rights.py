"""Writes that a trigger refuses: its function inserts, with the writer's rights, into a table that is closed to the writer."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pg_deploy.catalog.dependencies import function_of_trigger
from pg_deploy.catalog.reader import Facts
from pg_deploy.workload.routine_texts import always_runs, path_of, statements_of
from pg_deploy.workload.rows_written import rows_written
from pg_deploy.workload.writable_views import Table, table_of

_DEFINER = re.compile(r"^ .*\bSECURITY DEFINER\b", re.MULTILINE)

WriteOfRole = tuple[str, Table, str]
"""Who writes, which table, and INSERT or UPDATE."""


@dataclass(frozen=True)
class BlockedWrite:
    """A trigger's function, and the table that it inserts into; `is_certain` if each write of a row does that."""

    function: str
    target: Table
    is_certain: bool


def blocked_by_triggers(
    facts: Facts, unwritable: Collection[tuple[str, Table]], tables: Collection[Table]
) -> Mapping[WriteOfRole, BlockedWrite]:
    """For each write, what a trigger may not do then. `unwritable` are tables by role, `tables` all of them. Pure."""
    roles: dict[Table, list[str]] = {}
    for role, table in unwritable:
        roles.setdefault(table, []).append(role)
    functions = {
        fact.identity.plain: str(fact.properties.get("definition", ""))
        for fact in facts.facts
        if fact.kind == "function"
    }
    found: dict[WriteOfRole, BlockedWrite] = {}
    for fact in facts.facts:
        if fact.kind != "trigger" or fact.properties.get("fires") in {"never", "on replica"}:
            continue
        when, _, rest = str(fact.properties.get("definition", "")).partition(" ON ")
        called = function_of_trigger(rest)
        function = called.plain if called else ""
        is_certain = " WHEN " not in rest and " UPDATE OF " not in when
        for target, always in _inserted_into(functions.get(function, ""), tables):
            for role in roles.get(target, ()):
                for event in ("INSERT", "UPDATE"):
                    if f" {event}" in when:
                        write = role, table_of(fact), event
                        blocked = BlockedWrite(function, target, is_certain and always)
                        found[write] = max(blocked, found.get(write, blocked), key=lambda each: each.is_certain)
    return found


def _inserted_into(definition: str, tables: Collection[Table]) -> Iterator[tuple[Table, bool]]:
    """The tables that a function inserts into with the rights of its caller, and whether each call does."""
    if not definition or _DEFINER.search(definition.partition("\nAS ")[0]):
        return
    for text in statements_of(definition):
        path = path_of(definition, text, tables)
        for written in rows_written(text):
            table = written.find_relation(path, "", tables)
            if written.is_insert and table is not None:
                yield table, always_runs(definition, text)
