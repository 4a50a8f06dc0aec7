"""Rights and memberships, read from catalog facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pg_deploy.catalog.names import Identity, Key
from pg_deploy.catalog.reader import Facts

PUBLIC = "public"
GRANTABLE = " with grant option"
_BYPASSES = ("superuser", "bypass row level security")


# The rights of the facts before and after a migration are read a dozen times.
@lru_cache(maxsize=4)
def held_rights(facts: Facts) -> Mapping[tuple[Key, str], frozenset[str]]:
    """The rights that each role itself was granted, by (kind and name of the object, role); an owner's own are included."""
    return {((target.kind, target), role): rights for target, role, rights in read_grants(facts)}


def read_grants(facts: Facts) -> Iterator[tuple[Identity, str, frozenset[str]]]:
    """Each grant: the object, the role, and its rights; for `SELECT with grant option`, `SELECT` is among them as well."""
    for fact in facts.facts:
        target = fact.identity.of if fact.kind == "grant" else None
        if target is not None:
            rights = {right.strip() for privileges in fact.properties.values() for right in str(privileges).split(",")}
            yield target, fact.identity.role, frozenset(rights | {right.removesuffix(GRANTABLE) for right in rights})


@dataclass(frozen=True)
class Membership:
    """What a membership lets its member do with the role: have its rights, become it by SET ROLE, hand it on.

    From PostgreSQL 16 on, a grant says all three. Before, the attribute INHERIT of the member says the first, and the second
    is always so.
    """

    inherit: bool
    set: bool
    admin: bool

    @property
    def acts(self) -> bool:
        """Whether the member can do what the role can."""
        return self.inherit or self.set


@lru_cache(maxsize=4)
def membership_kinds(facts: Facts) -> Mapping[tuple[str, str], Membership]:
    """The direct memberships by (member, role); those granted by several roles are merged."""
    inherits: dict[str, bool] = {
        fact.identity: bool(fact.properties.get("inherit")) for fact in facts.facts if fact.kind == "role"
    }
    found: dict[tuple[str, str], Membership] = {}
    for fact in facts.facts:
        if fact.kind == "membership":
            member, role = fact.identity.role, fact.identity.group
            options = [set(str(each).split(", ")) for each in fact.properties.values()]
            known = any(each & {"set", "no set"} for each in options)
            found[member, role] = Membership(
                inherit=any("inherit" in each for each in options) if known else inherits.get(member, True),
                set=any("set" in each for each in options) if known else True,
                admin=any("admin" in each for each in options),
            )
    return found


@lru_cache(maxsize=4)
def memberships(facts: Facts) -> Mapping[str, frozenset[str]]:
    """The roles that each role is directly a member of and can act as."""
    found: dict[str, set[str]] = {}
    for (member, role), kind in membership_kinds(facts).items():
        if kind.acts:
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


def has_right(facts: Facts, target: Key, role: str, right: str) -> bool:
    """Whether a role has a right on an object, of its own, through a group or through PUBLIC."""
    rights = held_rights(facts)
    return any(right in rights.get((target, each), frozenset()) for each in reachable_roles(facts, [role]))


def bypasses(role: str, facts: Facts) -> bool:
    """Whether no policy holds the role back."""
    fact = facts.by_key.get(("role", role))
    return fact is not None and any(fact.properties.get(attribute) for attribute in _BYPASSES)
