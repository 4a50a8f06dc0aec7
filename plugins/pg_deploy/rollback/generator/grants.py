"""Rights: grants on objects, and default privileges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pg_deploy.catalog.kinds import RELATIONS, VIEWS
from pg_deploy.catalog.names import Identity, Key, identity_of
from pg_deploy.catalog.reader import Fact
from pg_deploy.rollback.generator.draft import ByKey, Draft, Phase
from pg_deploy.rollback.generator.sql_text import HERE, in_this_database, role

Rights = dict[str, bool]
"""Privileges, and whether each may be handed on."""

Holder = tuple[str, str]
"""A grantee, and the grantor that it has rights from."""

_WORDS = {
    "view": "table",
    "materialized view": "table",
    "foreign table": "table",
    "aggregate": "function",
    "server": "foreign server",
}
_ALL: dict[str, tuple[str, ...]] = {
    "table": ("DELETE", "INSERT", "MAINTAIN", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"),
    "sequence": ("SELECT", "UPDATE", "USAGE"),
    "function": ("EXECUTE",),
    "procedure": ("EXECUTE",),
    "type": ("USAGE",),
    "schema": ("CREATE", "USAGE"),
}
_SINCE = {"MAINTAIN": 170000}
_PUBLIC_BY_DEFAULT = {"functions": {"EXECUTE": False}, "types": {"USAGE": False}}
_MADE_BY_DEFAULT = {
    "table": "tables", "view": "tables", "materialized view": "tables", "foreign table": "tables",
    "sequence": "sequences", "function": "functions", "procedure": "functions", "aggregate": "functions", "type": "types",
    "schema": "schemas",
}  # fmt: skip


def add_grants(draft: Draft) -> None:
    """Rights as they were: all of them on what is made again, elsewhere only the difference."""
    before, after = _by_object(draft.before), _follow_owners(draft)
    revoked: dict[tuple[str, Holder], list[tuple[list[str], bool]]] = {}
    extension_goes = any(key[0] == "extension" for key in draft.gone)
    for target in sorted(before.keys() | after.keys(), key=lambda each: (each[0] == "column", each)):
        kind, name = target
        if _goes(draft, kind, name):
            continue
        if extension_goes and target not in before and (kind, name) not in draft.after:
            # What belongs to an extension is no fact of its own, and goes with it.
            continue
        made = _is_made(draft, kind, name)
        old, new = before.get(target, {}), {} if made else after.get(target, {})
        owner = _owner(draft, kind, name)
        if made and kind != "column":
            _add_reset(draft, kind, name, owner, old)
            old = {holder: rights for holder, rights in old.items() if holder[0] != owner}
        for holder in sorted(old.keys() | new.keys()):
            was, now = old.get(holder, {}), new.get(holder, {})
            if kind == "column":
                now = _remaining(now, revoked.get((name.relation, holder), ()))
            elif kind in RELATIONS:
                revoked[name, holder] = _revoked(was, now)
            _add_difference(draft, kind, name, owner, holder, was, now)


def add_default_grants(draft: Draft, keys: set[Key]) -> None:
    """Default privileges as they were."""
    for key in sorted(keys):
        found = identity_of(key)
        what, maker, schema = found.part("objects"), found.role, found.schema
        if not what:
            draft.refuse(key, "its name is not understood")
            continue
        old, new = (_default_rights(draft, facts.get(key), found) for facts in (draft.before, draft.after))
        if schema and ("schema", schema) not in draft.before:
            # It goes with its schema.
            continue
        within = f" in schema {schema}" if schema else ""
        start = f"alter default privileges for role {role(maker)}{within}"
        for grantee in sorted(old.keys() | new.keys()):
            statements = _statements(old.get(grantee, {}), new.get(grantee, {}), what, grantee)
            draft.add(Phase.RIGHTS, *(f"{start} {each}" for each in statements))


def _by_object(facts: ByKey) -> dict[tuple[str, Identity], dict[Holder, Rights]]:
    found: dict[tuple[str, Identity], dict[Holder, Rights]] = {}
    for fact in facts.values():
        of = fact.identity.of if fact.kind == "grant" else None
        if of is None:
            continue
        for grantor, privileges in fact.properties.items():
            rights = found.setdefault((of.kind, of), {})
            rights[fact.identity.role, grantor.removeprefix("by ")] = _rights(privileges)
    return found


def _follow_owners(draft: Draft) -> dict[tuple[str, Identity], dict[Holder, Rights]]:
    """The present rights as they will be once each object has its old owner again: ALTER … OWNER hands them over."""
    found = _by_object(draft.after)
    for (kind, name), rights in found.items():
        old, new = _owner_in(draft.before, kind, name), _owner_in(draft.after, kind, name)
        if old and new and old != new:
            handed: dict[Holder, Rights] = {}
            for (grantee, grantor), held in rights.items():
                holder = (old if grantee == new else grantee, old if grantor == new else grantor)
                handed[holder] = {**handed.get(holder, {}), **held}
            found[kind, name] = handed
    return found


def _rights(privileges: str) -> Rights:
    return {
        each.removesuffix(" with grant option"): each.endswith(" with grant option") for each in privileges.split(", ")
    }


def _goes(draft: Draft, kind: str, name: Identity) -> bool:
    """Whether the object is not there once the rollback has ended, or is undone later."""
    if kind == "column":
        table = name.relation
        relation = draft.relation_kind(table, draft.before)
        return (
            ("column", name) not in draft.before
            or relation is None
            or (relation, table) in draft.missing - _missing_views(draft)
            # Nobody brings it back: an older migration of the same set made its table, which is removed next.
            or (
                not any(("column", name) in there for there in (draft.after, draft.missing, draft.replaced))
                and not draft.is_made_relation(table)
            )
        )
    if kind == "type" and ("type", name) not in draft.before:
        return draft.relation_kind(name, draft.before) is None
    if (kind, name) in draft.before and (kind, name) not in draft.after:
        # Nobody brings it back: an older migration of the same set made it, and it is removed next.
        return not _is_made(draft, kind, name)
    return (kind, name) in draft.after and (kind, name) not in draft.before


def _missing_views(draft: Draft) -> set[Key]:
    return {key for key in draft.missing if key[0] in VIEWS}


def _is_made(draft: Draft, kind: str, name: Identity) -> bool:
    if kind == "column" and draft.is_made_relation(name.relation):
        return True
    return (kind, name) in draft.made


def _owner(draft: Draft, kind: str, name: Identity) -> str:
    return _owner_in(draft.before, kind, name) or _owner_in(draft.after, kind, name)


def _owner_in(facts: ByKey, kind: str, name: Identity) -> str:
    if kind == "column":
        fact = next((facts[each, name.relation] for each in RELATIONS if (each, name.relation) in facts), None)
    else:
        fact = facts.get((kind, name))
    return str(fact.properties.get("owner", "")) if fact else ""


def _add_reset(draft: Draft, kind: str, name: Identity, owner: str, wanted: Mapping[Holder, Rights]) -> None:
    """Revoke what default privileges gave on a new object, and from its owner what that did not have."""
    given = {"public", *_default_grantees(draft, kind, name)} - {owner}
    draft.add(Phase.RIGHTS, f"revoke all on {_on(kind, name)} from {', '.join(map(role, sorted(given)))}")
    own = wanted.get((owner, owner), {})
    missing = [right for right in _all_rights(draft, _WORDS.get(kind, kind)) if right not in own]
    if missing:
        draft.add(Phase.RIGHTS, f"revoke {', '.join(missing).lower()} on {_on(kind, name)} from {role(owner)}")


def _default_grantees(draft: Draft, kind: str, name: Identity) -> Iterator[str]:
    what = _MADE_BY_DEFAULT.get(kind)
    for facts in (draft.before, draft.after):
        for key, fact in facts.items():
            made = fact.identity if key[0] == "default grant" else None
            if made and made.part("objects") == what and made.schema in ("", name.schema):
                yield from (each.removeprefix("to ") for each in fact.properties if each.startswith("to "))


def _add_difference(
    draft: Draft, kind: str, name: Identity, owner: str, holder: Holder, old: Rights, new: Rights
) -> None:
    grantee, grantor = holder
    statements = list(_statements(old, new, _on(kind, name), grantee, f" ({name.name})" if kind == "column" else ""))
    if not statements:
        return
    if kind == "database":
        statements = [in_this_database(each) for each in statements]
    if owner and grantor != owner:
        # The server records the owner as the grantor, unless another holder of the right grants.
        statements = [f"set local role {role(grantor)}", *statements, "reset role"]
    draft.add(Phase.RIGHTS, *statements)


def _statements(old: Rights, new: Rights, on: str, grantee: str, column: str = "") -> Iterator[str]:
    """The statements of `_steps`; `column` stands behind each privilege."""
    for verb, privileges, option in _steps(old, new):
        names = ", ".join(f"{each}{column}" for each in privileges.split(", "))
        if verb == "grant":
            yield f"grant {names} on {on} to {role(grantee)}{' with grant option' if option else ''}"
        else:
            yield f"revoke {'grant option for ' if option else ''}{names} on {on} from {role(grantee)}"


def _steps(old: Rights, new: Rights) -> Iterator[tuple[str, str, bool]]:
    """Revokes, then grants, that lead from `new` to `old`: verb, privileges, whether about the grant option."""
    yield from _named("revoke", [p for p in new if p not in old], False)
    yield from _named("revoke", [p for p in new if new[p] and p in old and not old[p]], True)
    yield from _named("grant", [p for p in old if not old[p] and p not in new], False)
    yield from _named("grant", [p for p in old if old[p] and not new.get(p)], True)


def _revoked(old: Rights, new: Rights) -> list[tuple[list[str], bool]]:
    return [(names.upper().split(", "), option) for verb, names, option in _steps(old, new) if verb == "revoke"]


def _remaining(rights: Rights, revoked: Iterable[tuple[list[str], bool]]) -> Rights:
    """What remains of a column's rights: what is revoked on a table is revoked on its columns too."""
    remaining = dict(rights)
    for names, option in revoked:
        for name in filter(remaining.__contains__, names):
            if option:
                remaining[name] = False
            else:
                del remaining[name]
    return remaining


def _named(verb: str, privileges: list[str], option: bool) -> Iterator[tuple[str, str, bool]]:
    if privileges:
        yield verb, ", ".join(sorted(privileges)).lower(), option


def _on(kind: str, name: Identity) -> str:
    if kind == "database":
        return f"database {HERE}"
    if kind == "column":
        return f"table {name.relation}"
    return f"{_WORDS.get(kind, kind)} {name}"


def _all_rights(draft: Draft, word: str) -> tuple[str, ...]:
    """Every right on that kind of object on this server."""
    return tuple(right for right in _ALL.get(word, ()) if draft.server_version >= _SINCE.get(right, 0))


def _default_rights(draft: Draft, fact: Fact | None, found: Identity) -> dict[str, Rights]:
    if fact is not None:
        return {name.removeprefix("to "): _rights(held) for name, held in fact.properties.items() if name != "present"}
    if found.schema:
        return {}
    what = found.part("objects")
    # Without an entry the built-in defaults hold; none of ours needs the owner's.
    public = {"public": dict(_PUBLIC_BY_DEFAULT[what])} if what in _PUBLIC_BY_DEFAULT else {}
    own = {name: False for name in _all_rights(draft, what.removesuffix("s"))}
    return {found.role: own, **public}
