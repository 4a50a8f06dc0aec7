"""What all databases of a server share: memberships, settings of roles and databases, roles' attributes."""

from __future__ import annotations

from pg_deploy.catalog.names import Key, elements, identity_of
from pg_deploy.catalog.reader import Fact
from pg_deploy.postgres.quoting import identifier, literal
from pg_deploy.rollback.generator.draft import Draft, Phase, differing
from pg_deploy.rollback.generator.sql_text import HERE, in_this_database

# Settings whose value is a list of names, and is written as one.
_LISTS = ("search_path", "session_preload_libraries", "local_preload_libraries", "temp_tablespaces")
_BY_GRANTOR = 160000
"""From this server version on, there is one membership for each grantor, with options of its own."""
_FLAGS = {
    "superuser": "superuser",
    "inherit": "inherit",
    "create role": "createrole",
    "create database": "createdb",
    "login": "login",
    "replication": "replication",
    "bypass row level security": "bypassrls",
}


def add_cluster(draft: Draft, keys: set[Key]) -> None:
    """Statements for the cluster's facts that differ; what belongs to the server alone is refused."""
    for key in sorted(keys):
        if key[0] == "setting":
            _add_setting(draft, key)
        elif key[0] == "membership":
            _add_membership(draft, key)
        elif key[0] == "role":
            _add_role(draft, key)
        elif key == ("database", "this database") and _changed_owner_only(draft, key):
            owner = identifier(str(draft.before[key].properties["owner"]))
            draft.add(Phase.CLUSTER, in_this_database(f"alter database {HERE} owner to {owner}"))
        else:
            draft.refuse(key, "it belongs to the server, and is not changed back from here")


def _add_setting(draft: Draft, key: Key) -> None:
    found = identity_of(key)
    if not found.name:
        draft.refuse(key, "its name is not understood")
        return
    old, name = draft.before.get(key), ".".join(map(identifier, found.name.split(".")))
    if old is not None and old.properties["value"] == "(hidden)":
        draft.refuse(key, "its value is a secret, which the facts do not hold")
        return
    end = f"reset {name}" if old is None else f"set {name} to {_value(found.name, old)}"
    place = found.part("place")
    if found.role or place == "every role":
        who = identifier(found.role) if found.role else "all"
        if place == "this database":
            draft.add(Phase.CLUSTER, in_this_database(f"alter role {who} in database {HERE} {end}"))
        else:
            draft.add(Phase.CLUSTER, f"alter role {who} {end}")
    else:
        draft.add(Phase.CLUSTER, in_this_database(f"alter database {HERE} {end}"))


def _value(name: str, fact: Fact) -> str:
    value = str(fact.properties["value"])
    return (", ".join(map(literal, elements(value))) or "''") if name.lower() in _LISTS else literal(value)


def _add_membership(draft: Draft, key: Key) -> None:
    member, group = identity_of(key).role, identity_of(key).group
    if ("role", member) in draft.gone or ("role", group) in draft.gone:
        # It goes with the role.
        return
    old, new = (facts[key].properties if key in facts else {} for facts in (draft.before, draft.after))
    taken, given = (f"{identifier(group)} {word} {identifier(member)}" for word in ("from", "to"))
    if draft.server_version < _BY_GRANTOR:
        if new:
            draft.add(Phase.CLUSTER, f"revoke {taken}")
        for option in set(map(str, old.values())):
            tail = " with admin option" if option.startswith("admin") else ""
            draft.add(Phase.CLUSTER, f"grant {given}{tail}")
        return
    for grantor in sorted(old.keys() | new.keys()):
        if old.get(grantor) == new.get(grantor):
            continue
        by = f" granted by {identifier(grantor.removeprefix('by '))}"
        if grantor in new:
            draft.add(Phase.CLUSTER, f"revoke {taken}{by}")
        if grantor in old:
            # All three are written: an option that is left out follows the attribute INHERIT of the member.
            words = ", ".join(
                f"{word} {str(word in str(old[grantor]).split(', ')).lower()}" for word in ("admin", "inherit", "set")
            )
            draft.add(Phase.CLUSTER, f"grant {given} with {words}{by}")


def _add_role(draft: Draft, key: Key) -> None:
    name = identifier(key[1])
    if key in draft.gone:
        # Last of all: its rights are revoked and what it owned is gone by then.
        draft.add(Phase.SCHEDULE, f"drop role {name}")
        return
    if key in draft.missing:
        draft.refuse(key, "it was dropped or renamed, and its password, which goes with that, nobody can read")
        return
    before, after = draft.before[key].properties, draft.after[key].properties
    words = [
        word if before.get(flag) else f"no{word}"
        for flag, word in _FLAGS.items()
        if before.get(flag) != after.get(flag)
    ]
    if before.get("connection limit") != after.get("connection limit"):
        words.append(f"connection limit {before.get('connection limit', -1)}")
    if before.get("valid until") != after.get("valid until"):
        words.append(f"valid until {literal(str(before.get('valid until', 'infinity')))}")
    draft.add(Phase.CLUSTER, f"alter role {name} {' '.join(words)}")


def _changed_owner_only(draft: Draft, key: Key) -> bool:
    return differing(draft.before[key].properties, draft.after[key].properties) <= {"owner"}
