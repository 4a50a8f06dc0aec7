"""The choice of subjects and rows for a sample on the target: every kind of membership, large and small tenants."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import psycopg

from pg_deploy.access.engines.cross_check import acting_as
from pg_deploy.access.facts.api import Api
from pg_deploy.access.predicates.predicates import Policy
from pg_deploy.access.predicates.reach import Relation
from pg_deploy.access.predicates.subjects import UNKNOWN, WITHOUT, Subject, claims
from pg_deploy.access.predicates.witness_documents import NOBODY
from pg_deploy.access.sampling.sample_context import Place, empty_tables, key_text, rows_naming
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import Connection

CANDIDATES = 2000
USERS = 20
KINDS = 8
"""Kinds of membership (suspended, owner, …) that get users of their own, the rarest first."""
KEYS = 4
"""Rows that are taken of what a subject sees in a table; three times as many are taken of all its rows."""
FEW = 12
"""A column of so many values at most says of what kind a row is, not whose it is."""
CHOICE_MS = 2000


def choose_subjects(connection: Connection, api: Api, lookups: tuple[Place, ...]) -> tuple[Subject, ...]:
    """Choose users of each kind with somebody of the same tenant, users with most, fewest and some rows, and who is no user."""
    users = [
        row[0]
        for row in connection.execute(
            f"select * from ({api.users}) u (id) where id is not null order by md5(id) limit {CANDIDATES}".encode()
        )
    ]
    own: dict[str, list[tuple[str, dict[str, object]]]] = {}
    if users:
        for user, table, row in rows_naming(connection, lookups, users):
            own.setdefault(user, []).append((table, row))
    ordered = sorted(users, key=lambda user: (len(own.get(user, ())), user))
    step = max(1, len(ordered) // 6)
    chosen = dict.fromkeys([*_kinds(own), *ordered[:2], *ordered[-2:], *ordered[::step], *ordered])
    found: list[Subject] = []
    if api.signed_in in api.roles:
        found += [
            Subject(0, api.signed_in, claims(api, user), f"user {user}", user=user) for user in list(chosen)[:USERS]
        ]
        found += [
            Subject(0, api.signed_in, claims(api, NOBODY), "a user who is in no table", UNKNOWN),
            Subject(0, api.signed_in, "", f"{api.signed_in} without claims", WITHOUT),
        ]
    found += [Subject(0, role, "", role, WITHOUT) for role in api.roles if role != api.signed_in]
    return tuple(replace(subject, sid=sid) for sid, subject in enumerate(found, start=1))


def _kinds(own: Mapping[str, Sequence[tuple[str, dict[str, object]]]]) -> Iterator[str]:
    """For each kind of own row, the rarest first: a user of that kind, and a user of another kind who shares a value with them."""
    values: dict[tuple[str, str], set[object]] = {}
    for rows in own.values():
        for table, row in rows:
            for name, value in row.items():
                if isinstance(value, (str, bool)) and len(values.setdefault((table, name), set())) <= FEW:
                    values[table, name].add(value)
    telling = {place for place, found in values.items() if 1 < len(found) <= FEW}
    kinds = {
        user: {(t, n, str(v)) for t, row in rows for n, v in row.items() if (t, n) in telling}
        for user, rows in own.items()
    }
    users_of_kind = Counter(kind for found in kinds.values() for kind in found)
    sharing: dict[object, list[str]] = {}
    for user, rows in own.items():
        for _, row in rows:
            for value in row.values():
                if isinstance(value, str) and value != user:
                    sharing.setdefault(value, []).append(user)
    for kind, _ in sorted(users_of_kind.items(), key=lambda item: (item[1], item[0]))[:KINDS]:
        user = min(user for user, found in kinds.items() if kind in found)
        yield user
        for _, row in own[user]:
            others = [
                other
                for name, value in row.items()
                if isinstance(value, str) and value != user and 1 < len(sharing.get(value, ())) < len(own) / 2
                for other in sharing[value]
                if other != user and kind not in kinds[other]
            ]
            if others:
                yield others[0]
                break


def choose_rows(
    connection: Connection,
    api: Api,
    relations: Sequence[Relation],
    policies: Sequence[Policy],
    subjects: Sequence[Subject],
    deadline: float,
) -> dict[str, tuple[str, ...]]:
    """Choose keys by table: of any rows, of rows with null in a column that policies read, and of rows that the subjects see."""
    found: dict[str, dict[str, None]] = {}
    unused = empty_tables(connection, {relation.id for relation in relations})
    for relation in relations:
        keys = found.setdefault(relation.full_name, {})
        if relation.id in unused:
            continue
        head = f"select {key_text(relation)} from {relation.quoted} t"
        keys.update(_keys_of(connection, f"{head} limit {KEYS * 3}"))
        read = {name for policy in policies if policy.relation == relation.id for name in policy.columns}
        for name in sorted(read - set(relation.key)):
            if time.monotonic() < deadline:
                keys.update(_keys_of(connection, f"{head} where t.{quote(name)} is null limit 2"))
        for subject in subjects:
            if time.monotonic() > deadline:
                break
            with acting_as(connection, api, subject.role, subject.claims, is_copy=False):
                keys.update(_keys_of(connection, f"{head} limit {KEYS}"))
    return {table: tuple(sorted(keys)) for table, keys in found.items()}


def _keys_of(connection: Connection, query: str) -> dict[str, None]:
    """The keys that a query answers; none if it fails or takes too long."""
    try:
        with connection.transaction():
            connection.execute("select set_config('statement_timeout', %s, true)", [f"{CHOICE_MS}ms"])
            return dict.fromkeys(str(row[0]) for row in connection.execute(query.encode()))
    except psycopg.Error:
        return {}
