"""Writes that a trigger refuses: its function inserts, with the rights of who fires it, into a table that is kept from that role."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pg_deploy.catalog.names import unquoted
from pg_deploy.catalog.reader import Facts
from pg_deploy.workload.new_rules import table_of
from pg_deploy.workload.routine_texts import always_runs, path_of, statements_of
from pg_deploy.workload.rows_written import rows_written
from pg_deploy.workload.writable_views import Table

_DEFINER = re.compile(r"^ .*\bSECURITY DEFINER\b", re.MULTILINE)

WriteOfRole = tuple[str, Table, str]
"""Who writes, which table, and INSERT or UPDATE."""


@dataclass(frozen=True)
class BlockedWrite:
    """A trigger's function, and the table that it inserts into; `is_certain` where each write of a row comes to that."""

    function: str
    target: Table
    is_certain: bool


def blocked_by_triggers(
    facts: Facts, unwritable: Collection[tuple[str, Table]], tables: Collection[Table]
) -> Mapping[WriteOfRole, BlockedWrite]:
    """By who writes where, what a trigger then may not do. `unwritable` are tables by role, `tables` all of them. Pure."""
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
        called = rest.rpartition(" EXECUTE FUNCTION ")[2].partition("(")[0]
        function = ".".join(unquoted(each) for each in called.split("."))
        is_certain = " WHEN " not in rest and " UPDATE OF " not in when
        for target, always in _inserted_into(functions.get(function, ""), tables):
            for role in roles.get(target, ()):
                for event in ("INSERT", "UPDATE"):
                    if f" {event}" in when:
                        fired = role, table_of(fact), event
                        blocked = BlockedWrite(function, target, is_certain and always)
                        found[fired] = max(blocked, found.get(fired, blocked), key=lambda each: each.is_certain)
    return found


def _inserted_into(definition: str, tables: Collection[Table]) -> Iterator[tuple[Table, bool]]:
    """Where a function inserts with the rights of who calls it, and whether each call does."""
    if not definition or _DEFINER.search(definition.partition("\nAS ")[0]):
        return
    for text in statements_of(definition):
        path = path_of(definition, text, tables)
        for written in rows_written(text):
            table = written.find_relation(path, "", tables)
            if written.is_insert and table is not None:
                yield table, always_runs(definition, text)
