"""Whether a migration only added objects that nothing old can notice: then access to what existed before is as it was."""

from __future__ import annotations

from collections.abc import Container, Iterable

from pg_deploy.access.facts.access_change import AccessChange
from pg_deploy.catalog.dependencies import closure_of
from pg_deploy.catalog.kinds import RELATIONS, ROUTINES, VIEWS
from pg_deploy.catalog.names import Key
from pg_deploy.catalog.reader import IGNORED_SCHEMAS, Fact, Facts

# These decide nothing about rows, wherever they are.
_HARMLESS = frozenset({"index", "comment", "statistics", "cron job", "extension"})
# These decide about rows of the object that they belong to, which has to be new as well.
_PARTS = ("column", "constraint", "trigger", "policy", "grant", "sequence")
_OBJECTS = ("table", *VIEWS, *ROUTINES, "type", "schema")


def only_adds(before: Facts, after: Facts, changes: Iterable[AccessChange]) -> bool:
    """Whether nothing that decides access to what existed before differs: every difference is a new object or harmless.

    A new object does not count as harmless if its name is in the text of a policy, a view or a function: a body that leaves
    its search_path open would find the new object in place of the old one.
    """
    if any(not change.object_is_new for change in changes):
        return False
    if any(fact.kind not in _HARMLESS for fact in before.facts - after.facts):
        return False
    new = [fact for fact in after.facts - before.facts if fact.kind not in _HARMLESS]
    if not all(fact.kind in _OBJECTS or fact.kind in _PARTS for fact in new):
        return False
    if any(fact.properties.get("inherits") for fact in new if fact.kind in ("table", "foreign table")):
        return False
    objects = {fact.key: fact.identity for fact in new if fact.kind in _OBJECTS}
    if not all(_belongs(fact, objects) for fact in new if fact.kind in _PARTS):
        return False
    last = {identity.plain_name.lower() for identity in objects.values()}
    return not closure_of(before).said & (last | set(OURS) | {"cron"})


def _belongs(fact: Fact, objects: Container[Key]) -> bool:
    """Whether the object that a part belongs to is among the new objects."""
    target = fact.identity.of if fact.kind == "grant" else fact.identity
    if target is None or target.kind == "sequence":
        return target is not None
    if target.relation:
        return any((kind, target.relation) in objects for kind in (*RELATIONS, "type"))
    return (target.kind, target) in objects


OURS = (*IGNORED_SCHEMAS, "access_proof")
"""Schemas whose rows are no part of this: the server's and ours."""
