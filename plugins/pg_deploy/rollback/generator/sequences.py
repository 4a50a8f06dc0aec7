"""Sequences made again; each continues after the values of its column and after its old position."""

from __future__ import annotations

from pg_deploy.catalog.names import Identity, identity_of
from pg_deploy.catalog.reader import Fact
from pg_deploy.postgres.quoting import literal
from pg_deploy.rollback.generator.draft import Draft, Phase, is_of_identity, owned_by
from pg_deploy.rollback.generator.sql_text import role


def add_sequence(draft: Draft, fact: Fact) -> None:
    """A sequence as it was, owned as it was, at its position; refused if that is not known."""
    p, key = fact.properties, fact.key
    if fact.identity not in draft.positions:
        draft.refuse(key, "it was dropped, and how far it had come is not known")
        return
    persistence = "unlogged " if p.get("persistence") == "unlogged" else ""
    draft.add(Phase.CREATE, f"create {persistence}sequence {fact.identity} {sequence_options(fact)}", makes=True)
    owned = str(p.get("owned by", ""))
    draft.add(Phase.CREATE, position_statement(draft, fact))
    if owned:
        draft.add(Phase.DEFAULT_ON, f"alter sequence {fact.identity} owned by {owned}")
    else:
        draft.add(Phase.OWNER, f"alter sequence {fact.identity} owner to {role(str(p['owner']))}")


def sequence_options(fact: Fact) -> str:
    """Type, steps and bounds, as CREATE SEQUENCE and GENERATED AS IDENTITY take them."""
    p = fact.properties
    cycle = "cycle" if p.get("cycle") else "no cycle"
    bounds = f"minvalue {p['minimum']} maxvalue {p['maximum']}"
    start = f"start with {p['start']} increment by {p['increment']} {bounds} cache {p['cache']} {cycle}"
    return start if is_of_identity(fact) else f"as {p['type']} {start}"


def position_statement(draft: Draft, fact: Fact) -> str:
    """The statement that sets the position: where it was, or the furthest value of its column if that is further."""
    value, called = draft.positions[fact.identity]
    name = literal(fact.identity)
    users = _columns_of(draft, fact)
    if not users or int(fact.properties["increment"]) < 0:
        return f"select pg_catalog.setval({name}, {value}, {str(called).lower()})"
    # Names are the catalog's own, quoted by it.
    rows = " union all ".join(
        f"select max({column.name})::bigint as value from {column.relation}"  # noqa: S608
        for column in users
    )
    furthest = f"(select max(value) from ({rows}) rows)"  # noqa: S608
    return (
        f"select pg_catalog.setval({name}, greatest({value}, {furthest}), "
        f"{str(called).lower()} or coalesce({furthest} >= {value}, false))"
    )


def _columns_of(draft: Draft, fact: Fact) -> list[Identity]:
    owner = owned_by(fact)
    users = {owner} if owner else set()
    users |= {identity_of(key) for key in draft.needs_before.by.get(fact.key, ()) if key[0] == "column"}
    numbers = ("smallint", "integer", "bigint", "numeric")
    return sorted(
        column
        for column in users
        if ("column", column) in draft.before
        and draft.before["column", column].properties["type"] in numbers
        and draft.relation_kind(column.relation, draft.before) == "table"
    )
