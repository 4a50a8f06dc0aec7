"""Who reaches the database through its API: the roles that requests run as, and how a request says who asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from pg_deploy.access.facts.rights import PUBLIC, reachable_roles, read_grants
from pg_deploy.catalog.kinds import RELATIONS
from pg_deploy.catalog.names import Key, unquoted
from pg_deploy.catalog.reader import Facts
from pg_deploy.parsing.tree import quoted

NO_USERS = "select null::text where false"


@dataclass(frozen=True)
class Api:
    """The roles of requests and the people behind them. The defaults are Supabase's.

    `users` is a query whose first column is every user's id as text; `signed_in` is the role that users act as;
    `user_expressions` depend on no part of the claims but the user. A request sets `claims_setting` to its claims as
    JSON (`sub` holds the user's id) and `sub_setting` to nothing. `paths` holds the search_path of each role that sets one.
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
        """The search_path that a request of the role begins with: a function that sets none looks up names there."""
        return self.paths.get(role, _PATH)


_PATH = '"$user", public, extensions'
"""The server's default, and what PostgREST and Supabase add to it; the server skips a schema that does not exist."""
SUPABASE = Api()


@lru_cache(maxsize=8)
def api_of(*sides: Facts) -> Api:
    """The roles that requests can run as and that policies can hold back, on any of these sides; Supabase's come first.

    Such a role can log in, or a role that can log in can become it by SET ROLE. Superusers, roles that bypass policies, and
    roles that use only what they own are left out. The people are those of auth.users, if that table and the role that they
    act as exist.
    """
    found: dict[str, None] = {}
    for facts in sides:
        existing = {fact.identity.name for fact in facts.facts if fact.kind == "role"}
        found.update(dict.fromkeys(role for role in SUPABASE.roles if role in existing))
    for facts in sides:
        found.update(dict.fromkeys(sorted(_roles_of_requests(facts))))
    users = any(("table", "auth.users") in facts.by_key for facts in sides) and SUPABASE.signed_in in found
    return replace(
        SUPABASE,
        roles=tuple(found),
        users=SUPABASE.users if users else NO_USERS,
        paths=_paths(sides[0], found) if sides else {},
    )


def _paths(facts: Facts, roles: Iterable[str]) -> dict[str, str]:
    """The search_path of each role that a setting gives one; the most specific setting counts.

    One side is enough: a migration that changes such a setting is a difference by itself.
    """
    found = {}
    for role in roles:
        name = quoted(role)
        for scope in (f"role {name} in this database", f"role {name}", "this database", "every role"):
            fact = facts.by_key.get(("setting", f"{scope}: search_path"))
            if fact is not None:
                found[role] = str(fact.properties["value"])
                break
    return found


def _roles_of_requests(facts: Facts) -> set[str]:
    roles: dict[str, Mapping[str, Any]] = {
        fact.identity.name: fact.properties for fact in facts.facts if fact.kind == "role"
    }
    logins = [name for name, properties in roles.items() if properties.get("login") and not properties.get("superuser")]
    relations: dict[Key, Mapping[str, Any]] = {
        fact.key: fact.properties for fact in facts.facts if fact.kind in RELATIONS
    }
    with_rights: set[str] = set()
    for target, role, rights in read_grants(facts):
        schema = target.plain_name if target.kind == "schema" else unquoted(target.schema)
        if not rights or schema in SUPABASE.ignored_schemas:
            continue
        relation = relations.get((target.kind, target))
        if target.kind == "column" or (
            relation is not None and (relation.get("owner") != role or relation.get("force row level security"))
        ):
            with_rights.add(role)
    return {
        name
        for name in reachable_roles(facts, logins)
        if name in roles
        and not roles[name].get("superuser")
        and not roles[name].get("bypass row level security")
        and (reachable_roles(facts, [name]) - {PUBLIC}) & with_rights
    }
