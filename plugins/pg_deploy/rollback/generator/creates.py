"""Create statements, from the definitions that the facts hold; what they do not hold is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pg_deploy.catalog.kinds import VIEWS
from pg_deploy.catalog.names import Identity, Key, made, unquoted
from pg_deploy.catalog.reader import Fact
from pg_deploy.postgres.quoting import identifier, literal
from pg_deploy.rollback.generator.columns import (
    add_options_anew,
    add_view_columns,
    generated_column_statement,
    is_held_within,
    why_not_generated_again,
)
from pg_deploy.rollback.generator.definitions import create_range, create_rare, last_foreign_column_statement
from pg_deploy.rollback.generator.draft import ByKey, Draft, Phase, is_of_identity
from pg_deploy.rollback.generator.drops import backing_constraint, comes_before_joining, rejoins_parent
from pg_deploy.rollback.generator.order import order_by_need, relation_of
from pg_deploy.rollback.generator.sequences import add_sequence
from pg_deploy.rollback.generator.sql_text import FIRING, INDEX_STORAGE, role, storage_options

_LOST = {
    "table": "it was dropped with its rows",
    "column": "it was dropped with its values",
}


def add_creates(draft: Draft) -> None:
    """Make again what is missing or replaced, what is needed first."""
    facts = [draft.before[key] for key in draft.made]
    for fact in order_by_need((each for each in facts if not _comes_with_another(each, draft)), draft.needs_before.of):
        key = fact.key
        draft.subject = key
        if fact.kind == "column" and (statement := generated_column_statement(fact, draft)):
            draft.add(Phase.CREATE, statement, makes=True)
            add_options_anew(draft, fact)
            continue
        if fact.kind == "column" and (statement := last_foreign_column_statement(fact, draft)):
            draft.add(Phase.CREATE, statement, makes=True)
            continue
        if fact.kind in _LOST:
            generated = "generated" in fact.properties
            draft.refuse(key, why_not_generated_again(draft, fact) if generated else _LOST[fact.kind])
            continue
        if fact.kind == "sequence":
            add_sequence(draft, fact)
            continue
        domain = relation_of(fact) if fact.kind == "constraint" else None
        if domain and ("type", domain) in draft.before and is_held_within(domain, draft):
            draft.refuse(
                key, "a column holds its domain within an array or a row, and the server adds no constraint to one"
            )
            continue
        statements = () if key in draft.early_schemas else _created(fact, draft)
        if not statements and key not in draft.early_schemas:
            draft.refuse(key, "it was dropped or changed, and the facts do not hold its whole definition")
            continue
        phase = Phase.CREATE
        if fact.kind == "index" and _may_build_concurrently(fact, draft):
            phase = Phase.CONCURRENTLY
            draft.built_concurrently.add(key)
            statements = (statements[0].replace(" INDEX ", " INDEX CONCURRENTLY ", 1), *statements[1:])
        elif fact.kind == "index":
            draft.remarks.append(f"index {fact.identity} is built while writes to {relation_of(fact)} wait")
        draft.add(phase, *statements, makes=True)
        owner = fact.properties.get("owner")
        if owner and fact.kind not in ("extension", "user mapping"):
            word = "domain" if "domain over" in fact.properties else fact.kind
            draft.add(Phase.OWNER, f"alter {word} {fact.identity} owner to {role(str(owner))}")
        if fact.kind in VIEWS:
            add_view_columns(draft, fact)
        if fact.kind == "constraint":
            _add_marks_of_index(draft, fact)
        if fact.kind == "trigger":
            _add_firing_of_clones(draft, fact)
    draft.subject = None


def _created(fact: Fact, draft: Draft) -> tuple[str, ...]:
    if fact.kind == "index":
        return create_index(fact, attaches=not comes_before_joining(fact.key, draft))
    return create(fact, draft.before)


def _add_marks_of_index(draft: Draft, fact: Fact) -> None:
    """What is set on the index that comes with a constraint: options, cluster, replica identity, the names in partitions."""
    index = draft.before.get(("index", fact.identity.beside("index")))
    if index is None or relation_of(index) != fact.identity.relation:
        return
    options = INDEX_STORAGE.search(str(index.properties["definition"]))
    if options and "attached to" not in index.properties and "partition key" not in _table_of(index, draft):
        # The definition of a constraint holds none.
        draft.add(Phase.CREATE, f"alter index {index.identity} set ({options[1]})")
    attaches = not comes_before_joining(fact.key, draft)
    draft.add(Phase.CREATE, *create_index(index, attaches=attaches)[1:])
    # A partition's own constraint comes with the parent's, under a name that the server chooses.
    for key, part in sorted(draft.before.items()):
        if key[0] == "index" and part.properties.get("attached to") == index.identity:
            table = relation_of(part)
            named = draft.before.get(("constraint", part.identity.on(table, "constraint"))) if table else None
            if table is None or named is None:
                continue
            chosen = chosen_name(table, fact).name
            if chosen != named.identity.name:
                statement = f"alter table {table} rename constraint {chosen} to {named.identity.name}"
                draft.add(Phase.CREATE, statement, makes=True)


def _add_firing_of_clones(draft: Draft, trigger: Fact) -> None:
    """Partitions get a trigger with their parent's, and it fires as that one does: set those that fired differently."""
    waiting = [trigger]
    while waiting:
        parent = waiting.pop()
        for heir in draft.heirs_before.get(parent.identity.relation, ()):
            clone = draft.before.get(("trigger", parent.identity.on(heir)))
            if clone is None or "partition bound" not in draft.before["table", heir].properties:
                continue
            waiting.append(clone)
            if clone.properties.get("fires") != parent.properties.get("fires"):
                verb = FIRING[str(clone.properties.get("fires", "normally"))]
                draft.add(Phase.CREATE, f"alter table {heir} {verb} trigger {clone.identity.name}", makes=True)


