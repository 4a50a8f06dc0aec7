"""The differences of access facts in words: who could do what, and who can now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache

from pg_deploy.access.facts.access_change import AccessChange, join_with_and
from pg_deploy.access.facts.access_facts import deciding_functions, definer_functions, settings_and_owners
from pg_deploy.access.facts.api import SUPABASE, Api
from pg_deploy.access.facts.functions import is_definer
from pg_deploy.access.facts.policies import policy_changes
from pg_deploy.access.facts.reached_commands import reached_commands
from pg_deploy.access.facts.rights import (
    GRANTABLE,
    PUBLIC,
    bypasses,
    has_right,
    held_rights,
    membership_kinds,
    memberships,
    reachable_roles,
)
from pg_deploy.catalog.kinds import RELATIONS, VIEWS
from pg_deploy.catalog.names import Identity, Key, first_relation, identity_of
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.catalog.switches import is_on, means_true
from pg_deploy.postgres.quoting import in_quotes

_DATA_RIGHTS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"})
_OBJECTS = (*RELATIONS, "column", "function", "procedure", "schema", "sequence")
_OTHER_OBJECTS = ("large object", "foreign data wrapper", "server", "database", "language", "tablespace")
_RIGHTS_OF = {
    **dict.fromkeys((*RELATIONS, "column"), _DATA_RIGHTS),
    "materialized view": frozenset({"SELECT"}),
}
_ATTRIBUTES = {
    "superuser": "is a superuser",
    "bypass row level security": "bypasses row level security and sees every row",
    "create role": "may create and change roles",
    "inherit": "uses the rights of the roles that it is a member of",
    "login": "may log in",
    "replication": "may stream the whole server",
}


@lru_cache(maxsize=2)
def access_changes(before: Facts, after: Facts, api: Api = SUPABASE) -> tuple[AccessChange, ...]:
    """Every difference in access facts, one sentence each; empty when they are equal."""
    return tuple(
        dict.fromkeys(
            change
            for part in (
                _grants,
                _relations,
                policy_changes,
                _roles,
                _memberships,
                _default_privileges,
                _functions,
                _publications,
                _settings_and_owners,
            )
            for change in part(before, after, api)
        )
    )


def _objects(facts: Facts) -> dict[Key, Fact]:
    return {fact.key: fact for fact in facts.facts if fact.kind in _OBJECTS}


def _grants(before: Facts, after: Facts, api: Api) -> Iterator[AccessChange]:
    old, new = held_rights(before), held_rights(after)
    objects_before, objects_after = _objects(before), _objects(after)
    reached = reachable_roles(after, api.roles)
    definers = {fact.key for fact in definer_functions(after, api)}
    for target, role in sorted(old.keys() | new.keys()):
        kind, name = target[0], identity_of(target)
        had, has = old.get((target, role), frozenset()), new.get((target, role), frozenset())
        if had == has:
            continue
        if kind not in _OBJECTS:
            # a new object of these kinds belongs to who made it, and leads to nobody's rows
            if kind in _OTHER_OBJECTS or any(key[0] == target for key in old):
                yield from _changed_rights(before, after, api, target, role, had, has)
            continue
        if target not in objects_after and (kind != "column" or name.relation not in _relation_names(objects_after)):
            continue  # the object is gone: one sentence of its own says so
        if target not in objects_before:
            fact = objects_after.get(target)
            if fact is not None and fact.kind in ("function", "procedure") and _is_elsewhere(fact, after, before, api):
                continue  # it was moved to this schema: the engines tell whether it answers otherwise there
            is_reached = role in reached and (kind in RELATIONS or kind == "column" or target in definers)
            rights = sorted(right for right in has & _RIGHTS_OF.get(kind, has) if not right.endswith(GRANTABLE))
            if is_reached and rights:
                commands = tuple(right.lower() for right in rights)
                if role in api.roles:
                    # with a grant to public or a group, the policies of each member decide
                    commands = reached_commands(role, commands, kind, name, after)
                if commands:
                    sentence = _new_object_sentence(role, commands, kind, name, after)
                    # a role that no policy holds back reaches every new object: to declare that would say nothing
                    decides = not bypasses(role, after)
                    yield AccessChange("gained", role, name, commands, sentence, decides=decides, object_is_new=True)
            continue
        owner = objects_after[target].properties.get("owner") if target in objects_after else None
        if role == owner:
            continue  # an owner can grant itself any right
        yield from _changed_rights(before, after, api, target, role, had, has)


def _changed_rights(
    before: Facts,
    after: Facts,
    api: Api,
    target: Key,
    role: str,
    had: frozenset[str],
    has: frozenset[str],
) -> Iterator[AccessChange]:
    kind, name = target if target[0] != "database" else ("this", "database")
    members = _affected_roles(role, api)
    gained = sorted(right for right in has - had if any(not has_right(before, target, m, right) for m in members))
    lost = sorted(right for right in had - has if any(not has_right(after, target, m, right) for m in members))
    if grantable := [right for right in gained if right.endswith(GRANTABLE)]:
        may = ", ".join(right.removesuffix(GRANTABLE).lower() for right in grantable)
        sentence = f"{role} may now grant others to {may} {kind} {in_quotes(name)}"
        yield AccessChange("gained", role, name, ("grant",), sentence)
    if plain := [right for right in gained if not right.endswith(GRANTABLE)]:
        can = tuple(right.lower() for right in plain)
        sentence = f"{role} could not {_verbs(can)} {kind} {in_quotes(name)} and can now"
        yield AccessChange("gained", role, name, can, sentence)
    if plain := [right for right in lost if not right.endswith(GRANTABLE)]:
        could = tuple(right.lower() for right in plain)
        sentence = f"{role} could {_verbs(could)} {kind} {in_quotes(name)} and can no longer"
        yield AccessChange("lost", role, name, could, sentence)


def _verbs(rights: tuple[str, ...]) -> str:
    return join_with_and("use" if right == "usage" else right for right in rights)


def _affected_roles(role: str, api: Api) -> tuple[str, ...]:
    """The roles whose rights a grant to `role` may change: itself, or every role of the API if it is PUBLIC."""
    return api.roles if role == PUBLIC else (role,)


def _relation_names(objects: dict[Key, Fact]) -> set[Identity]:
    return {fact.identity for fact in objects.values() if fact.kind in RELATIONS}


def _new_object_sentence(role: str, commands: tuple[str, ...], kind: str, name: str, after: Facts) -> str:
    fact = after.by_key.get((kind, name))
    properties = fact.properties if fact else {}
    why = {
        "materialized view": "; a materialized view knows no row level security: it shows every row",
        "view": ""
        if is_on(properties.get("options", []), "security_invoker")
        else f'; it reads with the rights of its owner "{properties.get("owner")}", whom no policy holds back',
        "function": f'; it runs with the rights of its owner "{properties.get("owner")}"',
        "table": "" if properties.get("row level security") else "; without row level security: every row",
    }.get(kind, "")
    return f"{kind} {in_quotes(name)} is new: {role} can {join_with_and(commands)} it{why}"


def _relations(before: Facts, after: Facts, api: Api) -> Iterator[AccessChange]:
    rights = held_rights(before)
    roles = reachable_roles(before, api.roles)
    for kind in RELATIONS:
        for fact in sorted(fact for fact in before.facts if fact.kind == kind):
            now = after.by_key.get((kind, fact.identity))
            who = tuple(
                sorted(role for role in roles if rights.get(((kind, fact.identity), role), frozenset()) & _DATA_RIGHTS)
            )
            if now is None:
                if who:
                    yield AccessChange(
                        "lost",
                        ", ".join(who),
                        fact.identity,
                        (),
                        f"{kind} {in_quotes(fact.identity)} is gone: {join_with_and(who)} could use it",
                    )
                continue
            is_written = any(
                rights.get(((kind, fact.identity), role), frozenset()) & {"INSERT", "UPDATE", "DELETE"} for role in who
            )
            yield from _same_relation(kind, fact, now, ", ".join(who), after, is_written=is_written)


def _same_relation(
    kind: str, old: Fact, new: Fact, who: str, facts: Facts, *, is_written: bool
) -> Iterator[AccessChange]:
    """What differs in a relation that is there before and after; `is_written` says that these roles may write to it."""
    before, after, name = old.properties, new.properties, old.identity
    if before.get("owner") != after.get("owner"):
        yield AccessChange(
            "changed",
            str(after.get("owner")),
            name,
            (),
            f"{kind} {in_quotes(name)} belonged to {before.get('owner')} and belongs to {after.get('owner')} now",
        )
    if before.get("row level security") and not after.get("row level security"):
        yield AccessChange(
            "gained",
            who,
            name,
            (),
            f"row level security of {in_quotes(name)} is disabled: {who or 'every role with a grant'} "
            "can now use every row that the grants allow",
        )
    if after.get("row level security") and not before.get("row level security"):
        yield AccessChange(
            "lost",
            who,
            name,
            (),
            f"row level security of {in_quotes(name)} is enabled: {who or 'every role'} had every row and now has what policies allow",
        )
    if before.get("force row level security") != after.get("force row level security") and not bypasses(
        str(after.get("owner")), facts
    ):
        forced = after.get("force row level security")
        yield AccessChange(
            "lost" if forced else "gained",
            str(after.get("owner")),
            name,
            (),
            f"the owner of {in_quotes(name)} is {'now' if forced else 'no longer'} subject to its policies",
        )
    if kind == "view" and before.get("options") != after.get("options"):
        invoker = is_on(after.get("options", []), "security_invoker")
        was = is_on(before.get("options", []), "security_invoker")
        if was != invoker:
            reads = (
                "with the rights of whoever asks"
                if invoker
                else f"with the rights of its owner {after.get('owner')}, whom no policy holds back"
            )
            sentence = f"view {in_quotes(name)} now reads {reads}"
            # If a role loses only what it read, the comparison of what is read shows it. What it wrote had the owner's rights.
            decides = is_written or not invoker
            yield AccessChange("lost" if invoker else "gained", who, name, ("select",), sentence, decides=decides)
        yield from _view_options(name, who, before.get("options") or [], after.get("options") or [])
    if kind in VIEWS and before.get("definition") != after.get("definition"):
        yield AccessChange(
            "changed", who, name, ("select",), f"{kind} {in_quotes(name)} is defined differently", decides=False
        )
    if before.get("inherits") != after.get("inherits"):
        yield AccessChange(
            "changed",
            who,
            name,
            (),
            f"{in_quotes(name)} is part of other tables than before: {' and '.join(map(str, after.get('inherits') or ())) or 'no table'}",
        )


def _view_options(name: str, who: str, was: list[str], is_now: list[str]) -> Iterator[AccessChange]:
    had, has = (dict(option.split("=", 1) for option in options) for options in (was, is_now))
    if is_on(was, "security_barrier") and not is_on(is_now, "security_barrier"):
        sentence = f"view {in_quotes(name)} is no security barrier any more: a condition of the asker may see rows that the view hides"
        yield AccessChange("gained", who, name, ("select",), sentence)
    if had.get("check_option") and has.get("check_option") != had["check_option"]:
        sentence = f"view {in_quotes(name)} no longer checks what is written through it: rows that it does not show can be written"
        yield AccessChange("gained", who, name, ("insert", "update"), sentence)


def _publications(before: Facts, after: Facts, api: Api) -> Iterator[AccessChange]:
    """What a publication sends goes to every subscriber, whatever a table's policies say of its readers."""
    for kind in ("publication", "publication schema"):
        for fact in sorted(fact for fact in after.facts if fact.kind == kind):
            old = before.by_key.get((kind, fact.identity))
            if old == fact:
                continue
            had = set(old.properties.get("tables") or ()) if old else set()
            sent = sorted(set(fact.properties.get("tables") or ()) - had)
            for table in sent:
                sentence = (
                    f"publication {in_quotes(fact.identity)} now sends rows of {in_quotes(table)} to its subscribers"
                )
                yield AccessChange("gained", "subscribers", first_relation(table), ("select",), sentence)
            if not sent:
                sentence = (
                    f"{kind} {in_quotes(fact.identity)} is {'new' if old is None else 'another one'}: {fact.definition}"
                )
                yield AccessChange("changed", "subscribers", fact.identity, ("select",), sentence)


