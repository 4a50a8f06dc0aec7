"""An enum that the migration replaced by another of its name, as one does to remove a value: the old one is made again."""

from __future__ import annotations

from pg_deploy.catalog.names import Key, identity_of
from pg_deploy.postgres.quoting import identifier
from pg_deploy.rollback.generator.creates import create_type
from pg_deploy.rollback.generator.draft import Draft, Phase
from pg_deploy.rollback.generator.sql_text import role


def add_type_made_anew(draft: Draft, key: Key) -> None:
    """Make the old type, give it to the columns, drop the new one; a value that the old one does not have fails the rollback."""
    old, new = draft.before[key].properties, draft.after[key].properties
    if "enum" not in old or "enum" not in new:
        draft.refuse(key, "it was dropped, and another one was made under its name")
        return
    identity = identity_of(key)
    aside = identifier(f"{identity.plain_name[:50]}_undo")
    draft.add(Phase.RENAME, f"alter type {key[1]} rename to {aside}")
    draft.add(Phase.RENAME, *create_type(draft.before[key]), f"alter type {key[1]} owner to {role(str(old['owner']))}")
    draft.remarks.append(f"type {key[1]} is made again with its old values: tables that use it are rewritten")
    for user in sorted(draft.needs_after.by.get(key, ())):
        name = identity_of(user)
        if (
            user[0] != "column"
            or user not in draft.before
            or draft.relation_kind(name.relation, draft.after) != "table"
        ):
            if user in draft.before and user[0] not in ("table", "column"):
                draft.on_new_types.add(user)
            continue
        column, before, after = name.name, draft.before[user].properties, draft.after[user].properties
        alter = f"alter table {name.relation} alter column {column}"
        draft.subject = user
        if "default" in after:
            draft.add(Phase.DEFAULT_OFF, f"{alter} drop default")
        draft.add(Phase.ALTER, f"{alter} type {before['type']} using {column}::text::{before['type']}")
        if "default" in before:
            draft.add(Phase.DEFAULT_ON, f"{alter} set default {before['default']}")
        draft.retyped.add(user)
        draft.changed.discard(user)
    draft.subject = None
    draft.add(Phase.DEFAULT_ON, f"drop type {identity.with_name(aside)}")
