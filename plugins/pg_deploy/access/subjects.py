"""Everybody who may ask: every user, and those who are none."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pg_deploy.access.api import Api
from pg_deploy.session import Connection

USERS = "users"
UNKNOWN = "unknown user"
NAMELESS = "claims that name no user"
WITHOUT = "without claims"
OWN = "as the role itself"

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


def read_subjects(connections: list[Connection], api: Api) -> tuple[Subject, ...]:
    """All users of all these databases, then those who are none, numbered from 1. Reads only."""
    users: set[str] = set()
    for connection in connections:
        users.update(row[0] for row in connection.execute(api.users.encode()).fetchall())
    found = [(api.signed_in, claims(api, user), f"user {user}", USERS) for user in sorted(users)]
    found += [
        (api.signed_in, claims(api, NOBODY), "a user who is in no table", UNKNOWN),
        (api.signed_in, json.dumps({"role": api.signed_in}), f"{api.signed_in} whose claims name no user", NAMELESS),
        (api.signed_in, "", f"{api.signed_in} without claims", WITHOUT),
    ]
    for role in api.roles:
        if role != api.signed_in:
            found += [
                (role, json.dumps({"role": role}), role, OWN),
                (role, "", f"{role} without claims", WITHOUT),
            ]
    return tuple(Subject(sid, *parts) for sid, parts in enumerate(found, start=1))


def claims(api: Api, user: str) -> str:
    """The claims of a signed-in user's request."""
    return json.dumps({"sub": user, "role": api.signed_in})


def load_subjects(connection: Connection, subjects: tuple[Subject, ...]) -> None:
    """Write the subjects to access_proof.subject."""
    connection.execute("create table access_proof.subject (sid integer primary key, role text, claims text)")
    with connection.cursor() as cursor, cursor.copy("copy access_proof.subject from stdin") as copy:
        for subject in subjects:
            copy.write_row((subject.sid, subject.role, subject.claims))
    connection.execute("grant select on access_proof.subject to public")
    connection.execute("analyze access_proof.subject")
