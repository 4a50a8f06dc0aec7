"""What the old policies would say now: if they say the same as the new ones, the difference was made by traffic.

That holds only while the migration changed nothing that the old policies rest on: not the policies of the tables that they
read, not the functions that they call, not a role, and no row by the migration itself.
"""

from __future__ import annotations

from collections.abc import Collection

from pg_deploy.catalog.dependencies import closure_of
from pg_deploy.catalog.kinds import RELATIONS, ROUTINES
from pg_deploy.catalog.names import identity_of
from pg_deploy.catalog.reader import Fact, Facts

_GENERAL = ("role", "membership", "setting", "rule", "operator", "cast", "type")


def still_valid(table: str, predicate: str, before: Facts, after: Facts, written: Collection[str]) -> bool:
    """Whether an old predicate of a table (`schema.name`) means now what it meant before the migration.

    `written` are the tables that the migration wrote to. A predicate behind which a function composes statements is never
    valid: what it reads is in no text. Pure.
    """
    changed = before.facts ^ after.facts
    if any(fact.kind in _GENERAL for fact in changed):
        return False
    closure = closure_of(before)
    # the table's own policies are what is replaced by the old predicate
    own = {fact.key for fact in before.facts if fact.kind == "policy" and _table(fact) == table}
    resting = closure.of_text(predicate, without=own)
    if not resting.isdisjoint(closure.dynamic):
        return False
    tables = {table, *(identity_of(node).plain for node in resting if node[0] in RELATIONS)}
    # a new function of a name that is called could be found in its place
    called = {identity_of(node).plain_name.lower() for node in resting if node[0] in ROUTINES}
    return not tables & set(written) and not any(_concerns(fact, tables, called, table) for fact in changed)


def _concerns(fact: Fact, tables: Collection[str], called: Collection[str], itself: str) -> bool:
    if fact.kind in ROUTINES:
        return fact.identity.plain_name.lower() in called
    if fact.kind == "policy":
        return _table(fact) in tables and _table(fact) != itself
    if fact.kind in RELATIONS:
        return fact.identity.plain in tables
    if fact.kind == "column":
        return _table(fact) in tables
    of = fact.identity.of if fact.kind == "grant" else None
    if of is None:
        return False
    if of.kind in ROUTINES:
        return of.plain_name.lower() in called
    return of.kind == "schema" or (of.relation or of).plain in tables


def _table(fact: Fact) -> str:
    return fact.identity.relation.plain
