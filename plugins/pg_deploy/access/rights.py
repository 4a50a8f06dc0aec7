"""Reading rights and memberships out of catalog facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from pg_deploy.catalog.identities import of_grant, of_membership
from pg_deploy.catalog.reader import Facts

PUBLIC = "public"
TABLE_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


# What is asked about the facts before and after a migration is asked a dozen times.
@lru_cache(maxsize=4)
def held_rights(facts: Facts) -> Mapping[tuple[str, str], frozenset[str]]:
    """What each role itself was granted: (object as `table public.x`, role) to rights; the owner's are among them."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for fact in facts.facts:
        if fact.kind == "grant":
            target, role = of_grant(fact.identity)
            rights = {right.strip() for privileges in fact.properties.values() for right in str(privileges).split(",")}
            found[target, role] = frozenset(rights)
    return found


@lru_cache(maxsize=4)
def memberships(facts: Facts) -> Mapping[str, frozenset[str]]:
    """The roles that each role is directly a member of."""
    found: dict[str, set[str]] = {}
    for fact in facts.facts:
        if fact.kind == "membership":
            member, role = of_membership(fact.identity)
            found.setdefault(member, set()).add(role)
    return {member: frozenset(roles) for member, roles in found.items()}


def reachable_roles(facts: Facts, roles: Iterable[str]) -> frozenset[str]:
    """These roles, public, and every role that they are members of, through any depth."""
    member_of = memberships(facts)
    found = {PUBLIC}
    waiting = list(roles)
    while waiting:
        role = waiting.pop()
        if role not in found:
            found.add(role)
            waiting.extend(member_of.get(role, ()))
    return frozenset(found)
