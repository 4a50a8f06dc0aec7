"""Drop statements for what was made and for what has to be made again, without cascade except for base types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pg_deploy.catalog.kinds import CALLED_ON, OF_THE_DATABASE, OF_TYPES, ON_RELATION, RELATIONS, TEXT_SEARCH, USING
from pg_deploy.catalog.names import Key
from pg_deploy.catalog.reader import Fact
from pg_deploy.rollback.generator.draft import ByKey, Draft, Loss, Phase, is_of_identity, owned_by
from pg_deploy.rollback.generator.order import has_circle, order_by_need, rank_kind, relation_of
from pg_deploy.rollback.generator.sql_text import role

_PLAIN = frozenset({
    *RELATIONS, *OF_TYPES, *USING, *TEXT_SEARCH, *OF_THE_DATABASE, "sequence", "index", "statistics", "collation", "conversion",
})  # fmt: skip
# Parts of tables that are dropped by themselves if tables and what they call need each other.
_CIRCULAR = ("foreign key", *CALLED_ON)
_PARTS = ("index", *ON_RELATION)


def add_drops(draft: Draft) -> None:
    """Drop statements for all that is gone or replaced, dependents first."""
    dropped = {key: draft.after[key] for key in draft.dropped}
    nodes = [fact for fact in dropped.values() if not _goes_with_another(fact, draft)]
    for fact in nodes:
        parent = ("index", str(fact.properties.get("attached to", "")))
        if (
            fact.kind == "index"
            and parent in draft.before
            and parent not in draft.dropped
            and not detaches_partition(draft, relation_of(fact) or "")
        ):
            draft.refuse(fact.key, f"it is attached to index {parent[1]}, which stays, and cannot go alone")
        if _drop(fact, draft.after) is None:
            draft.refuse(fact.key, "there is no statement here that drops it")
    is_concurrent = _only_plain_indexes(draft)
    with_own_statement = {fact.key for fact in nodes}
    parts: dict[str, list[Fact]] = {}
    for key, fact in dropped.items():
        if key in with_own_statement:
            continue
        if relation := relation_of(fact):
            parts.setdefault(relation, []).append(fact)
        if column := owned_by(fact):
            # It is dropped with its column, or with the table of that: whatever else uses it is dropped before.
            parts.setdefault(column, []).append(fact)
            parts.setdefault(column.relation, []).append(fact)

    def parts_of(fact: Fact) -> tuple[Fact, ...]:
        return tuple(parts.get(fact.identity, ())) if fact.kind in (*RELATIONS, "column") else ()

    needs = draft.needs_after.of
    if has_circle(nodes, needs, parts_of):
        for name, of_name in parts.items():
            dropped_first = [
                part
                for part in of_name
                if rank_kind(part) in _CIRCULAR
                and part.properties.get("inherited") != "only"
                and not _is_clone(part, draft)
            ]
            nodes += dropped_first
            parts[name] = [part for part in of_name if part not in dropped_first]
    for fact in _heirs_later(list(reversed(order_by_need(nodes, needs, parts_of))), draft):
        statement = _drop(fact, draft.after)
        if statement is None:
            continue
        draft.subject = fact.key
        if is_concurrent:
            draft.add(Phase.CONCURRENTLY, statement.replace("drop index", "drop index concurrently", 1))
            continue
        # No transaction takes the drop of a subscription.
        draft.add(Phase.CONCURRENTLY if fact.kind == "subscription" else Phase.DROP, statement)
        if fact.key in draft.gone and fact.kind in ("table", "column"):
            draft.losses.add(Loss(fact.kind, fact.identity))
    draft.subject = None


def _heirs_later(ordered: list[Fact], draft: Draft) -> list[Fact]:
    """The same order, except that a column that a table has from its parent and of its own comes after the parent's column."""
    waiting: dict[Key, list[Fact]] = {}
    places = {fact.key: number for number, fact in enumerate(ordered)}
    found: list[Fact] = []
    for number, fact in enumerate(ordered):
        table = draft.after.get(("table", fact.identity.relation)) if fact.kind == "column" else None
        parents = _parents_that_stay(draft, table) if table and fact.properties.get("inherited") else ()
        keys = [("column", fact.identity.on(parent)) for parent in parents]
        later = [key for key in keys if places.get(key, -1) > number]
        if later:
            waiting.setdefault(max(later, key=lambda key: places[key]), []).append(fact)
            continue
        found.append(fact)
        freed = waiting.pop(fact.key, [])
        while freed:
            one = freed.pop(0)
            found.append(one)
            freed += waiting.pop(one.key, [])
    return found


