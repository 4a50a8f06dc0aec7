"""What cannot be altered in place, and so is dropped and made again, together with what depends on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pg_deploy.catalog.kinds import CALLED_ON, ROUTINES, VIEWS
from pg_deploy.catalog.names import Key, identity_of
from pg_deploy.catalog.reader import Fact
from pg_deploy.rollback.generator.columns import columns_behind, generated_is_made_again
from pg_deploy.rollback.generator.draft import Draft, Phase
from pg_deploy.rollback.generator.drops import backing_constraint, detaches_partition
from pg_deploy.rollback.generator.order import mentions, relation_of
from pg_deploy.rollback.generator.sql_text import INDEX_STORAGE

REPLACEABLE = frozenset({
    *VIEWS, *ROUTINES, *CALLED_ON, "index", "constraint",
    "statistics", "event trigger", "cast", "operator", "operator class", "operator family", "collation", "conversion",
    "text search configuration", "text search dictionary", "publication", "server", "user mapping",
})  # fmt: skip
_ON_COLUMNS = (*VIEWS, *CALLED_ON, "function", "procedure", "publication")
_WHOLE = (
    "aggregate", "cast", "operator", "operator class", "operator family", "collation", "conversion",
    "text search configuration", "text search dictionary",
)  # fmt: skip


def must_be_replaced(draft: Draft, key: Key) -> bool:
    """Whether a changed object cannot be altered into what it was, only dropped and made again."""
    old, new = draft.before[key], draft.after[key]
    before, after = old.properties, new.properties
    if key[0] == "sequence":
        return key in draft.remade
    if key[0] == "column":
        return generated_is_made_again(draft, old, new)
    if key[0] in ("function", "procedure"):
        return _head(old) != _head(new)
    if key[0] == "view":
        return before["definition"] != after["definition"] and (
            _columns(draft, key[1], before=True) != _columns(draft, key[1], before=False)
        )
    if key[0] == "policy":
        lost = ("using" in after and "using" not in before) or ("with check" in after and "with check" not in before)
        return lost or (before["command"], before.get("restrictive")) != (after["command"], after.get("restrictive"))
    if key[0] == "index":
        differs = before["definition"] != after["definition"] and _base(before) != _base(after)
        return differs or bool(before.get("invalid")) != bool(after.get("invalid"))
    if key[0] in ("materialized view", "trigger", "rule", "statistics", "constraint"):
        return bool(before["definition"] != after["definition"])
    if key[0] == "event trigger":
        return {**before, "fires": "", "owner": ""} != {**after, "fires": "", "owner": ""}
    if key[0] in _WHOLE:
        return {**before, "owner": ""} != {**after, "owner": ""}
    return False


def find_replaced(draft: Draft) -> None:
    """Set `draft.replaced`: what cannot be altered, and what depends on that."""
    draft.replaced = {key for key in draft.changed if must_be_replaced(draft, key)}
    draft.replaced |= {key for key in draft.before if key[0] == "index" and _gets_its_constraint_again(draft, key)}
    draft.replaced |= {key for key in draft.on_new_types if key in draft.after and key[0] in REPLACEABLE}
    retyped = draft.retyped | {
        key for key in draft.changed if key[0] == "column" and _type(draft.before[key]) != _type(draft.after[key])
    }
    while True:
        more = _needing_dropped(draft) | {
            key
            for key in draft.needs_after.dependents(retyped)
            if key in draft.before and key in draft.after and key[0] in _ON_COLUMNS
        }
        # Altered in place before others are made, it must not need one of those.
        more |= {
            key
            for key in draft.changed
            if key[0] in REPLACEABLE
            and draft.needs_before.of.get(key, set()) & draft.made
            and _definition_changes(draft, key)
        }
        # A column that is made again stands behind all others: those that stood behind it are made again as well.
        more |= {
            behind
            for key in draft.made
            if key[0] == "column" and "generated" in draft.before[key].properties
            for behind in columns_behind(draft, draft.before[key])
            if behind in draft.after and "generated" in draft.before[behind].properties
        }
        if more <= draft.replaced:
            return
        draft.replaced |= more


def _gets_its_constraint_again(draft: Draft, index: Key) -> bool:
    """Whether an index was a constraint's and is not now: the constraint makes it again, so it must be dropped before."""
    was, now = draft.before[index], draft.after.get(index)
    return (
        now is not None
        and backing_constraint(was, draft.before) in draft.missing
        and backing_constraint(now, draft.after) is None
    )


