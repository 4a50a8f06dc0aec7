"""Identities of facts that name roles, taken apart: `table public.t to reader`, `lowly in admins`, `role lowly: work_mem`.

Whoever may make a role chooses its name, so a name can hold " to ", " in " or anything else: the reader of the catalog
quotes it as an identifier where it has to be, and no other place than the true one can match here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ROLE = r'"(?:[^"]|"")*"|[^\s"]+'
_GRANT = re.compile(rf"(?P<what>.*) to (?P<who>{_ROLE})", re.DOTALL)
_MEMBERSHIP = re.compile(rf"(?P<member>{_ROLE}) in (?P<group>{_ROLE})")
_SETTING = re.compile(
    rf"(?:(?P<every>every role)|(?:role (?P<role>{_ROLE}))?(?: in )?(?P<here>this database)?): (?P<name>.+)", re.DOTALL
)
_DEFAULT = re.compile(rf"(?P<what>[a-z ]+?) made by (?P<maker>{_ROLE})(?: in schema (?P<schema>{_ROLE}))?")
_MAPPING = re.compile(rf"(?P<user>{_ROLE}) on server (?P<server>{_ROLE})")
_ON_RELATION = re.compile(
    rf"(?P<kind>policy|trigger|rule|table constraint|domain constraint) (?P<name>{_ROLE}) on (?P<of>.+)", re.DOTALL
)
# `public.orders.total`, `public."a.b"."Allow v1.2"`, `public.f(integer, extensions.citext)`.
_PARTS = re.compile(
    r'(?:(?P<whole>(?:(?:"(?:[^"]|"")*"|[^".(]+)\.)*(?:"(?:[^"]|"")*"|[^".(]+))\.)?(?P<last>(?P<name>"(?:[^"]|"")*"|[^".(]+)(?:\(.*)?)',
    re.DOTALL,
)
# An element of a list setting, as the server splits it.
_ELEMENT = re.compile(r'"(?:[^"]|"")*"|[^\s,]+')


def unquoted(part: str) -> str:
    """One part of a name as the catalog stores it."""
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def of_part(identity: str) -> tuple[str, str]:
    """What a thing is in, and its own name, both as identifiers: the table of a column or policy, the schema of a table.

    A quoted name may hold dots. Arguments stay with a function's name; empty where it is in nothing.
    """
    found = _PARTS.fullmatch(identity)
    return (found["whole"] or "", found["last"]) if found else ("", identity)


def own_name(identity: str) -> str:
    """The thing's own name as the catalog stores it: the last part, without quotes and arguments."""
    found = _PARTS.fullmatch(identity)
    return unquoted(found["name"]) if found else identity


def on_relation(what: str) -> Mapping[str, str] | None:
    """`kind`, `name` and `of` of "policy own on shop.orders", as a comment names it; None where it is no such thing."""
    found = _ON_RELATION.fullmatch(what)
    return found.groupdict() if found else None


def of_grant(identity: str) -> tuple[str, str]:
    """What a grant is on, and the role that holds it; `public` for everybody."""
    found = _GRANT.fullmatch(identity)
    return (found["what"], unquoted(found["who"])) if found else (identity, "")


def of_membership(identity: str) -> tuple[str, str]:
    """The member, and the role that it is a member of."""
    found = _MEMBERSHIP.fullmatch(identity)
    return (unquoted(found["member"]), unquoted(found["group"])) if found else (identity, "")


def of_setting(identity: str) -> Mapping[str, str | None] | None:
    """`every`, `role`, `here` (each None where it is not said) and `name` of a role's or database's setting."""
    found = _SETTING.fullmatch(identity)
    if found is None:
        return None
    return {**found.groupdict(), "role": unquoted(found["role"]) if found["role"] else None}


def of_default_grant(identity: str) -> Mapping[str, str | None] | None:
    """`what` is granted on, the `maker`, and the `schema` as an identifier, None for all."""
    found = _DEFAULT.fullmatch(identity)
    return {**found.groupdict(), "maker": unquoted(found["maker"])} if found else None


def of_user_mapping(identity: str) -> tuple[str, str]:
    """The user, and the server as an identifier."""
    found = _MAPPING.fullmatch(identity)
    return (unquoted(found["user"]), found["server"]) if found else (identity, "")


def elements(value: str) -> tuple[str, ...]:
    """The elements of a list setting's value, unquoted."""
    return tuple(unquoted(each) for each in _ELEMENT.findall(value))
