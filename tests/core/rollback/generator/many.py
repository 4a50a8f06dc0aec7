"""A migration that changes many objects of many kinds, as two readings of a catalog: made by hand, without a server."""

from __future__ import annotations

import json
from datetime import datetime, timezone

from pg_deploy.catalog.names import parsed
from pg_deploy.catalog.objects import Objects
from pg_deploy.catalog.reader import Fact, Facts

CHANGED_EACH = 10
"""How many objects each table of `many` changes: what is renamed, made, dropped, replaced, altered, commented on."""
_AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
_CLASSES = {
    "table": 1259,
    "view": 1259,
    "index": 1259,
    "column": 1259,
    "function": 1255,
    "policy": 3256,
    "constraint": 2606,
}


class _Side:
    """One reading of the catalog while it is put together. `needs` are rows of pg_depend."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.objects: list[tuple[str, str, int, int, int]] = []
        self.needs: list[tuple[int, int, int, int, int, int, str]] = []

    def add(self, kind: str, identity: str, oid: int, number: int = 0, **properties: object) -> None:
        self.facts.append(Fact(kind, parsed(kind, identity), json.dumps(properties, sort_keys=True), "database"))
        if kind in _CLASSES:
            self.objects.append((kind, identity, _CLASSES[kind], oid, number))

    def need(self, kind: str, oid: int, table: int, number: int, why: str = "n") -> None:
        self.needs.append((_CLASSES[kind], oid, 0, 1259, table, number, why))

    def table(self, name: str, oid: int, columns: tuple[str, ...]) -> None:
        self.add("table", f"shop.{name}", oid, owner="deployer")
        for number, column in enumerate(columns, 1):
            self.add("column", f"shop.{name}.{column}", oid, number, position=number, type="integer")

    def reading(self) -> Facts:
        objects = Objects("1", 5, tuple(self.objects), True, tuple(sorted(self.needs)), ())
        return Facts(frozenset(self.facts), 150000, _AT, objects)


def many(count: int, beside: int = 0) -> tuple[Facts, Facts]:
    """Before and after: each of `count` tables is swapped, and what hangs on it changed; `beside` others stay as they are."""
    before, after = _Side(), _Side()
    for number in range(beside):
        for side in (before, after):
            oid = 1_000_000 + 20 * number
            side.table(f"beside_{number}", oid, ("a", "b", "c", "d", "e", "f"))
            on = f"ON shop.beside_{number} USING btree (a)"
            side.add("index", f"shop.beside_{number}_a", oid + 1, definition=f"CREATE INDEX beside_{number}_a {on}")
            side.need("index", oid + 1, oid, 1, "a")
            side.add("comment", f"table shop.beside_{number}", 0, text="stays")
            side.add("grant", f"table shop.beside_{number} to reader", 0, 0, **{"by deployer": "SELECT"})
    for number in range(count):
        oid = 100_000 + 20 * number
        before.table(f"t_{number}", oid, ("a", "b"))
        after.table(f"old_{number}", oid, ("a", "b", "added"))
        after.table(f"t_{number}", oid + 1, ("a",))
        for side, table, changed in ((before, f"t_{number}", 0), (after, f"old_{number}", 1)):
            checked = f"CHECK ((a > {changed}))"
            side.add("constraint", f"shop.{table}.positive", oid + 2, definition=checked)
            side.need("constraint", oid + 2, oid, 1, "a")
            body = f" SELECT {table}.a,\n    {table}.a + {changed} AS b\n   FROM shop.{table};"
            side.add("view", f"shop.v_{number}", oid + 3, owner="deployer", definition=body)
            for position, column in enumerate(("a", "b"), 1):
                side.add("column", f"shop.v_{number}.{column}", oid + 3, position, position=position, type="integer")
            side.need("view", oid + 3, oid, 1)
            roles = {"command": "select", "roles": ["public"], "using": f"(a > {changed})"}
            side.add("policy", f"shop.{table}.own", oid + 4, 0, **roles)
            side.need("policy", oid + 4, oid, 1)
            source = f"CREATE OR REPLACE FUNCTION shop.f_{number}()\n RETURNS integer\n LANGUAGE sql\nAS $$ select {changed} $$\n"
            side.add("function", f"shop.f_{number}()", oid + 5, owner="deployer", definition=source)
            side.add("comment", f"table shop.{table}", 0, text=str(changed))
            side.add(
                "grant", f"table shop.{table} to reader", 0, 0, **{"by deployer": "SELECT" if changed else "INSERT"}
            )
        before.add(
            "index",
            f"shop.i_{number}",
            oid + 6,
            definition=f"CREATE INDEX i_{number} ON shop.t_{number} USING btree (a)",
        )
        before.need("index", oid + 6, oid, 1, "a")
    return before.reading(), after.reading()
