"""Changed objects, each by its kind; those other than relations and columns are altered back here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from pg_deploy.catalog.kinds import RELATIONS, VIEWS
from pg_deploy.catalog.names import Key
from pg_deploy.catalog.reader import Fact
from pg_deploy.postgres.quoting import identifier, literal
from pg_deploy.rollback.generator.columns import add_column, add_view_column
from pg_deploy.rollback.generator.creates import create
from pg_deploy.rollback.generator.definitions import option_changes
from pg_deploy.rollback.generator.draft import Draft, Phase, differing, is_of_identity, owned_by
from pg_deploy.rollback.generator.order import relation_of
from pg_deploy.rollback.generator.publications import add_publication
from pg_deploy.rollback.generator.sql_text import FIRING, INDEX_STORAGE, role
from pg_deploy.rollback.generator.tables import add_relation

_ATTRIBUTE_NAME = re.compile(r'"(?:[^"]|"")+"|\S+')
_STORAGES = {"p": "plain", "e": "external", "m": "main", "x": "extended"}
_BASE_TYPE_SETTINGS = {
    "receive": "receive", "send": "send", "modifier input": "typmod_in", "modifier output": "typmod_out", "analyze": "analyze",
    "subscript": "subscript", "storage": "storage",
}  # fmt: skip
"""By property, what ALTER TYPE … SET calls it."""


def add_changed(draft: Draft, key: Key) -> None:
    """Statements that alter one changed object back, or a refusal."""
    old, new = draft.before[key], draft.after[key]
    kind, identity = old.kind, old.identity
    before, after = old.properties, new.properties
    if kind in RELATIONS:
        add_relation(draft, old, new)
    elif kind == "column":
        relation = (draft.relation_kind(identity.relation, draft.before) or "", identity.relation)
        if relation[0] not in VIEWS:
            add_column(draft, old, new)
        elif relation not in draft.made:
            add_view_column(draft, old, new)
    elif kind in ("function", "procedure"):
        if before["definition"] != after["definition"]:
            draft.add(Phase.IN_PLACE, *create(old, draft.before))
        _add_owner(draft, old, new)
    elif kind == "policy":
        _add_policy(draft, old, new)
    elif kind in ("trigger", "rule"):
        verb = FIRING[str(before["fires"])]
        draft.add(Phase.ALTER, f"alter table {identity.relation} {verb} {kind} {identity.name}")
    elif kind == "event trigger":
        _add_owner(draft, old, new)
        if before["fires"] != after["fires"]:
            draft.add(Phase.ALTER, f"alter event trigger {identity} {FIRING[str(before['fires'])]}")
    elif kind == "type":
        _add_type(draft, old, new)
    elif kind == "sequence":
        _add_sequence(draft, old, new)
    elif kind == "index":
        _add_index(draft, old, new)
    elif kind == "constraint":
        _add_constraint(draft, old, new)
    elif kind == "statistics" and differing(before, after) <= {"target", "owner"}:
        draft.add(Phase.ALTER, f"alter statistics {identity} set statistics {before.get('target', -1)}")
        _add_owner(draft, old, new)
    elif kind == "publication":
        add_publication(draft, old, new)
    elif kind in ("server", "foreign data wrapper", "user mapping"):
        _add_options(draft, old, new)
    elif kind == "extension" and before["version"] == after["version"]:
        if before["schema"] != after["schema"]:
            draft.add(Phase.ALTER, f"alter extension {identity} set schema {role(str(before['schema']))}")
    elif kind == "extension":
        draft.refuse(key, f"it went from version {before['version']} to {after['version']}, and there is no way down")
    elif differing(before, after) <= {"owner"}:
        _add_owner(draft, old, new)
    else:
        draft.refuse(key, "it changed, and there is no statement here that changes it back")


def _add_options(draft: Draft, old: Fact, new: Fact) -> None:
    before, after = dict(old.properties), dict(new.properties)
    options = option_changes(before.pop("options", []), after.pop("options", []))
    server = old.identity.part("server")
    what = f"user mapping for {role(old.identity.role)} server {server}" if server else f"{old.kind} {old.identity}"
    version = before.pop("version", None), after.pop("version", None)
    before.pop("owner", None), after.pop("owner", None)
    if options is None or before != after:
        draft.refuse(old.key, "an option that is a secret, or what it was made with, changed")
        return
    if version[0] != version[1]:
        draft.add(Phase.ALTER, f"alter {what} version {literal(str(version[0] or ''))}")
    if options:
        draft.add(Phase.ALTER, f"alter {what}{options}")
    _add_owner(draft, old, new)


def _add_owner(draft: Draft, old: Fact, new: Fact) -> None:
    if old.properties.get("owner") != new.properties.get("owner"):
        word = "domain" if "domain over" in old.properties else old.kind
        draft.add(Phase.OWNER, f"alter {word} {old.identity} owner to {role(str(old.properties['owner']))}")


def _add_policy(draft: Draft, old: Fact, new: Fact) -> None:
    before, after = old.properties, new.properties
    lines = [f"alter policy {old.identity.name} on {old.identity.relation}"]
    if before["roles"] != after["roles"]:
        lines.append(f"    to {', '.join(role(name) for name in before['roles'])}")
    if before.get("using") != after.get("using"):
        lines.append(f"    using ({before['using']})")
    if before.get("with check") != after.get("with check"):
        lines.append(f"    with check ({before['with check']})")
    draft.add(Phase.IN_PLACE, "\n".join(lines))


def _add_type(draft: Draft, old: Fact, new: Fact) -> None:
    before, after = old.properties, new.properties
    key, identity = old.key, old.identity
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
        _add_composite(draft, key, before.get("composite", []), after.get("composite", []))
    elif "input" in before and differing(before, after) <= {*_BASE_TYPE_SETTINGS, "owner"}:
        _add_base_type(draft, key, before, after)
    elif differing(before, after) - {"owner"}:
        draft.refuse(key, "it changed, and there is no statement here that changes it back")
    _add_owner(draft, old, new)


def _add_base_type(draft: Draft, key: Key, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    differs = [name for name in _BASE_TYPE_SETTINGS if before.get(name) != after.get(name)]
    if "storage" in differs and before["storage"] == "p":
        draft.refuse(key, "its storage is no longer plain, and the server lets no type become plain again")
        return
    values = {**before, "storage": _STORAGES[str(before["storage"])]}
    if differs:
        wanted = ", ".join(f"{_BASE_TYPE_SETTINGS[name]} = {values.get(name, 'none')}" for name in differs)
        draft.add(Phase.ALTER, f"alter type {key[1]} set ({wanted})")


def _add_composite(draft: Draft, key: Key, before: list[str], after: list[str]) -> None:
    """Attributes as they were; refused if a column of this type would lose values."""
    alter = f"alter type {key[1]}"
    # The columns of tables that are made OF it change with it.
    is_table_type = any(
        fact.kind == "table" and fact.properties.get("of type") == key[1] for fact in draft.after.values()
    )
    cascade = " cascade" if is_table_type else ""
    if [each for each in after if each in before] == before:
        for each in after:
            if each not in before:
                draft.add(Phase.ALTER, f"{alter} drop attribute {_name_of(each)}{cascade}")
        return
    renamed = [(old, new) for old, new in zip(before, after, strict=False) if old != new]
    names = {_name_of(each) for each in after}
    same_types = len(before) <= len(after) and all(_type_of(old) == _type_of(new) for old, new in renamed)
    # If an old name is still there in another place, an attribute before it was dropped, and none was renamed.
    if same_types and not any(_name_of(old) in names for old, _ in renamed):
        for each in reversed(after[len(before) :]):
            draft.add(Phase.ALTER, f"{alter} drop attribute {_name_of(each)}{cascade}")
        for old, new in renamed:
            # First: what is made again names it by its old name.
            draft.add(Phase.RENAME, f"{alter} rename attribute {_name_of(new)} to {_name_of(old)}{cascade}")
        return
    if any(one[0] in ("column", "table") for one in draft.needs_after.by.get(key, ())):
        draft.refuse(key, "an attribute was dropped or changed, with its values")
        return
    common = 0
    while common < min(len(before), len(after)) and _name_of(before[common]) == _name_of(after[common]):
        common += 1
    for each in reversed(after[common:]):
        draft.add(Phase.ALTER, f"{alter} drop attribute {_name_of(each)}{cascade}")
    for old, new in zip(before[:common], after[:common], strict=True):
        if old != new:
            draft.add(Phase.ALTER, f"{alter} alter attribute {_name_of(old)} type {_type_of(old)}")
    for each in before[common:]:
        draft.add(Phase.ALTER, f"{alter} add attribute {each}")


def _type_of(attribute: str) -> str:
    return attribute[len(_name_of(attribute)) :].strip()


def _name_of(attribute: str) -> str:
    return _ATTRIBUTE_NAME.match(attribute)[0]  # type: ignore[index]


def _add_enum(draft: Draft, key: Key, before: list[str], after: list[str]) -> None:
    if len(before) != len(after) or key in draft.remade:
        added = [label for label in after if label not in before]
        draft.refuse(key, f"an enum value cannot be removed ({', '.join(added) or 'its values changed'})")
        return
    # First: what is made again names the old labels.
    for label, wanted in order_label_renames(before, after):
        draft.add(Phase.RENAME, f"alter type {key[1]} rename value {literal(label)} to {literal(wanted)}")


def order_label_renames(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The renames, in order, that lead from the labels `after` to those of `before`, which are as many. Pure.

    A rename waits while another label still has the name; in a circle one label gets a temporary name first.
    """
    now = list(after)
    while places := [place for place, (old, new) in enumerate(zip(before, now, strict=True)) if old != new]:
        free = [place for place in places if before[place] not in now]
        place = (free or places)[0]
        wanted = before[place] if free else next(each for n in count(1) if (each := f"undo_{n}") not in (*now, *before))
        yield now[place], wanted
        now[place] = wanted


