"""Changed objects that are no tables: functions, policies, triggers, types, sequences, schemas, extensions, indexes."""

from __future__ import annotations

from pg_deploy.catalog.reader import Fact
from pg_deploy.inverse.columns import add_column
from pg_deploy.inverse.creates import create
from pg_deploy.inverse.model import RELATIONS, Draft, Key, Phase
from pg_deploy.inverse.names import identifier, literal, own_name, owner_of, role
from pg_deploy.inverse.order import relation_of
from pg_deploy.inverse.tables import add_relation

_FIRES = {"never": "disable", "on replica": "enable replica", "always": "enable always", "normally": "enable"}
REPLACEABLE = frozenset({
    "view", "materialized view", "function", "procedure", "policy", "trigger", "rule", "index", "constraint", "statistics",
    "event trigger",
})  # fmt: skip


def must_be_replaced(draft: Draft, key: Key) -> bool:
    """Whether a changed object cannot be altered into what it was, only dropped and made again."""
    old, new = draft.before[key], draft.after[key]
    before, after = old.properties, new.properties
    if key[0] in ("function", "procedure"):
        return _head(old) != _head(new)
    if key[0] == "view":
        return before["definition"] != after["definition"] and _columns(draft, key[1], True) != _columns(
            draft, key[1], False
        )
    if key[0] == "policy":
        lost = ("using" in after and "using" not in before) or ("with check" in after and "with check" not in before)
        return lost or (before["command"], before.get("restrictive")) != (after["command"], after.get("restrictive"))
    if key[0] in ("materialized view", "trigger", "rule", "statistics", "constraint", "index"):
        return before["definition"] != after["definition"] or bool(before.get("invalid")) != bool(after.get("invalid"))
    if key[0] == "event trigger":
        return {**before, "fires": "", "owner": ""} != {**after, "fires": "", "owner": ""}
    return False


def add_changed(draft: Draft, key: Key) -> None:
    """Statements that alter one changed object back, or a refusal."""
    old, new = draft.before[key], draft.after[key]
    kind, identity = key
    before, after = old.properties, new.properties
    if kind in RELATIONS:
        add_relation(draft, old, new)
    elif kind == "column":
        if draft.relation_kind(owner_of(identity), draft.before) not in ("view", "materialized view"):
            add_column(draft, old, new)
    elif kind in ("function", "procedure"):
        if before["definition"] != after["definition"]:
            draft.add(Phase.IN_PLACE, *create(old, draft.before))
        _add_owner(draft, old, new)
    elif kind == "policy":
        _add_policy(draft, old, new)
    elif kind in ("trigger", "rule"):
        verb = _FIRES[str(before["fires"])]
        draft.add(Phase.ALTER, f"alter table {owner_of(identity)} {verb} {kind} {own_name(identity)}")
    elif kind == "event trigger":
        _add_owner(draft, old, new)
        if before["fires"] != after["fires"]:
            draft.add(Phase.ALTER, f"alter event trigger {identity} {_FIRES[str(before['fires'])]}")
    elif kind == "type":
        _add_type(draft, old, new)
    elif kind == "sequence":
        _add_sequence(draft, old, new)
    elif kind == "index":
        _add_index(draft, old, new)
    elif kind == "constraint":
        _add_constraint(draft, old, new)
    elif kind == "statistics" and {**before, "target": 0, "owner": 0} == {**after, "target": 0, "owner": 0}:
        draft.add(Phase.ALTER, f"alter statistics {identity} set statistics {before.get('target', -1)}")
        _add_owner(draft, old, new)
    elif kind == "extension" and before["version"] == after["version"]:
        if before["schema"] != after["schema"]:
            draft.add(Phase.ALTER, f"alter extension {identity} set schema {role(str(before['schema']))}")
    elif kind == "extension":
        draft.refuse(key, f"it went from version {before['version']} to {after['version']}, and there is no way down")
    elif {**before, "owner": 0} == {**after, "owner": 0}:
        _add_owner(draft, old, new)
    else:
        draft.refuse(key, "it changed, and there is no statement here that changes it back")


def _head(fact: Fact) -> str:
    """Name, arguments, defaults and result of a function: what `create or replace` cannot change."""
    return str(fact.properties["definition"]).split("\n LANGUAGE ", 1)[0]


def _columns(draft: Draft, relation: str, before: bool) -> set[tuple[str, str]]:
    facts = draft.before if before else draft.after
    return {
        (key[1], fact.definition) for key, fact in facts.items() if key[0] == "column" and owner_of(key[1]) == relation
    }


def _add_owner(draft: Draft, old: Fact, new: Fact) -> None:
    if old.properties.get("owner") != new.properties.get("owner"):
        word = "domain" if "domain over" in old.properties else old.kind
        draft.add(Phase.OWNER, f"alter {word} {old.identity} owner to {role(str(old.properties['owner']))}")


def _add_policy(draft: Draft, old: Fact, new: Fact) -> None:
    before, after = old.properties, new.properties
    lines = [f"alter policy {own_name(old.identity)} on {owner_of(old.identity)}"]
    if before["roles"] != after["roles"]:
        lines.append(f"    to {', '.join(role(name) for name in before['roles'])}")
    if before.get("using") != after.get("using"):
        lines.append(f"    using ({before['using']})")
    if before.get("with check") != after.get("with check"):
        lines.append(f"    with check ({before['with check']})")
    draft.add(Phase.IN_PLACE, "\n".join(lines))