def _table_of(index: Fact, draft: Draft) -> Mapping[str, Any]:
    table = draft.before.get(("table", relation_of(index) or ""))
    return table.properties if table else {}


def chosen_name(table: Identity, constraint: Fact) -> Identity:
    """What the server calls the index of the constraint that a partition gets with its parent's."""
    definition = str(constraint.properties["definition"])
    if definition.startswith("PRIMARY KEY"):
        return made("index", table.schema, identifier(f"{table.plain_name}_pkey"))
    columns = "_".join(
        unquoted(each.strip()) for each in definition[definition.index("(") + 1 : definition.index(")")].split(",")
    )
    end = "excl" if definition.startswith("EXCLUDE") else "key"
    return made("index", table.schema, identifier(f"{table.plain_name}_{columns}_{end}"))


def create(fact: Fact, facts: ByKey) -> tuple[str, ...]:
    """The statements that make the object as `fact` describes it; none if the fact is not enough."""
    kind, identity, p = fact.kind, fact.identity, fact.properties
    relation = relation_of(fact) or ""
    if kind == "schema":
        return (f"create schema {identity}",)
    if kind in ("function", "procedure"):
        return (str(p["definition"]),)
    if kind == "type":
        return create_range(fact) or create_type(fact)
    if kind in VIEWS:
        return (view_statement(fact),)
    if kind == "index":
        return create_index(fact)
    if kind == "constraint":
        table = "domain" if ("type", relation) in facts else "table"
        return (f"alter {table} {relation} add constraint {identity.name} {p['definition']}",)
    if kind == "policy":
        return (policy_statement(fact),)
    if kind in ("trigger", "rule"):
        statements = [str(p["definition"])]
        if p.get("fires", "normally") != "normally":
            statements.append(f"alter table {relation} {FIRING[p['fires']]} {kind} {identity.name}")
        return tuple(statements)
    if kind == "statistics":
        target = (f"alter statistics {identity} set statistics {p['target']}",) if "target" in p else ()
        return (str(p["definition"]), *target)
    if rare := create_rare(fact, facts):
        return rare
    if kind == "event trigger":
        tags = f" when tag in ({', '.join(literal(tag) for tag in p['tags'])})" if p.get("tags") else ""
        statements = [f"create event trigger {identity} on {p['event']}{tags} execute function {p['function']}"]
        if p.get("fires", "normally") != "normally":
            statements.append(f"alter event trigger {identity} {FIRING[p['fires']]}")
        return tuple(statements)
    return ()


def create_type(fact: Fact) -> tuple[str, ...]:
    """An enum, a domain without its constraints (facts of their own), or a composite type."""
    p = fact.properties
    if "range over" in p or "input" in p or p.get("shell"):
        return ()
    if "enum" in p or not set(p) - {"owner"}:
        labels = ", ".join(literal(label) for label in p.get("enum", []))
        return (f"create type {fact.identity} as enum ({labels})",)
    if "domain over" in p:
        parts = [f"create domain {fact.identity} as {p['domain over']}"]
        parts += [f"collate {p['collation']}"] if "collation" in p else []
        parts += [f"default {p['default value']}"] if "default value" in p else []
        named = p.get("not null constraint")
        parts += [f"constraint {identifier(named)}"] if named else []
        parts += ["not null"] if p.get("not null") else []
        return (" ".join(parts),)
    if "composite" in p:
        return (f"create type {fact.identity} as ({', '.join(p['composite'])})",)
    return ()


