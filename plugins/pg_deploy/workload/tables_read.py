"""Which tables the recorded statements read, by their plans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pg_deploy.catalog.kinds import RELATIONS
from pg_deploy.catalog.reader import Facts
from pg_deploy.workload.proof import SideAnswers


def tables_read(side: SideAnswers, facts: Facts) -> dict[str, float | None]:
    """The tables by `schema.name`, with the calls a day of what reads them; None where nobody knows.

    A plan names no schema: a table of the same name in another one counts as well. Pure.
    """
    by_name: dict[str, list[str]] = {}
    for fact in facts.facts:
        if fact.kind in RELATIONS:
            by_name.setdefault(fact.identity.plain_name, []).append(fact.identity.plain)
    found: dict[str, float | None] = {}
    for asked in side.asked.values():
        calls = asked.statement.calls_a_day
        for table in {plain for name in _relations(asked.answer.top) for plain in by_name.get(name, ())}:
            known = found.get(table, 0.0)
            found[table] = None if calls is None or known is None else known + calls
    return found


def _relations(node: dict[str, Any]) -> Iterator[str]:
    if "Relation Name" in node:
        yield str(node["Relation Name"])
    for child in node.get("Plans", ()):
        yield from _relations(child)
