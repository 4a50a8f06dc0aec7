"""Comments: taken away first, while everything is there; written last, when everything is there again."""

from __future__ import annotations

import re

from pg_deploy.catalog.identities import on_relation, unquoted
from pg_deploy.catalog.names import literal, own_name, owner_of
from pg_deploy.rollback.generator.draft import ON_RELATION, RELATIONS, Draft, Key, Phase

_COLUMN = re.compile(r"(?:table|view|materialized view|foreign table|composite type) column (?P<name>.+)")
_PLAIN = (
    "materialized view", "foreign table", "event trigger", "table", "view", "index", "sequence", "function", "procedure",
    "aggregate", "type", "schema", "extension", "statistics object", "collation", "publication", "server",
    "foreign-data wrapper", "text search configuration", "text search dictionary", "text search parser",
    "text search template", "conversion", "operator class", "operator family", "operator", "language", "access method",
    "subscription", "procedural language", "role", "tablespace",
)  # fmt: skip

_SPOKEN = {
    "statistics object": "statistics",
    "foreign-data wrapper": "foreign data wrapper",
    "procedural language": "language",
}


def add_dependencies_on_extensions(draft: Draft, keys: set[Key]) -> None:
    """ALTER … DEPENDS ON EXTENSION, taken back or said again, also of what is made again."""
    again = {key for key in draft.before if key[0] == "dependency on extension" and _dependent(key) in draft.made}
    for key in sorted(keys | again):
        _, _, extension = key[1].rpartition(" on extension ")
        kind, name = _dependent(key)
        on = f" on {owner_of(name)}" if kind == "trigger" else ""
        words = f"{kind} {own_name(name) if kind == 'trigger' else name}{on}"
        if key in draft.before:
            draft.add(Phase.COMMENT_ON, f"alter {words} depends on extension {extension}")
        elif _dependent(key) in draft.before and _dependent(key) not in draft.replaced:
            draft.add(Phase.ALTER, f"alter {words} no depends on extension {extension}")


def _dependent(key: Key) -> Key:
    what = key[1].rpartition(" on extension ")[0]
    kind = next(each for each in ("materialized view", "trigger", "function", "procedure", "aggregate", "index", what.split(" ")[0])
                if what.startswith(each + " "))  # fmt: skip
    return kind, what[len(kind) + 1 :]


def add_comments(draft: Draft, keys: set[Key]) -> None:
    """Comments that differ, and those on everything that is made again."""
    remade = {key for key in draft.before if key[0] == "comment" and _is_made(draft, _object(draft, key[1]))}
    for key in sorted(keys | {key for key in remade if not _is_lost(draft, key)}):
        subject, target = _object(draft, key[1]), _words(key[1])
        if key not in draft.before and subject in draft.gone:
            continue
        if target is None:
            draft.refuse(key, "comments on this kind of object are not written here")
        elif key not in draft.before:
            if subject not in draft.gone and not _is_part_of_gone(draft, subject):
                draft.add(Phase.COMMENT_OFF, f"comment on {target} is null")
        elif not _is_lost(draft, key):
            # An index that is built apart from the transaction is commented on after that.
            phase = Phase.CONCURRENTLY if subject in draft.apart else Phase.COMMENT_ON
            draft.add(phase, f"comment on {target} is {literal(str(draft.before[key].properties['text']))}")


def _is_made(draft: Draft, subject: Key | None) -> bool:
    if subject is None:
        return False
    return subject in draft.made or (subject[0] == "column" and draft.is_made_relation(owner_of(subject[1])))


def _is_lost(draft: Draft, key: Key) -> bool:
    """Whether it stands on something that cannot be made again, which is refused by itself."""
    subject = _object(draft, key[1])
    if subject is None:
        return False
    of = owner_of(subject[1]) if subject[0] in ON_RELATION else ""
    if subject[0] == "column" and (
        ("table", of) not in draft.before
        or ("generated" in draft.before[subject].properties and ("table", of) in draft.after)
    ):
        # A view's, or one that is made again.
        return False
    refused = ("table", "column")
    return (subject in draft.missing and subject[0] in refused) or ("table", of) in draft.missing


def _is_part_of_gone(draft: Draft, subject: Key | None) -> bool:
    if subject is None or subject[0] not in ON_RELATION:
        return False
    of = owner_of(subject[1])
    return any((kind, of) in draft.gone for kind in (*RELATIONS, "type"))


def _object(draft: Draft, identity: str) -> Key | None:
    """The fact that a comment's identity speaks of."""
    if found := on_relation(identity):
        kind = "constraint" if "constraint" in found["kind"] else found["kind"]
        return (kind, f"{found['of']}.{found['name']}")
    if column := _COLUMN.fullmatch(identity):
        return ("column", column["name"])
    if identity.startswith("cast "):
        return ("cast", identity[len("cast (") : -1].replace(" AS ", " as "))
    if identity.startswith("domain "):
        return ("type", identity[len("domain ") :])
    kind = next((each for each in _PLAIN if identity.startswith(each + " ")), "")
    name = identity[len(kind) + 1 :]
    kind = _SPOKEN.get(kind, kind)
    return (kind, unquoted(name) if kind == "role" else name) if kind else None


def _words(identity: str) -> str | None:
    """How COMMENT ON names it."""
    if found := on_relation(identity):
        if found["kind"] == "domain constraint":
            return f"constraint {found['name']} on domain {found['of']}"
        return f"{found['kind'].removeprefix('table ')} {found['name']} on {found['of']}"
    if column := _COLUMN.fullmatch(identity):
        return f"column {column['name']}"
    if identity.startswith(("domain ", "cast ")):
        return identity
    kind = next((each for each in _PLAIN if identity.startswith(each + " ")), None)
    if kind is None:
        return None
    word = _SPOKEN.get(kind, kind)
    return f"{word} {identity[len(kind) + 1 :]}"