def _roles(before: Facts, after: Facts, api: Api) -> Iterator[AccessChange]:
    old = {fact.identity.plain_name: fact.properties for fact in before.facts if fact.kind == "role"}
    new = {fact.identity.plain_name: fact.properties for fact in after.facts if fact.kind == "role"}
    for role in sorted(old.keys() | new.keys()):
        if role not in new:
            yield AccessChange("lost", role, role, (), f'role "{role}" is gone')
            continue
        for attribute, meaning in _ATTRIBUTES.items():
            is_now = bool(new[role].get(attribute))
            if role not in old and not (is_now and attribute in ("superuser", "bypass row level security")):
                continue
            if is_now != bool(old.get(role, {}).get(attribute)):
                since = "now" if is_now else "no longer"
                yield AccessChange("gained" if is_now else "lost", role, role, (), f'role "{role}" {since} {meaning}')


def _memberships(before: Facts, after: Facts, api: Api) -> Iterator[AccessChange]:
    old, new = memberships(before), memberships(after)
    for member in sorted(old.keys() | new.keys()):
        for role in sorted(new.get(member, frozenset()) - old.get(member, frozenset())):
            yield AccessChange(
                "gained",
                member,
                role,
                (),
                f'role "{member}" is now a member of "{role}" and can do all that "{role}" can',
            )
        for role in sorted(old.get(member, frozenset()) - new.get(member, frozenset())):
            yield AccessChange("lost", member, role, (), f'role "{member}" is no longer a member of "{role}"')
    had, has = membership_kinds(before), membership_kinds(after)
    for key in sorted(has):
        member, role = key
        # Who makes a role may hand it on, also to itself; with a role that is new this is no change of access.
        if has[key].admin and not (key in had and had[key].admin) and ("role", role) in before.by_key:
            sentence = f'role "{member}" can now make itself and others a member of "{role}"'
            yield AccessChange("gained", member, role, (), sentence)
        if key not in had or not (had[key].acts and has[key].acts):
            continue
        for now, then, can in (
            (has[key].inherit, had[key].inherit, "has the rights of"),
            (has[key].set, had[key].set, "may become (set role)"),
        ):
            if now != then:
                sentence = f'role "{member}" {"now" if now else "no longer"} {can} "{role}"'
                yield AccessChange("gained" if now else "lost", member, role, (), sentence)
    for key in sorted(had):
        kept = key in has or not had[key].acts
        if had[key].admin and kept and not (key in has and has[key].admin) and ("role", key[1]) in after.by_key:
            sentence = f'role "{key[0]}" can no longer make others a member of "{key[1]}"'
            yield AccessChange("lost", key[0], key[1], (), sentence)


