"""What the old policies would say now: where they say the same as the new ones, the difference was made by traffic.

That holds only while nothing that the old policies rest on was changed by the migration: not the policies of the tables that
they read, not the functions that they call, not a role, and no row by the migration itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pg_deploy.access.facts.access_facts import RELATIONS
from pg_deploy.access.facts.functions import routines
from pg_deploy.access.facts.policies import table_of
from pg_deploy.catalog.dependencies import words_of
from pg_deploy.catalog.identities import of_grant, of_part, unquoted
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
    known = {fact.identity for fact in functions}
    called = {_last(name) for name in known}
    if any(_last(fact.identity) in called for fact in changed if fact.kind in ("function", "procedure", "aggregate")):
        return False
    return not any(_concerns(fact, tables, table) for fact in changed)


def _concerns(fact: Fact, tables: Collection[str], itself: str) -> bool:
    if fact.kind == "policy":
        named = table_of(fact)[0].replace('"', "")
        # the table's own policies are what is replaced by the old predicate
        return named in tables and named != itself
    if fact.kind in RELATIONS:
        return fact.identity.replace('"', "") in tables
    if fact.kind == "column":
        return of_part(fact.identity)[0].replace('"', "") in tables
    if fact.kind == "grant":
        target = of_grant(fact.identity)[0].replace('"', "")
        return any(target == f"{kind} {name}" for kind in ("table", "schema") for name in tables)
    return False


def _rests_on(table: str, predicate: str, facts: Facts) -> tuple[set[str], set[Fact]]:
    """The tables and functions behind a predicate, through any depth; the table itself is among them."""
    relations: dict[str, set[str]] = {}
    for fact in facts.facts:
        if fact.kind in RELATIONS:
            relations.setdefault(_last(fact.identity), set()).add(fact.identity.replace('"', ""))
    by_last: dict[str, set[Fact]] = {}
    for name, same in routines(facts).items():
        by_last.setdefault(_last(name), set()).update(same)
    policies: dict[str, list[str]] = {}
    for fact in facts.facts:
        if fact.kind == "policy":
            texts = [str(fact.properties[part]) for part in ("using", "with check") if part in fact.properties]
            policies.setdefault(table_of(fact)[0].replace('"', ""), []).extend(texts)
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
    for kind in ("view", "materialized view"):
        fact = facts.by_key.get((kind, name))
        if fact is not None:
            yield str(fact.properties.get("definition", ""))


def _last(identity: str) -> str:
    return unquoted(of_part(identity)[1].split("(", 1)[0]).lower()
