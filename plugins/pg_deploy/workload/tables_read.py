"""Which tables the recorded statements read, by their plans."""

from __future__ import annotations

from pg_deploy.catalog.kinds import RELATIONS
from pg_deploy.catalog.reader import Facts
from pg_deploy.workload.proof import SideAnswers


def tables_read(side: SideAnswers, facts: Facts) -> dict[str, float | None]:
    """The tables by `schema.name`, with the calls a day of the statements that read them; None if nobody knows.

    A plan names no schema: a table of the same name in another one counts as well. Pure.
    """
    by_name: dict[str, list[str]] = {}
    for fact in facts.facts:
        if fact.kind in RELATIONS:
            by_name.setdefault(fact.identity.plain_name, []).append(fact.identity.plain)
    found: dict[str, float | None] = {}
    for asked in side.asked.values():
        calls = asked.statement.calls_a_day
        for table in {plain for name in asked.answer.relations for plain in by_name.get(name, ())}:
            known = found.get(table, 0.0)
            found[table] = None if calls is None or known is None else known + calls
    return found