def _default_privileges(before: Facts, after: Facts, api: Api) -> Iterator[AccessChange]:
    keys = {fact.identity for facts in (before, after) for fact in facts.facts if fact.kind == "default grant"}
    for key in sorted(keys):
        old, new = before.by_key.get(("default grant", key)), after.by_key.get(("default grant", key))
        had = old.properties if old else {}
        has = new.properties if new else {}
        for grantee in sorted(had.keys() | has.keys() - {"present"}):
            if had.get(grantee) != has.get(grantee):
                role = grantee.removeprefix("to ")
                yield AccessChange(
                    "changed",
                    role,
                    key,
                    (),
                    f"of {key} that come from now on, {role} gets {has.get(grantee, 'nothing')} (until now {had.get(grantee, 'nothing')})",
                )


def _functions(before: Facts, after: Facts, api: Api) -> Iterator[AccessChange]:
    definers = definer_functions(before, api) | definer_functions(after, api)
    deciding = deciding_functions(before, api) | deciding_functions(after, api)
    rights = held_rights(before)
    roles = reachable_roles(before, api.roles)
    for fact in sorted(fact for fact in before.facts if fact.kind in ("function", "procedure")):
        name = fact.identity
        now = after.by_key.get((fact.kind, name))
        who = tuple(sorted(role for role in roles if "EXECUTE" in rights.get(((fact.kind, name), role), frozenset())))
        if now is None:
            if fact in deciding or (who and fact in definers):
                yield AccessChange(
                    "lost",
                    ", ".join(who),
                    name,
                    ("execute",),
                    f"{fact.kind} {in_quotes(name)} is gone: {join_with_and(who)} could execute it",
                    # if only policies called it, the engines asked these without it
                    decides=fact in definers and not _is_elsewhere(fact, before, after, api),
                )
            continue
        if now == fact or not {fact, now} & deciding:
            continue
        # With the same rights as before it decides nothing by itself: whether its answers differ, the proof asks.
        other_rights = is_definer(now) != is_definer(fact) or fact.properties.get("owner") != now.properties.get(
            "owner"
        )
        if is_definer(now) and not is_definer(fact):
            sentence = (
                f"{fact.kind} {in_quotes(name)} now runs with the rights of its owner {now.properties.get('owner')}; "
                f"{join_with_and(who)} can execute it"
            )
        elif is_definer(fact) and not is_definer(now):
            sentence = f"{fact.kind} {in_quotes(name)} no longer runs with the rights of its owner {now.properties.get('owner')}"
        elif other_rights:
            was, owner = fact.properties.get("owner"), now.properties.get("owner")
            sentence = f"{fact.kind} {in_quotes(name)} belonged to {was} and belongs to {owner} now"
        elif {fact, now} & definers:
            owner = now.properties.get("owner")
            sentence = f"{fact.kind} {in_quotes(name)}, which runs with the rights of its owner {owner}, is defined differently"
        else:
            sentence = f"{fact.kind} {in_quotes(name)}, on which policies rest, is defined differently"
        yield AccessChange("changed", ", ".join(who), name, ("execute",), sentence, decides=other_rights)


