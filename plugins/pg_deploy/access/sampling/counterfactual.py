"""What the old policies would say now: where they say the same as the new ones, the difference was made by traffic.

That holds only while nothing that the old policies rest on was changed by the migration: not the policies of the tables that
they read, not the functions that they call, not a role, and no row by the migration itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pg_deploy.access.facts.functions import routines
from pg_deploy.catalog.dependencies import words_of
from pg_deploy.catalog.kinds import RELATIONS, ROUTINES, VIEWS
from pg_deploy.catalog.reader import Fact, Facts

_GENERAL = ("role", "membership", "setting", "rule", "operator", "cast", "type")


def still_valid(table: str, predicate: str, before: Facts, after: Facts, written: Collection[str]) -> bool:
    """Whether an old predicate of a table (`schema.name`) means now what it meant before the migration.

    Names are looked for as words in texts, so rather too much counts as resting on it. Pure.
    """
    changed = before.facts ^ after.facts
    if any(fact.kind in _GENERAL for fact in changed):
        return False
    tables, functions = _rests_on(table, predicate, before)
    if tables & set(written) or any(fact in changed for fact in functions):
        return False
    # a new function of a name that is called could be found in its place
    called = {_last(fact) for fact in functions}
    if any(_last(fact) in called for fact in changed if fact.kind in ROUTINES):
        return False
    return not any(_concerns(fact, tables, table) for fact in changed)


def _concerns(fact: Fact, tables: Collection[str], itself: str) -> bool:
    if fact.kind == "policy":
        named = fact.identity.relation.plain
        # the table's own policies are what is replaced by the old predicate
        return named in tables and named != itself
    if fact.kind in RELATIONS:
        return fact.identity.plain in tables
    if fact.kind == "column":
        return fact.identity.relation.plain in tables
    of = fact.identity.of if fact.kind == "grant" else None
    return of is not None and of.kind == "table" and of.plain in tables


def _rests_on(table: str, predicate: str, facts: Facts) -> tuple[set[str], set[Fact]]:
    """The tables and functions behind a predicate, through any depth; the table itself is among them."""
    relations: dict[str, set[str]] = {}
    for fact in facts.facts:
        if fact.kind in RELATIONS:
            relations.setdefault(_last(fact), set()).add(fact.identity.plain)
    by_last: dict[str, set[Fact]] = {}
    for same in routines(facts).values():
        by_last.setdefault(_last(same[0]), set()).update(same)
    policies: dict[str, list[str]] = {}
    for fact in facts.facts:
        if fact.kind == "policy":
            texts = [str(fact.properties[part]) for part in ("using", "with check") if part in fact.properties]
            policies.setdefault(fact.identity.relation.plain, []).extend(texts)
    tables, functions = {table}, set[Fact]()
    waiting = [predicate]
    while waiting:
        words = words_of(waiting.pop())
        for name in {name for word in words for name in relations.get(word, ())} - tables:
            tables.add(name)
            waiting += policies.get(name, [])
            waiting += _definitions(facts, name)
        for function in {found for word in words for found in by_last.get(word, ())} - functions:
            functions.add(function)
            waiting.append(str(function.properties.get("definition", "")))
    return tables, functions


def _definitions(facts: Facts, name: str) -> Iterable[str]:
    for kind in VIEWS:
        fact = facts.by_key.get((kind, name))
        if fact is not None:
            yield str(fact.properties.get("definition", ""))


def _last(fact: Fact) -> str:
    return fact.identity.plain_name.lower()
