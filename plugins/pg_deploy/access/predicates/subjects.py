"""Everybody who may ask: every user, and those who are none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from pg_deploy.access.facts.api import Api
from pg_deploy.access.predicates.witnesses import NO_CONSTANTS, Constants, nested, texts_near
from pg_deploy.postgres.session import Connection

USERS = "users"
UNKNOWN = "unknown user"
NAMELESS = "claims that name no user"
WITHOUT = "without claims"
OWN = "as the role itself"
MADE = "claims and settings made from what the policies compare with"
MOST_MADE = 300
"""Sessions of a role that are made from constants, at most."""
MOST_INSIDE = 10
"""Values of a kind that are put at a path into a setting that is read as JSON."""
MOST_ALIKE = 6
"""Values that occur, of which others are made that some comparison takes for the same."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
NOBODY = "ffffffff-ffff-4fff-bfff-fffffffffffe"
"""A user's id that is in no table."""


@dataclass(frozen=True)
class Subject:
    """Who asks: the role of the request, its claims as JSON, a name for people, and what kind of asker that is."""

    sid: int
    role: str
    claims: str
    label: str
    kind: str = USERS
    settings: Mapping[str, str] = field(default_factory=dict, compare=False, hash=False)
    """What the session has set besides, such as `app.tenant_id`; the same names for everybody who is asked."""
    user: str | None = field(default=None, compare=False)
    """The user's id, if the session is a user's own."""

    def with_user(self) -> Subject:
        """The same; a user's session gets the id that its claims name, because the ledger keeps the claims alone."""
        return replace(self, user=json.loads(self.claims).get("sub")) if self.kind == USERS and self.claims else self


def is_malformed(subject: Subject, sqlstate: str) -> bool:
    """Whether an error comes from a session that was made up, or has no claims, and whose value cannot be cast as a policy casts it."""
    return subject.kind in (MADE, WITHOUT) and sqlstate.startswith("22")


def read_subjects(
    connections: list[Connection], api: Api, constants: Constants = NO_CONSTANTS, values: Sequence[str] = ()
) -> tuple[Subject, ...]:
    """All users of all these databases, then those who are none, then sessions made to tell predicates apart. Reads only.

    Numbered from 1. `values` are some that occur in the columns that policies read: a claim or a setting may name one.
    """
    users: set[str] = set()
    for connection in connections:
        users.update(row[0] for row in connection.execute(api.users.encode()).fetchall())
    found: list[Subject] = []
    if api.signed_in in api.roles:
        found = [Subject(0, api.signed_in, claims(api, user), f"user {user}", user=user) for user in sorted(users)]
        found += [
            Subject(0, api.signed_in, claims(api, NOBODY), "a user who is in no table", UNKNOWN),
            Subject(
                0,
                api.signed_in,
                json.dumps({"role": api.signed_in}),
                f"{api.signed_in} whose claims name no user",
                NAMELESS,
            ),
            Subject(0, api.signed_in, "", f"{api.signed_in} without claims", WITHOUT),
        ]
    for role in api.roles:
        if role != api.signed_in:
            found += [
                Subject(0, role, json.dumps({"role": role}), role, OWN),
                Subject(0, role, "", f"{role} without claims", WITHOUT),
            ]
    nothing = dict.fromkeys(_settable(constants, api), "")
    told = [replace(subject, settings=nothing) for subject in found]
    for role in api.roles:
        told += _made(api, role, sorted(users), constants, values, nothing)
    return tuple(replace(subject, sid=sid) for sid, subject in enumerate(told, start=1))


def _settable(constants: Constants, api: Api) -> tuple[str, ...]:
    """Settings that a session says of itself, besides those that hold its claims."""
    claimed = (api.claims_setting, api.sub_setting)
    return tuple(
        name
        for name in constants.settings
        if "." in name and name not in claimed and not name.startswith(("request.jwt", "pgrst."))
    )