def _is_elsewhere(fact: Fact, here: Facts, there: Facts, api: Api) -> bool:
    """Whether a function of `here` is in another schema of `there`, and all who can call it here can call it there too."""
    return any(
        other.kind == fact.kind
        and other.key not in here.by_key
        and _name_and_arguments(other) == _name_and_arguments(fact)
        and _body(other) == _body(fact)
        and other.properties.get("owner") == fact.properties.get("owner")
        and _callers(fact, here, api) <= _callers(other, there, api)
        for other in there.facts
    )


def _callers(fact: Fact, facts: Facts, api: Api) -> set[str]:
    """The roles of the API that policies hold back and that may execute a function and use its schema."""
    schema = ("schema", fact.identity.schema)
    return {
        role
        for role in api.roles
        if not bypasses(role, facts)
        and has_right(facts, fact.key, role, "EXECUTE")
        and has_right(facts, schema, role, "USAGE")
    }


def _name_and_arguments(fact: Fact) -> tuple[str, str | None]:
    return fact.identity.name, fact.identity.arguments


def _body(fact: Fact) -> str:
    return str(fact.properties.get("definition", "")).partition("\n")[2]


def _ends_read_only(kind: str, identity: str, value: str | None) -> bool:
    """Whether a setting only lets sessions write again: each may set that itself, and a platform sets it while a disk is full."""
    name = identity_of((kind, identity)).name if kind == "setting" else None
    return name == "default_transaction_read_only" and (value is None or not means_true(json.loads(value)["value"]))


def _settings_and_owners(before: Facts, after: Facts, api: Api) -> Iterator[AccessChange]:
    settings_before, settings_after = settings_and_owners(before), settings_and_owners(after)
    for key in sorted(settings_before.keys() | settings_after.keys()):
        old, new = settings_before.get(key), settings_after.get(key)
        if old != new and not (key[0] == "schema" and (old is None or new is None)) and not _ends_read_only(*key, new):
            role = identity_of(key).role or PUBLIC
            yield AccessChange(
                "changed",
                role if role in {fact.identity for fact in after.facts if fact.kind == "role"} else PUBLIC,
                key[1],
                (),
                f'{key[0]} "{key[1]}" was {old or "not there"} and is {new or "gone"} now',
            )
