"""Everybody who may ask: every user, and sessions of nobody in particular."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from pg_deploy.access.facts.api import Api
from pg_deploy.access.predicates.witness_documents import NOBODY, OTHER, nest
from pg_deploy.access.predicates.witnesses import NO_CONSTANTS, Constants, texts_near
from pg_deploy.postgres.session import Connection

USERS = "users"
UNKNOWN = "unknown user"
NAMELESS = "claims that name no user"
WITHOUT = "without claims"
OWN = "as the role itself"
MADE = "claims and settings made from what the policies compare with"
NEVER = "settings that were never set in the session"
MOST_MADE = 300
"""Sessions of a role that are made from constants, at most."""
MOST_INSIDE = 10
"""Constants, and values that occur, that are put at each path into a setting that is read as JSON."""
MOST_PAIRED = 4
"""Values that occur of which every two are put at two paths together."""
MOST_ALIKE = 6
"""Values that occur for which similar ones are made, which some comparison takes for the same."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NO_SUCH_SETTING = "42704"


@dataclass(frozen=True)
class Subject:
    """Who asks: the role of the request, its claims as JSON, a name for people, and what kind of asker that is."""

    sid: int
    role: str
    claims: str
    label: str
    kind: str = USERS
    settings: Mapping[str, str] = field(default_factory=dict, compare=False, hash=False)
    """Further settings of the session, such as `app.tenant_id`; every subject has the same names, but for those of `never`."""
    user: str | None = field(default=None, compare=False)
    """The user's id, if the session is a user's own."""
    never: tuple[str, ...] = ()
    """Settings that must never have been set in the session: they are null there, and empty after a transaction that set them."""

    def with_user(self) -> Subject:
        """The same; a user's session gets the id that its claims name, because the ledger keeps the claims alone."""
        return replace(self, user=json.loads(self.claims).get("sub")) if self.kind == USERS and self.claims else self


def is_malformed(subject: Subject, sqlstate: str) -> bool:
    """Whether an error only says that a policy cannot cast a value: the session was made up, or has no claims."""
    return subject.kind in (MADE, WITHOUT) and sqlstate.startswith("22")


def lacks_setting(subject: Subject, error: str | None) -> bool:
    """Whether an error only says that a setting does not exist in a session that never set it: it got nothing."""
    return subject.kind == NEVER and (error or "").startswith(_NO_SUCH_SETTING)