def create_index(fact: Fact, *, attaches: bool = True) -> tuple[str, ...]:
    """The index, attached and marked as it was; nothing if it is in a tablespace of its own.

    If its table joins the parent afterwards, do not attach it (`attaches`): the parent's index then takes the one that is there.
    """
    p, name = fact.properties, fact.identity.name
    relation = relation_of(fact)
    if p.get("tablespace"):
        return ()
    statements = [str(p["definition"])]
    if "attached to" in p and attaches:
        statements.append(f"alter index {p['attached to']} attach partition {fact.identity}")
    if p.get("clustered"):
        statements.append(f"alter table {relation} cluster on {name}")
    if p.get("replica identity"):
        statements.append(f"alter table {relation} replica identity using index {name}")
    for column, target in p.get("statistics targets", {}).items():
        statements.append(f"alter index {fact.identity} alter column {column} set statistics {target}")
    return tuple(statements)


def view_statement(fact: Fact, verb: str = "create") -> str:
    """The statement that makes a view or materialized view as it was, filled if it was filled."""
    p = fact.properties
    options = f" with ({storage_options(p['options'])})" if p.get("options") else ""
    body = str(p["definition"]).rstrip().rstrip(";")
    if fact.kind == "materialized view":
        filled = "" if p.get("populated") else "\nwith no data"
        return f"create materialized view {fact.identity}{options} as\n{body}{filled}"
    return f"{verb} view {fact.identity}{options} as\n{body}"


def policy_statement(fact: Fact) -> str:
    """The statement that makes the policy as it was."""
    p = fact.properties
    lines = [f"create policy {fact.identity.name} on {fact.identity.relation}"]
    lines += ["    as restrictive"] if p.get("restrictive") else []
    lines.append(f"    for {p['command']}")
    lines.append(f"    to {', '.join(role(name) for name in p['roles'])}")
    lines += [f"    using ({p['using']})"] if "using" in p else []
    lines += [f"    with check ({p['with check']})"] if "with check" in p else []
    return "\n".join(lines)


def _comes_with_another(fact: Fact, draft: Draft) -> bool:
    """Whether the server makes it together with something that is made anyway, or it cannot be made as its table is refused."""
    relation = relation_of(fact)
    kind = draft.relation_kind(relation, draft.before) if relation else None
    if kind == "table" and (kind, relation) in draft.missing:
        # Its table is refused already.
        return True
    if fact.kind == "column" and kind == "foreign table" and (kind, relation) in draft.made:
        return True
    if fact.kind == "column" and kind in VIEWS:
        return True
    if fact.kind in ("column", "constraint") and fact.properties.get("inherited") == "only":
        return not rejoins_parent(draft, relation or "") or _is_made_for_parent(fact, draft)
    if fact.kind == "index" and backing_constraint(fact, draft.before) in draft.made:
        return True
    if fact.kind == "operator family" and ("operator class", fact.identity) in draft.made:
        return True
    if fact.key in draft.needs_before.clones and fact.kind in ("trigger", "constraint"):
        return True
    parent_index = ("index", str(fact.properties.get("attached to")))
    if fact.kind == "index" and parent_index in draft.made and backing_constraint(fact, draft.before):
        return True
    if fact.kind == "sequence" and is_of_identity(fact):
        return True
    if fact.kind == "trigger" and kind == "table":
        table = draft.before[kind, relation or ""]
        parents = table.properties.get("inherits", []) if "partition bound" in table.properties else []
        return any(("trigger", fact.identity.on(parent)) in draft.made for parent in parents)
    return False


def _is_made_for_parent(fact: Fact, draft: Draft) -> bool:
    """Whether the same part of the parent is made again, and this one with it."""
    table = draft.before.get(("table", relation_of(fact) or ""))
    inherits = table.properties.get("inherits", ()) if table else ()
    needed = draft.needs_before.of.get(fact.key, set())
    parents: set[Key] = {(fact.kind, fact.identity.on(parent)) for parent in inherits} | {
        key for key in needed if key[0] == fact.kind
    }
    return not draft.made.isdisjoint(parents - {fact.key})


def _may_build_concurrently(fact: Fact, draft: Draft) -> bool:
    relation = relation_of(fact) or ""
    table = draft.before.get(("table", relation))
    if table is None or "partition key" in table.properties or "attached to" in fact.properties:
        return False
    if ("index", fact.identity) in draft.replaced or fact.properties.get("invalid"):
        return False
    return relation not in draft.referred_again