def _add_sequence(draft: Draft, old: Fact, new: Fact) -> None:
    before, after = old.properties, new.properties
    differs = differing(before, after)
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
    changes_owner = "owned by" in differs and not is_of_identity(old if before.get("owned by") else new)
    owner = owned_by(new)
    if changes_owner and owner and (("table", owner.relation) in draft.gone or ("column", owner) in draft.gone):
        # First, or it would be dropped with the column that owns it now.
        draft.add(Phase.COMMENT_OFF, f"alter sequence {old.identity} owned by none")
    if changes_owner:
        draft.add(Phase.DEFAULT_ON, f"alter sequence {old.identity} owned by {before.get('owned by', 'none')}")
    if clauses:
        draft.add(Phase.ALTER, f"alter sequence {old.identity} {' '.join(clauses)}")
    if "persistence" in differs:
        draft.add(Phase.ALTER, f"alter sequence {old.identity} set {before.get('persistence', 'logged')}")
    # A sequence that belongs to a column has the owner of its table.
    if "owner" in differs and "owned by" not in before:
        _add_owner(draft, old, new)


def _add_index(draft: Draft, old: Fact, new: Fact) -> None:
    before, after = old.properties, new.properties
    relation, name = relation_of(old), old.identity.name
    if before.get("clustered") != after.get("clustered"):
        wanted = f"cluster on {name}" if before.get("clustered") else "set without cluster"
        draft.add(Phase.ALTER, f"alter table {relation} {wanted}")
    if before.get("replica identity") and not after.get("replica identity"):
        draft.add(Phase.ALTER, f"alter table {relation} replica identity using index {name}")
    if before["definition"] != after["definition"]:
        _add_storage(draft, old.identity, str(before["definition"]), str(after["definition"]))
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


def _add_storage(draft: Draft, index: str, before: str, after: str) -> None:
    was, now = _storage(before), _storage(after)
    if names := sorted(now.keys() - was.keys()):
        draft.add(Phase.ALTER, f"alter index {index} reset ({', '.join(names)})")
    if wanted := [f"{name} = {value}" for name, value in was.items() if now.get(name) != value]:
        draft.add(Phase.ALTER, f"alter index {index} set ({', '.join(wanted)})")


def _storage(definition: str) -> dict[str, str]:
    found = INDEX_STORAGE.search(definition)
    pairs = (each.split("=", 1) for each in found[1].split(", ")) if found else ()
    return {name.strip(): value.strip() for name, value in pairs}


def _add_constraint(draft: Draft, old: Fact, new: Fact) -> None:
    # What is inherited changes with attaching and detaching: nothing is done for it here.
    if old.properties.get("triggers disabled") != new.properties.get("triggers disabled"):
        draft.refuse(old.key, "its triggers were switched, which takes a superuser to take back")