def _needing_dropped(draft: Draft) -> set[Key]:
    found = set()
    for dropped in sorted(draft.dropped):
        for key in sorted(draft.needs_after.by.get(dropped, ())):
            if key not in draft.before or key not in draft.after or key in draft.replaced:
                continue
            if _part_of_dropped(draft, key):
                continue
            needs_it_again = dropped in draft.replaced and dropped in draft.needs_before.of.get(key, ())
            if key in draft.changed and not needs_it_again and key[0] not in ("constraint", "index", "trigger"):
                # What it is altered into does not need it.
                continue
            if key[0] in ("column", "type") and _releases_default(draft, key, dropped):
                continue
            if key[0] == "index" and dropped[0] in ("constraint", "index"):
                leaves = dropped[0] == "index" and detaches_partition(draft, relation_of(draft.before[key]) or "")
                if dropped in draft.gone and not leaves and backing_constraint(draft.before[key], draft.before) is None:
                    # A constraint took the index over, and takes it along.
                    found.add(key)
                continue
            if (
                key[0] in ("index", "constraint", "statistics")
                and dropped in draft.gone
                and _follows_column(draft, key)
            ):
                # The server builds it anew with the type that the column had.
                continue
            if key[0] in REPLACEABLE:
                backed = backing_constraint(draft.before[key], draft.before) if key[0] == "index" else None
                found.add(backed if backed in draft.after and backed is not None else key)
    return found - draft.replaced


def _follows_column(draft: Draft, key: Key) -> bool:
    needs = draft.needs_after.of.get(key, set())
    needs = needs | {each for need in needs if need[0] == "constraint" for each in draft.needs_after.of.get(need, ())}
    return any(need in draft.changed and need[0] == "column" for need in needs)


def _part_of_dropped(draft: Draft, key: Key) -> bool:
    return key[0] == "column" and draft.is_dropped_relation(identity_of(key).relation)


def _releases_default(draft: Draft, key: Key, dropped: Key) -> bool:
    """Drop the default before what it calls is dropped, and set it again at the end; whether that is enough."""
    name = "default" if key[0] == "column" else "default value"
    old, new = draft.before[key].properties, draft.after[key].properties
    text = str(new.get(name, ""))
    if not text or "generated" in new or not mentions(text, dropped):
        return False
    if key in draft.changed and old.get(name) != new.get(name):
        return True
    identity = identity_of(key)
    of = (
        f"alter table {identity.relation} alter column {identity.name}"
        if key[0] == "column"
        else f"alter domain {identity}"
    )
    off, on = f"{of} drop default", f"{of} set default {old[name]}"
    draft.subject = key
    if not any(step.sql == off for step in draft.steps):
        draft.add(Phase.DEFAULT_OFF, off)
        draft.add(Phase.DEFAULT_ON, on)
    draft.subject = None
    return True


def _definition_changes(draft: Draft, key: Key) -> bool:
    old, new = draft.before[key].properties, draft.after[key].properties
    names = ("definition", "using", "with check")
    # Steps are ordered by what they need; only a circle would need more.
    return key[0] in ("materialized view", "index", "constraint") and any(
        old.get(name) != new.get(name) for name in names
    )


def _type(fact: Fact) -> tuple[object, object]:
    return fact.properties["type"], fact.properties.get("collation")


def _base(properties: Mapping[str, Any]) -> str:
    """An index's definition without its storage parameters."""
    return INDEX_STORAGE.sub("", str(properties["definition"]))


def _head(fact: Fact) -> str:
    """Name, arguments, defaults and result of a function: what `create or replace` cannot change."""
    return str(fact.properties["definition"]).split("\n LANGUAGE ", 1)[0]


def _columns(draft: Draft, relation: str, *, before: bool) -> set[tuple[str, str, object]]:
    columns = (draft.columns_before if before else draft.columns_after).get(relation, ())
    return {(fact.identity, str(fact.properties["type"]), fact.properties["position"]) for fact in columns}
