"""What decides about the rows of a relation besides grants and policies, in sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pg_deploy.access.facts.functions import is_definer
from pg_deploy.access.facts.rights import has_right
from pg_deploy.catalog.dependencies import Closure, Node, closure_of
from pg_deploy.catalog.kinds import RELATIONS, ROUTINES, VIEWS
from pg_deploy.catalog.names import first_relation, parsed
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.catalog.switches import is_on
from pg_deploy.postgres.quoting import in_quotes

SHOWN = 10
"""Sentences of a kind, at most."""
_ACTIONS = re.compile(r"ON (DELETE|UPDATE) (CASCADE|SET NULL|SET DEFAULT)")
_EFFECTS = {"CASCADE": "is done to", "SET NULL": "sets null in", "SET DEFAULT": "sets the default in"}
_CALLED = re.compile(r"EXECUTE (?:FUNCTION|PROCEDURE) (.+)$")


def describe_other_deciders(facts: Facts, relation: str, role: str) -> Iterator[str]:
    """Say what else decides about the rows of `relation`, a name as the catalog writes it, for `role`.

    These are view options, triggers, rules, foreign keys' actions, publications, views and functions that reach the rows with
    other rights, and the settings that the role's sessions begin with. Pure.
    """
    closure = closure_of(facts)
    node = next(((kind, relation) for kind in RELATIONS if (kind, relation) in facts.by_key), None)
    if node is None:
        return
    for found in (
        _view_options(facts.by_key[node], closure),
        _parts_that_write(closure, relation),
        _foreign_keys(facts, relation),
        _ways_round(closure, node, role),
        _publications(facts, relation),
        _settings(facts, role),
    ):
        sentences = list(found)
        yield from sentences[:SHOWN]
        if len(sentences) > SHOWN:
            yield f"and {len(sentences) - SHOWN} more of that kind"


def _view_options(fact: Fact, closure: Closure) -> Iterator[str]:
    name = in_quotes(fact.identity)
    if fact.kind == "materialized view":
        yield f"{name} is a materialized view: no policy holds anybody back, it shows what its last refresh found"
    if fact.kind != "view":
        return
    options = fact.properties.get("options", [])
    if is_on(options, "security_invoker"):
        yield f"view {name} reads with the rights of whoever asks: the policies of its tables decide"
    else:
        yield f"view {name} reads with the rights of its owner {fact.properties.get('owner')}: policies hold back only whom they hold back"
    if is_on(options, "security_barrier"):
        yield f"view {name} is a security barrier: its own conditions come first"
    checked = next((str(each).partition("=")[2] for each in options if str(each).startswith("check_option=")), None)
    if checked:
        yield f"what is written through view {name} has to fit its conditions ({checked} check option)"
    tables = sorted(other for kind, other in closure.of(fact.key) if kind == "table")
    if tables:
        yield f"it rests on {', '.join(map(in_quotes, tables[:SHOWN]))}: explain these as well"


def _parts_that_write(closure: Closure, relation: str) -> Iterator[str]:
    for part in sorted(closure.parts.get(relation, ())):
        name = part.identity.name
        if part.kind == "trigger":
            found = _CALLED.search(part.definition_text)
            called = found[1] if found else "a function"
            if part.properties.get("fires") == "never":
                yield f"trigger {in_quotes(name)} is disabled: it would call {called}"
            else:
                when = " ".join(part.definition_text.split(" ON ", 1)[0].split()[3:]).lower()
                yield f"trigger {in_quotes(name)} fires {when}: {called} may refuse a write, change it or write elsewhere"
        elif part.kind == "rule":
            yield f"rule {in_quotes(name)} rewrites what is asked: {' '.join(part.definition_text.split())[:200]}"
        elif part.kind == "constraint" and part.definition_text.startswith(("CHECK", "EXCLUDE")):
            yield f"constraint {in_quotes(name)} refuses rows that do not fit {part.definition_text[:200]}"


def _foreign_keys(facts: Facts, relation: str) -> Iterator[str]:
    for fact in sorted(facts.facts):
        if fact.kind != "constraint" or not fact.definition_text.startswith("FOREIGN KEY"):
            continue
        child, parent = _ends(fact)
        if relation not in (child, parent):
            continue
        for event, action in _ACTIONS.findall(fact.definition_text):
            yield (
                f"a row of {in_quotes(parent)} that is {event.lower()}d {_EFFECTS[action]} the rows of {in_quotes(child)} that"
                f" point to it, whatever policies say (foreign key {in_quotes(fact.identity.name)})"
            )


def _ends(fact: Fact) -> tuple[str, str]:
    return fact.identity.relation, first_relation(fact.definition_text.split("REFERENCES ", 1)[-1])


def _ways_round(closure: Closure, node: Node, role: str) -> Iterator[str]:
    """The views and functions that the role may use and that reach the relation with the rights of somebody else."""
    facts = closure.facts
    for fact in sorted(facts.facts):
        if fact.kind not in (*ROUTINES, *VIEWS) or fact.key == node:
            continue
        lends = (
            is_definer(fact)
            if fact.kind in ROUTINES
            else not is_on(fact.properties.get("options", []), "security_invoker")
        )
        wanted = "EXECUTE" if fact.kind in ROUTINES else "SELECT"
        if not lends or not has_right(facts, fact.key, role, wanted):
            continue
        if node in closure.of(fact.key):
            verb = "may call" if wanted == "EXECUTE" else "may read"
            owner = fact.properties.get("owner")
            yield f"{role} {verb} {fact.kind} {in_quotes(fact.identity)}, which reaches it with the rights of {owner}"


def _publications(facts: Facts, relation: str) -> Iterator[str]:
    schema = parsed("table", relation).schema
    names: list[str] = []
    for fact in sorted(facts.facts):
        if fact.kind == "publication":
            tables = [first_relation(str(each)) for each in fact.properties.get("tables") or ()]
            if relation in tables or fact.properties.get("puballtables"):
                names.append(fact.identity)
        elif fact.kind == "publication schema" and fact.identity.schema == schema:
            names.append(fact.identity.part("publication"))
    for name in dict.fromkeys(names):
        yield f"publication {in_quotes(name)} sends its rows to every subscriber, whatever policies say"


def _settings(facts: Facts, role: str) -> Iterator[str]:
    for fact in sorted(facts.facts):
        if fact.kind == "setting" and fact.identity.role in ("", role):
            yield f"sessions of {role} begin with {fact.identity.name} = {fact.properties.get('value')} ({fact.identity})"