def _drop(fact: Fact, facts: ByKey) -> str | None:
    kind, identity = fact.kind, fact.identity
    if kind in _PLAIN:
        return f"drop {kind} {identity}"
    if kind == "type" and fact.properties.get("input"):
        # The type and the functions that read and write it need each other: only here cascade is used.
        return f"drop type {identity} cascade"
    if kind == "type":
        return f"drop {'domain' if 'domain over' in fact.properties else 'type'} {identity}"
    if kind in CALLED_ON:
        return f"drop {kind} {identity.name} on {identity.relation}"
    if kind == "column":
        return f"alter table {identity.relation} drop column {identity.name}"
    if kind == "constraint":
        table = "domain" if ("type", identity.relation) in facts else "table"
        return f"alter {table} {identity.relation} drop constraint {identity.name}"
    if kind == "cast":
        return f"drop cast ({identity})"
    if kind == "subscription":
        return f"drop subscription {identity}" if "slot" not in fact.properties else None
    if kind == "user mapping":
        return f"drop user mapping for {role(identity.role)} server {identity.part('server')}"
    return None


def _goes_with_another(fact: Fact, draft: Draft) -> bool:
    """Whether the server removes it together with something that is dropped anyway."""
    if fact.kind in _PARTS:
        relation = relation_of(fact)
        if relation and (draft.is_dropped_relation(relation) or ("type", relation) in draft.dropped):
            return True
    properties = fact.properties
    key = fact.key
    if fact.kind == "column" and _is_of_type(fact.identity.relation, draft):
        # A typed table's columns are the attributes of its type.
        return True
    if fact.kind in ("column", "constraint") and properties.get("inherited") == "only":
        table = draft.after.get(("table", fact.identity.relation))
        staying = _parents_that_stay(draft, table) if table else []
        if any((fact.kind, fact.identity.on(parent)) in draft.after for parent in staying):
            return True
        # What a table got from its parent stays when it leaves the parent, so it is dropped by a statement of its own.
        return not (_leaves_a_parent(draft, fact.identity.relation) and key in draft.gone)
    if fact.kind in ("function", "procedure") and _belongs_to_base_type(fact, draft):
        return True
    if fact.kind == "column" and draft.relation_kind(fact.identity.relation, draft.after) in (
        "view",
        "materialized view",
    ):
        return True
    if fact.kind == "index":
        if "attached to" in properties and detaches_partition(draft, relation or "") and key in draft.gone:
            return bool(backing_constraint(fact, draft.after))
        return bool(backing_constraint(fact, draft.after)) or ("index", properties.get("attached to")) in draft.dropped
    if fact.kind == "trigger":
        return _is_clone(fact, draft)
    if fact.kind == "sequence":
        owner = owned_by(fact)
        if owner is None:
            return False
        gone = ("column", owner) in draft.dropped or draft.is_dropped_relation(owner.relation)
        return gone or is_of_identity(fact)
    return False


def _is_of_type(table: str, draft: Draft) -> bool:
    """Whether that table is made of the same type before and after."""
    was, now = _both_sides(draft, table)
    return bool(was.get("of type")) and was["of type"] == now.get("of type")


