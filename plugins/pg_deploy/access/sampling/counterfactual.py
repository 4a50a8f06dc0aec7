"""What the old policies would say now: if they say the same as the new ones, traffic made the difference.

This holds only if the migration changed nothing that the old policies rest on: neither the policies of the tables that they
read, nor the functions that they call, nor a role, nor a row.
"""

from __future__ import annotations

from collections.abc import Collection

from pg_deploy.catalog.dependencies import closure_of
from pg_deploy.catalog.kinds import RELATIONS, ROUTINES
from pg_deploy.catalog.names import identity_of
from pg_deploy.catalog.reader import Fact, Facts

_GENERAL = ("role", "membership", "setting", "rule", "operator", "cast", "type")


def still_valid(table: str, predicate: str, before: Facts, after: Facts, written_tables: Collection[str]) -> bool:
    """Whether an old predicate of a table (`schema.name`) means now what it meant before the migration.

    `written_tables` are those that the migration wrote to. If a function behind the predicate composes statements, it is
    never valid: no text shows what the function reads. Pure.
    """
    changed = before.facts ^ after.facts
    if any(fact.kind in _GENERAL for fact in changed):
        return False
    closure = closure_of(before)
    # the old predicate stands for the table's own policies
    own = [fact for fact in before.facts if fact.kind == "policy" and _table(fact) == table]
    nodes = closure.of_text(predicate, without={fact.key for fact in own})
    if not nodes.isdisjoint(closure.dynamic):
        return False
    tables = {table, *(identity_of(node).plain for node in nodes if node[0] in RELATIONS)}
    # a new function with the name of a called one could be called in its place
    called = {identity_of(node).plain_name.lower() for node in nodes if node[0] in ROUTINES}
    schemas = {identity_of(node).schema for node in nodes if node[0] in (*RELATIONS, *ROUTINES)}
    schemas |= {fact.identity.relation.schema for fact in own}
    return not tables & set(written_tables) and not any(
        _concerns(fact, tables, called, schemas, table) for fact in changed
    )


def _concerns(
    fact: Fact, tables: Collection[str], called: Collection[str], schemas: Collection[str], itself: str
) -> bool:
    """Whether a changed fact may change what a predicate of the table `itself` means: what it rests on, and where that stands."""
    if fact.kind in ROUTINES:
        return fact.identity.plain_name.lower() in called
    if fact.kind == "policy":
        return _table(fact) in tables and _table(fact) != itself
    if fact.kind in RELATIONS:
        return fact.identity.plain in tables
    if fact.kind == "column":
        return _table(fact) in tables
    target = fact.identity.of if fact.kind == "grant" else None
    if target is None:
        return False
    if target.kind in ROUTINES:
        return target.plain_name.lower() in called
    if target.kind == "schema":
        return target.name in schemas
    return (target.relation or target).plain in tables


def _table(fact: Fact) -> str:
    return fact.identity.relation.plain
