"""Renames: the catalog shows one object gone and another there; only the text of the migration says that they are the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pg_deploy.catalog.reader import Fact
from pg_deploy.inverse.drops import backing_constraint
from pg_deploy.inverse.model import ON_RELATION, RELATIONS, ByKey, Key, strings_of
from pg_deploy.inverse.names import identifier, owner_of, schema_of
from pg_deploy.parsing.cutting import parse
from pg_deploy.parsing.tree import fields, list_items, opened, strings, text

_RELATIONS = (
    "OBJECT_TABLE",
    "OBJECT_VIEW",
    "OBJECT_MATVIEW",
    "OBJECT_INDEX",
    "OBJECT_SEQUENCE",
    "OBJECT_FOREIGN_TABLE",
)
_PARTS = {
    "OBJECT_COLUMN": "column",
    "OBJECT_TABCONSTRAINT": "constraint",
    "OBJECT_POLICY": "policy",
    "OBJECT_TRIGGER": "trigger",
}
_ANY_RELATION = (*RELATIONS, "index", "sequence")


@dataclass(frozen=True)
class Rename:
    """An object that the migration renamed: what it is called now, and the statement that gives back the old name."""

    kind: str
    now: str
    was: str
    back: str
    twin: Rename | None = None


def read_renames(sql: str, before: ByKey, after: ByKey) -> tuple[Rename, ...]:
    """The renames in a migration's text that the facts confirm, the last one first."""
    found: list[Rename] = []
    for raw in reversed(parse(sql, file="migration") if sql.strip() else ()):
        name, stmt = opened(raw.tree)
        if name != "RenameStmt":
            continue
        rename = _read(stmt, before, after)
        if rename is not None:
            found.append(rename)
            after = undo_names(after, [rename])
    return tuple(found)


def undo_names(facts: ByKey, renames: Iterable[Rename]) -> dict[Key, Fact]:
    """The facts as they will be once each rename was taken back."""
    current = dict(facts)
    for rename in renames:
        current = dict(_renamed(fact, rename) for fact in current.values())
    return current


def _read(stmt: dict[str, object], before: ByKey, after: ByKey) -> Rename | None:
    what, new = text(stmt.get("renameType")), identifier(text(stmt.get("newname")))
    old = identifier(text(stmt.get("subname")))
    range_var = fields(stmt.get("relation"))
    table = _found(range_var, after)
    if what in _PARTS and table:
        kind = _PARTS[what]
        now, was = f"{table}.{new}", f"{table}.{old}"
        if (kind, now) not in after or (kind, was) not in before:
            return None
        if kind in ("column", "constraint"):
            twin = _twin(kind, now, was, after)
            return Rename(kind, now, was, f"alter table {table} rename {kind} {new} to {old}", twin)
        return Rename(kind, now, was, f"alter {kind} {new} on {table} rename to {old}")
    if what in _RELATIONS:
        old = identifier(text(range_var.get("relname")))
        for kind in _ANY_RELATION:
            for schema in _schemas(range_var, after):
                now, was = f"{schema}.{new}", f"{schema}.{old}"
                if (kind, now) in after and (kind, was) in before and (kind, was) not in after:
                    back = f"alter {kind} {now} rename to {old}"
                    return Rename(kind, now, was, back, _twin(kind, now, was, after))
        return None
    if what in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
        names = strings(list_items(stmt.get("object")))
        schemas = [identifier(names[0])] if len(names) > 1 else ["public"]
        now, was = f"{schemas[0]}.{new}", f"{schemas[0]}.{identifier(names[-1])}" if names else ""
        if ("type", now) in after and ("type", was) in before:
            word = "domain" if what == "OBJECT_DOMAIN" else "type"
            return Rename("type", now, was, f"alter {word} {now} rename to {identifier(names[-1])}")
    if what in ("OBJECT_FUNCTION", "OBJECT_PROCEDURE"):
        names = strings(fields(fields(stmt.get("object")).get("ObjectWithArgs")).get("objname"))
        schema = identifier(names[0]) if len(names) > 1 else "public"
        for key in after:
            if key[0] in ("function", "procedure") and key[1].startswith(f"{schema}.{new}("):
                was = f"{schema}.{identifier(names[-1])}({key[1].split('(', 1)[1]}"
                if (key[0], was) in before and (key[0], was) not in after:
                    return Rename(key[0], key[1], was, f"alter {key[0]} {key[1]} rename to {identifier(names[-1])}")
    if what == "OBJECT_SCHEMA" and ("schema", new) in after and ("schema", old) in before:
        return Rename("schema", new, old, f"alter schema {new} rename to {old}")
    return None