def _belongs_to_base_type(function: Fact, draft: Draft) -> bool:
    """Whether it reads or writes a base type that is dropped: they are dropped together."""
    name = function.identity.base
    types = (draft.after[key].properties for key in draft.dropped if key[0] == "type")
    return any(name in (each.get("input"), each.get("output"), each.get("receive"), each.get("send")) for each in types)


def backing_constraint(index: Fact, facts: ByKey) -> Key | None:
    """The primary key, unique or exclusion constraint that an index belongs to."""
    relation = relation_of(index)
    if relation is None:
        return None
    key = ("constraint", index.identity.on(relation, "constraint"))
    found = facts.get(key)
    if found is None or not str(found.properties["definition"]).startswith(("PRIMARY KEY", "UNIQUE", "EXCLUDE")):
        return None
    return key


def detaches_partition(draft: Draft, relation: str) -> bool:
    """Whether the rollback takes that partition away from its parent."""
    old, new = _both_sides(draft, relation)
    return "partition bound" in new and old.get("partition bound") != new["partition bound"]


def _both_sides(draft: Draft, table: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The properties of a table before and after; empty unless it is there on both sides."""
    old, new = draft.before.get(("table", table)), draft.after.get(("table", table))
    return (old.properties, new.properties) if old and new else ({}, {})


def _leaves_a_parent(draft: Draft, relation: str) -> bool:
    """Whether the rollback takes that table away from one that it inherits from, as a partition or not."""
    old, new = _both_sides(draft, relation)
    return detaches_partition(draft, relation) or bool({*new.get("inherits", ())} - {*old.get("inherits", ())})


def _parents_that_stay(draft: Draft, table: Fact) -> list[str]:
    """The parents that the rollback leaves a table with."""
    old = draft.before.get(("table", table.identity))
    parents = [str(each) for each in table.properties.get("inherits", ())]
    if detaches_partition(draft, table.identity):
        return []
    return parents if old is None else [each for each in parents if each in old.properties.get("inherits", ())]


def attaches_partition(draft: Draft, relation: str) -> bool:
    """Whether the rollback gives that partition back to its parent."""
    old, new = _both_sides(draft, relation)
    return "partition bound" in old and old["partition bound"] != new.get("partition bound")


def rejoins_parent(draft: Draft, relation: str) -> bool:
    """Whether the rollback gives that table back to a parent, as a partition or not."""
    old, new = _both_sides(draft, relation)
    return attaches_partition(draft, relation) or bool({*old.get("inherits", ())} - {*new.get("inherits", ())})


def comes_before_joining(key: Key, draft: Draft) -> bool:
    """Whether that part of a table must be there when it joins its parent, which asks for it or would make it under another name."""
    fact = draft.before.get(key)
    if fact is None or not rejoins_parent(draft, relation_of(fact) or ""):
        return False
    if key[0] == "constraint":
        return fact.properties.get("inherited") == "only"
    return key[0] == "index" and "attached to" in fact.properties


def _is_clone(trigger: Fact, draft: Draft) -> bool:
    """Whether a partition has the trigger from its parent, which loses it in the same rollback."""
    if trigger.key in draft.needs_after.clones:
        return True
    table = draft.after.get(("table", trigger.identity.relation)) if trigger.kind == "trigger" else None
    if table is None or "partition bound" not in table.properties:
        return False
    parents = table.properties.get("inherits", [])
    return any(("trigger", trigger.identity.on(parent)) in draft.dropped for parent in parents)


def _only_plain_indexes(draft: Draft) -> bool:
    """Whether only indexes have to be dropped: then each is dropped concurrently, and nobody waits."""
    if draft.changed or draft.made or not draft.gone:
        return False
    for key in draft.gone:
        if key[0] == "comment":
            continue
        fact = draft.after[key]
        if key[0] != "index" or "attached to" in fact.properties or backing_constraint(fact, draft.after):
            return False
        table = draft.after.get(("table", relation_of(fact) or ""))
        if table is None or "partition key" in table.properties:
            return False
    return True
