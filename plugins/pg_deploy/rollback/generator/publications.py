"""Publications: their tables and schemas one by one, so that what others added stays."""

from __future__ import annotations

from collections.abc import Iterable

from pg_deploy.catalog.names import Key, first_relation, identity_of
from pg_deploy.catalog.reader import Fact
from pg_deploy.postgres.quoting import identifier, literal
from pg_deploy.rollback.generator.draft import Draft, Phase

_ACTIONS = {"pubinsert": "insert", "pubupdate": "update", "pubdelete": "delete", "pubtruncate": "truncate"}


def create_publication(fact: Fact) -> tuple[str, ...]:
    """The publication with its tables."""
    p = fact.properties
    what = (
        " for all tables"
        if p.get("puballtables")
        else f" for table {_each_alone(p['tables'])}"
        if p.get("tables")
        else ""
    )
    return (f"create publication {fact.identity}{what} with ({_parameters(fact)})",)


def add_publication(draft: Draft, old: Fact, new: Fact) -> None:
    """Statements that bring a changed publication back, or a refusal."""
    before, after = old.properties, new.properties
    if before.get("puballtables") != after.get("puballtables"):
        draft.refuse(old.key, "it was made for other tables than it can be altered to")
        return
    alter = f"alter publication {old.identity}"
    was, now = before.get("tables", []), after.get("tables", [])
    gone = [each for each in now if each not in was]
    missing = [each for each in was if each not in now]
    if gone:
        dropped = [table for table in map(first_relation, gone) if ("table", table) in draft.before]
        if dropped:
            draft.add(Phase.IN_PLACE, f"{alter} drop table {_each_alone(dropped)}")
    if missing:
        draft.add(Phase.DEFAULT_ON, f"{alter} add table {_each_alone(missing)}")
    if _parameters(old) != _parameters(new):
        draft.add(Phase.ALTER, f"{alter} set ({_parameters(old)})")
    if before.get("owner") != after.get("owner"):
        draft.add(Phase.OWNER, f"{alter} owner to {identifier(str(before['owner']))}")


def add_publication_schemas(draft: Draft, keys: set[Key]) -> None:
    """Schemas that a publication has or no longer has."""
    for key in sorted(keys):
        schema, publication = identity_of(key).schema, identity_of(key).part("publication")
        if key in draft.before:
            draft.add(Phase.DEFAULT_ON, f"alter publication {publication} add tables in schema {schema}")
        elif ("publication", publication) in draft.before and ("schema", schema) in draft.before:
            draft.add(Phase.IN_PLACE, f"alter publication {publication} drop tables in schema {schema}")


def _each_alone(entries: Iterable[str]) -> str:
    """Without `only` the tables that inherit from one would come along, and be named twice if they are members themselves."""
    return ", ".join(f"only {entry}" for entry in entries)


def _parameters(fact: Fact) -> str:
    actions = ", ".join(word for name, word in _ACTIONS.items() if fact.properties.get(name))
    root = str(bool(fact.properties.get("pubviaroot"))).lower()
    return f"publish = {literal(actions)}, publish_via_partition_root = {root}"