def _add_type(draft: Draft, old: Fact, new: Fact) -> None:
    before, after = old.properties, new.properties
    key, identity = (old.kind, old.identity), old.identity
    if "enum" in before and before["enum"] != after.get("enum"):
        _add_enum(draft, key, before["enum"], after.get("enum", []))
    elif "domain over" in before:
        if before.get("domain over") != after.get("domain over") or before.get("collation") != after.get("collation"):
            draft.refuse(key, "what it is a domain over changed")
        if before.get("default value") != after.get("default value"):
            wanted = f"set default {before['default value']}" if "default value" in before else "drop default"
            draft.add(Phase.ALTER, f"alter domain {identity} {wanted}")
        if before.get("not null") != after.get("not null"):
            draft.add(Phase.ALTER, f"alter domain {identity} {'set' if before.get('not null') else 'drop'} not null")
        elif before.get("not null constraint") != after.get("not null constraint"):
            names = " to ".join(identifier(str(each["not null constraint"])) for each in (after, before))
            draft.add(Phase.ALTER, f"alter domain {identity} rename constraint {names}")
    elif before.get("composite") != after.get("composite"):
        kept = before.get("composite", [])
        added = [each for each in after.get("composite", []) if each not in kept]
        if [each for each in after.get("composite", []) if each in kept] != kept:
            draft.refuse(key, "an attribute was dropped or changed, with its values")
        else:
            for each in added:
                draft.add(Phase.ALTER, f"alter type {identity} drop attribute {_first_word(each)}")
    elif {**before, "owner": 0} != {**after, "owner": 0}:
        draft.refuse(key, "it changed, and there is no statement that changes it back")
    _add_owner(draft, old, new)


def _first_word(attribute: str) -> str:
    return attribute[: attribute.index('"', 1) + 1] if attribute.startswith('"') else attribute.split(" ", 1)[0]


def _add_enum(draft: Draft, key: Key, before: list[str], after: list[str]) -> None:
    renamed = [(old, new) for old, new in zip(before, after, strict=False) if old != new]
    if len(before) == len(after) and len(renamed) == 1:
        draft.add(Phase.ALTER, f"alter type {key[1]} rename value {literal(renamed[0][1])} to {literal(renamed[0][0])}")
        return
    added = [label for label in after if label not in before]
    draft.refuse(key, f"an enum value cannot be removed ({', '.join(added) or 'its values changed'})")


def _add_sequence(draft: Draft, old: Fact, new: Fact) -> None:
    before, after = old.properties, new.properties
    differs = {each for each in before.keys() | after.keys() if before.get(each) != after.get(each)}
    words = {
        "type": "as {}",
        "increment": "increment by {}",
        "minimum": "minvalue {}",
        "maximum": "maxvalue {}",
        "start": "start with {}",
        "cache": "cache {}",
    }
    clauses = [text.format(before[name]) for name, text in words.items() if name in differs]
    if "cycle" in differs:
        clauses.append("cycle" if before.get("cycle") else "no cycle")
    identity = str(before.get("owned by", "") or after.get("owned by", "")).endswith(" (identity)")
    if "owned by" in differs and not identity:
        clauses.append(f"owned by {before.get('owned by', 'none')}")
    if clauses:
        draft.add(Phase.ALTER, f"alter sequence {old.identity} {' '.join(clauses)}")
    if "persistence" in differs:
        draft.add(Phase.ALTER, f"alter sequence {old.identity} set {before.get('persistence', 'logged')}")
    # One that belongs to a column follows the owner of its table.
    if "owner" in differs and "owned by" not in before:
        _add_owner(draft, old, new)


def _add_index(draft: Draft, old: Fact, new: Fact) -> None:
    before, after = old.properties, new.properties
    relation, name = relation_of(old), own_name(old.identity)
    if before.get("clustered") != after.get("clustered"):
        wanted = f"cluster on {name}" if before.get("clustered") else "set without cluster"
        draft.add(Phase.ALTER, f"alter table {relation} {wanted}")
    if before.get("replica identity") and not after.get("replica identity"):
        draft.add(Phase.ALTER, f"alter table {relation} replica identity using index {name}")
    was, now = before.get("statistics targets", {}), after.get("statistics targets", {})
    for column in sorted(was.keys() | now.keys()):
        if was.get(column) != now.get(column):
            draft.add(
                Phase.ALTER, f"alter index {old.identity} alter column {column} set statistics {was.get(column, -1)}"
            )
    if before.get("tablespace") != after.get("tablespace"):
        target = role(str(before.get("tablespace", "pg_default")))
        draft.add(Phase.ALTER, f"alter index {old.identity} set tablespace {target}")
    if before.get("attached to") and not after.get("attached to"):
        draft.add(Phase.CONCURRENTLY, f"alter index {before['attached to']} attach partition {old.identity}")


def _add_constraint(draft: Draft, old: Fact, new: Fact) -> None:
    before, after = dict(old.properties), dict(new.properties)
    if before.pop("triggers disabled", None) != after.pop("triggers disabled", None):
        draft.refuse((old.kind, old.identity), "its triggers were switched, which takes a superuser to take back")
    # What is inherited follows attaching and detaching.