def read_subjects(
    connections: list[Connection], api: Api, constants: Constants = NO_CONSTANTS, values: Sequence[str] = ()
) -> tuple[Subject, ...]:
    """All users of all these databases, then sessions without a user, then sessions made to tell predicates apart. Reads only.

    Numbered from 1. `values` occur in the columns that policies read: a claim or a setting may name one.
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
    empty = dict.fromkeys(_settings_to_make(constants, api), "")
    subjects = [replace(subject, settings=empty) for subject in found]
    if empty:
        named = ", ".join(empty)
        subjects += [
            replace(subject, label=f"{subject.label}, with {named} never set", kind=NEVER, never=tuple(empty))
            for subject in found
        ]
    for role in api.roles:
        subjects += _made_sessions(api, role, sorted(users), constants, values, empty)
    return tuple(replace(subject, sid=sid) for sid, subject in enumerate(subjects, start=1))


def _settings_to_make(constants: Constants, api: Api) -> tuple[str, ...]:
    """The settings that predicates read and that a session may set itself, besides those that hold its claims."""
    of_claims = (api.claims_setting, api.sub_setting)
    return tuple(
        name
        for name in constants.settings
        if "." in name and name not in of_claims and not name.startswith(("request.jwt", "pgrst."))
    )


def _made_sessions(
    api: Api, role: str, users: Sequence[str], constants: Constants, values: Sequence[str], empty: Mapping[str, str]
) -> list[Subject]:
    """Sessions of a role whose claims or settings hold a constant of the predicates, or a value that occurs."""
    found: dict[tuple[str, str], Subject] = {}
    bases: list[dict[str, object]] = [{"role": role}]
    if role == api.signed_in:
        bases = [{"sub": NOBODY, "role": role}]
        bases += [{"sub": user, "role": role} for user in users[:1]]
    keys = {step for path in constants.paths for step in path} | set(constants.settings)
    strings = [text for text in constants.strings if text not in keys and not text.startswith("request.")]
    texts = dict.fromkeys(texts_near(replace(constants, strings=tuple(strings))))
    near = [text for text in texts if text and len(text) <= 100]
    occurring = [value for value in values if value]
    share = max(20, MOST_MADE // (2 * max(1, len(constants.paths))))

    def add(claimed: Mapping[str, object], settings: Mapping[str, str], label: str, user: str | None = None) -> None:
        key = json.dumps(claimed), json.dumps(settings)
        found.setdefault(key, Subject(0, role, key[0], label, MADE, {**empty, **settings}, user))

    # Each setting gets an equal part of the sessions, and so do the claims.
    room = max(20, MOST_MADE // (len(empty) + bool(constants.paths))) if empty else 0
    for name in empty:
        for text in [*near[:60], *occurring][:room]:
            add(bases[0], {name: text}, f"{role} with {name} = '{text}'")
    if len(empty) > 1:
        for name, text in product(empty, [*near[:MOST_INSIDE], *occurring[:MOST_INSIDE]]):
            others = tuple(other for other in empty if other != name)
            label = f"{role} with {name} = '{text}', and {', '.join(others)} never set"
            alone = Subject(0, role, json.dumps(bases[0]), label, NEVER, {name: text}, never=others)
            found.setdefault((alone.claims, label), alone)
    # PostgREST hands on a request's headers and cookies as JSON in a setting.
    for name, path in product(empty, constants.paths):
        for text in [*occurring[:MOST_INSIDE], *near[:MOST_INSIDE]]:
            add(bases[0], {name: json.dumps(nest(path, text))}, f"{role} with {name} = {_at_path(path, text)}")
    own: list[object] = [*near[:12], True, False, *constants.numbers[:3]]
    if role == api.signed_in:
        # somebody whom a predicate names, and who is no user yet
        for text in near:
            if _UUID.fullmatch(text):
                add({"sub": text, "role": role}, {}, f"user {text}", text)
    # the role in a token is always the role that asks
    paths = [path for path in constants.paths if path != ("role",)]
    for path in paths:
        if path == ("sub",) and users:
            continue  # every user asks already
        for value in own:
            for base in bases:
                add(_with(base, path, value), {}, f"{role} with {_at_path(path, value)}{_of_user(base)}")
        for text in _similar_texts(occurring) if path != ("sub",) else ():
            add(_with(bases[0], path, text), {}, f"{role} with {_at_path(path, text)}")
        for several in _containers([*near[:3], *occurring[:MOST_INSIDE]]) if path != ("sub",) else ():
            add(_with(bases[0], path, several), {}, f"{role} with {_at_path(path, several)}")
        for text in occurring[: 4 * share if path == ("sub",) else share]:
            add(_with(bases[0], path, text), {}, f"{role} with {_at_path(path, text)}")
    for path in paths:
        for other in paths:
            if other > path and path[0] != "sub" and other[0] != "sub":
                for first, second in product([*own[:4], *occurring[:MOST_PAIRED]], repeat=2):
                    given = _with(_with(bases[0], path, first), other, second)
                    add(given, {}, f"{role} with {_at_path(path, first)} and {_at_path(other, second)}")
    return list(found.values())[:MOST_MADE]


def _similar_texts(values: Sequence[str]) -> Iterator[str]:
    """Texts that a looser comparison takes for a value that occurs: in the other case, as the domain of an address, longer."""
    words = [value for value in values if any(map(str.isalpha, value)) and not _UUID.fullmatch(value)]
    for value in words[:MOST_ALIKE]:
        yield from (value.swapcase(), f"x@{value}", f"{value}x", f"x{value}")


def _containers(values: Sequence[str]) -> Iterator[object]:
    """Arrays that hold a value first, last or alone, and an object that has it as a key: a token may name several groups."""
    for value in values:
        yield from ([value], [OTHER, value], [value, OTHER], {value: True})
        if value.isdigit():
            yield [int(value)]


def _of_user(base: Mapping[str, object]) -> str:
    return f" (user {base['sub']})" if base.get("sub") not in (None, NOBODY) else ""


def _at_path(path: tuple[str, ...], value: object) -> str:
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value)
    return f"{'.'.join(path)} = {text}"


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