def _made(
    api: Api, role: str, users: Sequence[str], constants: Constants, values: Sequence[str], nothing: Mapping[str, str]
) -> list[Subject]:
    """Sessions of a role whose claims or settings hold a constant of the predicates, or a value that occurs."""
    found: dict[tuple[str, str], Subject] = {}
    bases: list[dict[str, object]] = [{"role": role}]
    if role == api.signed_in:
        bases = [{"sub": NOBODY, "role": role}]
        bases += [{"sub": user, "role": role} for user in users[:1]]
    keys = {step for path in constants.paths for step in path} | set(constants.settings)
    named = [text for text in constants.strings if text not in keys and not text.startswith("request.")]
    texts = list(dict.fromkeys(texts_near(replace(constants, strings=tuple(named)))))
    told = [text for text in texts if text and len(text) <= 100]
    occurring = [value for value in values if value]
    share = max(20, MOST_MADE // (2 * max(1, len(constants.paths))))

    def add(claimed: Mapping[str, object], settings: Mapping[str, str], label: str, user: str | None = None) -> None:
        key = json.dumps(claimed), json.dumps(settings)
        found.setdefault(key, Subject(0, role, key[0], label, MADE, {**nothing, **settings}, user))

    # Each setting gets its part, and the claims one.
    room = max(20, MOST_MADE // (len(nothing) + bool(constants.paths))) if nothing else 0
    for name in nothing:
        for text in [*told[:60], *occurring][:room]:
            add(bases[0], {name: text}, f"{role} with {name} = '{text}'")
    # As PostgREST hands on a request's headers and cookies.
    for name, path in product(nothing, constants.paths):
        for text in [*occurring[:MOST_INSIDE], *told[:MOST_INSIDE]]:
            add(bases[0], {name: json.dumps(nested(path, text))}, f"{role} with {name} = {_said(path, text)}")
    own: list[object] = [*told[:12], True, False, *constants.numbers[:3]]
    if role == api.signed_in:
        # somebody whom a predicate names, and who is no user yet
        for text in told:
            if _UUID.fullmatch(text):
                add({"sub": text, "role": role}, {}, f"user {text}", text)
    # what a token says of its role is the role that asks
    paths = [path for path in constants.paths if path != ("role",)]
    for path in paths:
        if path == ("sub",) and users:
            continue  # every user there is asks already
        for value in own:
            for base in bases:
                add(_with(base, path, value), {}, f"{role} with {_said(path, value)}{_who(base)}")
        for occurs in _alike(occurring) if path != ("sub",) else ():
            add(_with(bases[0], path, occurs), {}, f"{role} with {_said(path, occurs)}")
        for occurs in occurring[: 4 * share if path == ("sub",) else share]:
            add(_with(bases[0], path, occurs), {}, f"{role} with {_said(path, occurs)}")
    for path in paths:
        for other in paths:
            if other > path and path[0] != "sub" and other[0] != "sub":
                for one, second in product(own[:4], own[:4]):
                    given = _with(_with(bases[0], path, one), other, second)
                    add(given, {}, f"{role} with {_said(path, one)} and {_said(other, second)}")
    return list(found.values())[:MOST_MADE]


def _alike(values: Sequence[str]) -> Iterator[str]:
    """Texts that a looser comparison takes for a value that occurs: in the other case, as the domain of an address, longer."""
    words = [value for value in values if any(letter.isalpha() for letter in value)]
    for value in [value for value in words if not _UUID.fullmatch(value)][:MOST_ALIKE]:
        yield from (value.swapcase(), f"x@{value}", f"{value}x", f"x{value}")


def _who(base: Mapping[str, object]) -> str:
    return f" (user {base['sub']})" if base.get("sub") not in (None, NOBODY) else ""


def _said(path: tuple[str, ...], value: object) -> str:
    return f"{'.'.join(path)} = {_shown(value)}"


def _shown(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


def _with(base: Mapping[str, object], path: tuple[str, ...], value: object) -> dict[str, object]:
    """The claims with a value at a path."""
    inner = base.get(path[0])
    if len(path) == 1:
        return {**base, path[0]: value}
    return {**base, path[0]: _with(inner if isinstance(inner, dict) else {}, path[1:], value)}


def claims(api: Api, user: str) -> str:
    """The claims of a signed-in user's request."""
    return json.dumps({"sub": user, "role": api.signed_in})


def load_subjects(connection: Connection, subjects: tuple[Subject, ...]) -> None:
    """Write the subjects to access_proof.subject."""
    connection.execute(
        "create table access_proof.subject (sid integer primary key, role text, claims text, settings jsonb)"
    )
    with connection.cursor() as cursor, cursor.copy("copy access_proof.subject from stdin") as copy:
        for subject in subjects:
            copy.write_row((subject.sid, subject.role, subject.claims, json.dumps(dict(subject.settings))))
    connection.execute("grant select on access_proof.subject to public")
    connection.execute("analyze access_proof.subject")