def _schemas(range_var: dict[str, object], facts: ByKey) -> list[str]:
    written = text(range_var.get("schemaname"))
    if written:
        return [identifier(written)]
    return sorted({schema_of(key[1]) for key in facts if key[0] in _ANY_RELATION}, key=lambda name: name != "public")


def _found(range_var: dict[str, object], facts: ByKey) -> str | None:
    name = identifier(text(range_var.get("relname")))
    for schema in _schemas(range_var, facts):
        if any((kind, f"{schema}.{name}") in facts for kind in RELATIONS):
            return f"{schema}.{name}"
    return None


def _renamed(fact: Fact, rename: Rename) -> tuple[Key, Fact]:
    kind, identity = fact.kind, fact.identity
    if rename.twin is not None and (kind, identity) == (rename.twin.kind, rename.twin.now):
        rename = rename.twin
    if (kind, identity) == (rename.kind, rename.now):
        identity = rename.was
        properties = dict(fact.properties)
        if kind in ("index", "trigger", "function", "procedure", "statistics") and "definition" in properties:
            properties["definition"] = _in_definition(str(properties["definition"]), rename)
        if kind in _ANY_RELATION:
            properties = _everywhere(properties, rename)
        fact = Fact(kind, identity, json.dumps(properties, sort_keys=True, ensure_ascii=False), fact.scope)
        return (kind, identity), fact
    if rename.kind in ("constraint", "policy", "trigger"):
        identity = _comment_of_part(fact, rename)
        return (kind, identity), Fact(kind, identity, fact.definition, fact.scope)
    identity = _word_in(identity, rename)
    definition = fact.definition
    if kind not in ("function", "procedure", "comment") and any(
        rename.now.split("(")[0] in each or _last(rename.now) in each for each in strings_of(dict(fact.properties))
    ):
        definition = json.dumps(_everywhere(dict(fact.properties), rename, fact), sort_keys=True, ensure_ascii=False)
    return (kind, identity), Fact(kind, identity, definition, fact.scope)


def _twin(kind: str, now: str, was: str, facts: ByKey) -> Rename | None:
    """What is renamed with it: a constraint's index, an index's constraint."""
    if kind == "constraint":
        schema = owner_of(owner_of(now))
        return Rename("index", f"{schema}.{_last(now)}", f"{schema}.{_last(was)}", "")
    backed = backing_constraint(facts[kind, now], facts) if kind == "index" else None
    if backed is None:
        return None
    return Rename("constraint", backed[1], f"{owner_of(backed[1])}.{_last(was)}", "")


def _last(name: str) -> str:
    return name.rsplit(".", 1)[-1].split("(", maxsplit=1)[0]


def _in_definition(definition: str, rename: Rename) -> str:
    head, new, old = definition, _last(rename.now), _last(rename.was)
    return re.sub(rf"(?<![\w\"]){re.escape(new)}(?![\w\"])", lambda _: old, head, count=1)


def _word_in(value: str, rename: Rename) -> str:
    if rename.kind == "schema":
        return re.sub(rf"(?<![\w.\"$]){re.escape(rename.now)}(?=\.)", lambda _: rename.was, value)
    now, was = rename.now.split("(")[0], rename.was.split("(")[0]
    return re.sub(rf"(?<![\w.\"$]){re.escape(now)}(?![\w\"$])", lambda _: was, value)


def _everywhere(properties: dict[str, object], rename: Rename, fact: Fact | None = None) -> dict[str, object]:
    def replaced(value: object) -> object:
        if isinstance(value, str):
            value = _word_in(value, rename)
            if rename.kind == "column" and fact is not None and _speaks_of(fact, owner_of(rename.now)):
                new, old = _last(rename.now), _last(rename.was)
                value = re.sub(rf"(?<![\w\"$]){re.escape(new)}(?![\w\"$])", lambda _: old, value)
            return value
        if isinstance(value, list):
            return [replaced(item) for item in value]
        if isinstance(value, dict):
            return {name: replaced(item) for name, item in value.items()}
        return value

    return {name: replaced(value) for name, value in properties.items()}


def _speaks_of(fact: Fact, table: str) -> bool:
    if fact.kind in ON_RELATION and owner_of(fact.identity) == table:
        return True
    return any(table in each for each in strings_of(dict(fact.properties)))


def _comment_of_part(fact: Fact, rename: Rename) -> str:
    if fact.kind != "comment":
        return fact.identity
    new, old, table = _last(rename.now), _last(rename.was), owner_of(rename.now)
    return re.sub(rf" {re.escape(new)} on {re.escape(table)}$", lambda _: f" {old} on {table}", fact.identity)
