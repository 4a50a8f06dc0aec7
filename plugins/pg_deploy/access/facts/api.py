"""Who reaches the database through its API: the roles that requests run as, and how a request says who asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from pg_deploy.access.facts.rights import PUBLIC, granted, memberships, reachable_roles
from pg_deploy.catalog.kinds import RELATIONS
from pg_deploy.catalog.names import Key, unquoted
from pg_deploy.catalog.reader import Facts
from pg_deploy.parsing.tree import quoted

NO_USERS = "select null::text where false"


@dataclass(frozen=True)
class Api:
    """The roles of requests and the people behind them. The defaults are Supabase's.

    `users` is a query whose first column is every user's id as text; `signed_in` is the role that users act as;
    `user_expressions` depend on nothing of the claims but the user. A request sets `claims_setting` to its claims as
    JSON (`sub` holds the user's id) and `sub_setting` to nothing. `paths` are the roles' search_path, where they have one of their own.
    """

    roles: tuple[str, ...] = ("anon", "authenticated", "service_role")
    signed_in: str = "authenticated"
    users: str = "select id::text from auth.users"
    user_expressions: tuple[str, ...] = ("auth.uid()",)
    claims_setting: str = "request.jwt.claims"
    sub_setting: str = "request.jwt.claim.sub"
    ignored_schemas: tuple[str, ...] = (
        "information_schema",
        "deploy_ledger",
        "supabase_migrations",
        "access_proof",
        "cron",
        "extensions",
    )
    paths: Mapping[str, str] = field(default_factory=dict, compare=False, hash=False)

    def path_of(self, role: str) -> str:
        """The search_path that a request of the role begins with: a function that sets none looks its names up there."""
        return self.paths.get(role, _PATH)


_PATH = '"$user", public, extensions'
"""The server's own, and what PostgREST and Supabase add to it; a schema that is not there is passed over."""
SUPABASE = Api()


@lru_cache(maxsize=8)
def api_of(*sides: Facts) -> Api:
    """Every role that can log in, or be set to by one that can, and has rights that policies may hold back; Supabase's first.

    Superusers, and roles that only use what they own or bypass every policy, are nobody whom a policy could let in. The
    people are those of auth.users, where there is such a table and a role that they act as.
    """
    found: dict[str, None] = {}
    for facts in sides:
        there = {fact.identity.name for fact in facts.facts if fact.kind == "role"}
        found.update(dict.fromkeys(role for role in SUPABASE.roles if role in there))
    for facts in sides:
        found.update(dict.fromkeys(sorted(_asking(facts))))
    users = any(("table", "auth.users") in facts.by_key for facts in sides) and SUPABASE.signed_in in found
    return replace(
        SUPABASE,
        roles=tuple(found),
        users=SUPABASE.users if users else NO_USERS,
        paths=_paths(sides[0], found) if sides else {},
    )


def _paths(facts: Facts, roles: Iterable[str]) -> dict[str, str]:
    """By the settings of role and database, the nearest first; a migration that changes one is a difference by itself."""
    found = {}
    for role in roles:
        name = quoted(role)
        for whose in (f"role {name} in this database", f"role {name}", "this database", "every role"):
            fact = facts.by_key.get(("setting", f"{whose}: search_path"))
            if fact is not None:
                found[role] = str(fact.properties["value"])
                break
    return found


def _asking(facts: Facts) -> set[str]:
    roles: dict[str, Mapping[str, Any]] = {
        fact.identity.name: fact.properties for fact in facts.facts if fact.kind == "role"
    }
    logins = [name for name, properties in roles.items() if properties.get("login") and not properties.get("superuser")]
    members = memberships(facts)
    settable = set(logins)
    waiting = list(logins)
    while waiting:
        for role in members.get(waiting.pop(), ()):
            if role not in settable:
                settable.add(role)
                waiting.append(role)
    owners: dict[Key, Mapping[str, Any]] = {fact.key: fact.properties for fact in facts.facts if fact.kind in RELATIONS}
    with_rights: set[str] = set()
    for of, role, held in granted(facts):
        schema = of.plain_name if of.kind == "schema" else unquoted(of.schema)
        if not held or schema in SUPABASE.ignored_schemas:
            continue
        owner = owners.get((of.kind, of))
        if of.kind == "column" or (
            owner is not None and (owner.get("owner") != role or owner.get("force row level security"))
        ):
            with_rights.add(role)
    return {
        name
        for name in settable
        if name in roles
        and not roles[name].get("superuser")
        and not roles[name].get("bypass row level security")
        and (reachable_roles(facts, [name]) - {PUBLIC}) & with_rights
    }
