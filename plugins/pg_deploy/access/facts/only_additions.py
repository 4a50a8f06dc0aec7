"""Whether a migration only added things that nothing of before can notice: then the catalog settles what existed before."""

from __future__ import annotations

from collections.abc import Iterable

from pg_deploy.access.facts.access_change import AccessChange
from pg_deploy.catalog.dependencies import text_of, words_of
from pg_deploy.catalog.identities import of_grant, of_part, unquoted
from pg_deploy.catalog.reader import Fact, Facts

# They decide nothing about rows, wherever they are.
_HARMLESS = frozenset({"index", "comment", "statistics", "cron job", "extension"})
# They decide about rows of what they belong to, which has to be new as well.
_PARTS = ("column", "constraint", "trigger", "policy", "grant", "sequence")
_OBJECTS = ("table", "view", "materialized view", "function", "procedure", "aggregate", "type", "schema")
_SPEAKING = (
    "policy",
    "view",
    "materialized view",
    "function",
    "procedure",
    "trigger",
    "constraint",
    "rule",
    "operator",
    "cast",
)


def only_adds(before: Facts, after: Facts, changes: Iterable[AccessChange]) -> bool:
    """Whether nothing that decides access to what existed before differs: every difference is a new object or harmless.

    An object whose name any policy, view or function that they call mentions is no mere addition: a body that leaves its
    search_path open would find it in place of what it found before.
    """
    if any(not change.opened for change in changes):
        return False
    if any(fact.kind not in _HARMLESS for fact in before.facts - after.facts):
        return False
    new = [fact for fact in after.facts - before.facts if fact.kind not in _HARMLESS]
    if not all(fact.kind in _OBJECTS or fact.kind in _PARTS for fact in new):
        return False
    if any(fact.properties.get("inherits") for fact in new if fact.kind in ("table", "foreign table")):
        return False
    objects = {f"{fact.kind} {fact.identity}" for fact in new if fact.kind in _OBJECTS}
    names = {_plain(fact.identity) for fact in new if fact.kind in _OBJECTS}
    if not all(_belongs(fact, objects, names) for fact in new if fact.kind in _PARTS):
        return False
    said = _words(_texts(before))
    last = {unquoted(of_part(name)[1]).lower() for name in names}
    return not said & (last | set(OURS) | {"cron"})


def _belongs(fact: Fact, objects: set[str], names: set[str]) -> bool:
    """Whether a part's owner is among the new objects."""
    if fact.kind == "sequence":
        return True
    if fact.kind == "grant":
        target = of_grant(fact.identity)[0]
        kind = next((kind for kind in ("column ", "sequence ") if target.startswith(kind)), None)
        if kind is None:
            return target in objects
        return kind == "sequence " or of_part(_plain(target.removeprefix(kind)))[0] in names
    return any(fact.identity.startswith(f"{name}.") for name in names)


def _plain(identity: str) -> str:
    """A function's name without its arguments; any other name as it is."""
    return identity.split("(", 1)[0]


def _texts(facts: Facts) -> Iterable[str]:
    """All SQL that something of before is made of: any of it could take a new object for another."""
    for fact in facts.facts:
        if fact.kind in _SPEAKING or (fact.kind == "column" and "default" in fact.properties):
            yield text_of(fact)


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in words_of(text)}


OURS = ("information_schema", "deploy_ledger", "supabase_migrations", "access_proof")
"""Schemas whose rows are no part of this: the server's and ours."""
