"""New rules for rows and values: what a migration made stricter, though every statement is still prepared. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pg_deploy.catalog.dependencies import text_of
from pg_deploy.catalog.diff import Difference
from pg_deploy.catalog.names import unquoted
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.workload.writable_views import Table, table_of

_ON = re.compile(r" ON (?:ONLY )?(.+?) USING ")


def judged_anew(found: Difference, after: Facts) -> dict[Table, str]:
    """By table, in a sentence: what judges its rows since the migration and did not before."""
    judged = dict(_rules(found))
    for fact in after.facts:
        # A domain's rule judges the rows of each table that has a column of it.
        domain = judged.get(_table_named(str(fact.properties.get("type", "")))) if fact.kind == "column" else None
        if domain:
            judged.setdefault(table_of(fact), domain)
    return judged


def labels_gone(found: Difference) -> Mapping[str, tuple[str, ...]]:
    """By enum type the labels that it no longer has: the text of a statement does not tell which of them it sends."""
    gone = {}
    for old, new in found.changed:
        if old.kind == "type" and old.properties.get("enum") and new.properties.get("enum"):
            labels = tuple(each for each in old.properties["enum"] if each not in new.properties["enum"])
            if labels:
                gone[".".join(old.identity.parts)] = labels
    return gone


def _rules(found: Difference) -> Iterator[tuple[Table, str]]:
    # The rules of a table that was renamed or moved are removed and added with it.
    removed = {(fact.kind, fact.identity.plain_name, _rule_of(fact)) for fact in found.removed}
    for fact in found.added:
        if (fact.kind, fact.identity.plain_name, _rule_of(fact)) in removed:
            continue
        if fact.kind == "constraint":
            yield (
                table_of(fact),
                f"constraint {fact.identity.plain_name} is new: {fact.properties.get('definition', '')}",
            )
        elif fact.kind == "index" and " UNIQUE " in text_of(fact):
            yield _table_of_index(fact), f"unique index {fact.identity.plain_name} is new"
        elif _is_policy_for_new_rows(fact):
            yield table_of(fact), f"policy {fact.identity.plain_name} is new"
    for old, new in found.changed:
        name, definition = new.identity.plain_name, str(new.properties.get("definition", ""))
        if new.kind == "constraint" and _rule_of(old) != _rule_of(new):
            yield table_of(new), f"constraint {name} is another one: {definition}"
        elif new.kind == "index" and " UNIQUE " in text_of(new) and _rule_of(old) != _rule_of(new):
            yield _table_of_index(new), f"unique index {name} is another one"
        elif _is_policy_for_new_rows(new):
            yield table_of(new), f"policy {name} is another one"
    for fact in found.old_facts:
        if fact.kind == "table" and fact.properties.get("partition bound") and not _is_partition_still(fact, found):
            for parent in fact.properties.get("inherits") or ():
                yield (
                    _table_named(str(parent)),
                    f"partition {fact.identity.plain_name} is gone, and what went into it",
                )


def _table_of_index(index: Fact) -> Table:
    """The table of an index: its name does not tell it."""
    of = _ON.search(str(index.properties.get("definition", "")))
    return _table_named(of.group(1)) if of else ("", "")


def _is_policy_for_new_rows(fact: Fact) -> bool:
    return fact.kind == "policy" and fact.properties.get("command") not in {"select", "delete"}


def _rule_of(fact: Fact) -> str:
    """What it asks of a new row: without the name of its table, and without whether the old rows were checked."""
    if fact.kind == "policy":
        return str(sorted(fact.properties.items()))
    definition = str(fact.properties.get("definition", ""))
    return definition.partition(" USING ")[2] if fact.kind == "index" else definition.removesuffix(" NOT VALID")


def _is_partition_still(fact: Fact, found: Difference) -> bool:
    return any(old is fact and new.properties.get("partition bound") for old, new in found.changed)


def _table_named(name: str) -> Table:
    schema, _, rest = name.partition(".")
    return unquoted(schema), unquoted(rest)
