"""On the target: fixed pairs of subject and row, asked before and after, while other people read and write.

A pair whose row, whose row's parents, or whose subject's own rows in the tables that policies read were changed meanwhile
was moved by traffic and proves nothing. Reads only, in one repeatable-read transaction, never longer than asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import psycopg

from pg_deploy.access.api import SUPABASE, Api
from pg_deploy.access.live_context import contexts, lookup_tables, own_rows
from pg_deploy.access.reach import Relation, reachable
from pg_deploy.access.rowsets import acting_as
from pg_deploy.access.subjects import NOBODY, Subject, claims
from pg_deploy.access.text import quote
from pg_deploy.session import Connection

SECONDS = 30.0
STATEMENT_MS = 8000
"""As long as the API lets a statement run."""
USERS = 16
KEYS = 4
"""Rows of each table that a user sees, and rows that anybody may have, in the sample."""


@dataclass(frozen=True)
class LiveSample:
    """What some subjects saw of some rows. `seen` maps `sid table` to the keys seen, or to an error after `!`."""

    subjects: tuple[Subject, ...]
    keys: dict[str, tuple[str, ...]]
    seen: dict[str, tuple[str, ...]]
    rows: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def as_detail(self) -> dict[str, Any]:
        """For the ledger: keys of rows and digests, no contents."""
        return asdict(self)

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> LiveSample:
        """The sample that as_detail() gave."""
        return cls(
            subjects=tuple(Subject(**subject) for subject in detail["subjects"]),
            keys={table: tuple(keys) for table, keys in detail["keys"].items()},
            seen={pair: tuple(keys) for pair, keys in detail["seen"].items()},
            rows=dict(detail["rows"]),
            people=dict(detail["people"]),
            seconds=float(detail["seconds"]),
        )


@dataclass(frozen=True)
class LiveComparison:
    """Pairs asked again: `differences` in words, how many were `moved` by traffic or not answered in time."""

    differences: tuple[str, ...]
    pairs: int
    moved: int
    unanswered: int
    seconds: float


def take_sample(connection: Connection, api: Api = SUPABASE, *, seconds: float = SECONDS) -> LiveSample:
    """Choose subjects and rows, and ask. The connection is the deploying role's, in autocommit; it sees every row."""
    started = time.monotonic()
    with _reading(connection):
        relations = [r for r in reachable(connection, api) if r.is_table and r.key]
        subjects = _subjects(connection, api, relations)
        keys = _keys(connection, api, relations, subjects, started + seconds / 2)
        return _ask(connection, api, relations, subjects, keys, started, seconds)


def ask_again(
    connection: Connection, sample: LiveSample, api: Api = SUPABASE, *, seconds: float = SECONDS
) -> LiveComparison:
    """Ask the sample's pairs again and tell what differs from what traffic moved. Reads only."""
    started = time.monotonic()
    with _reading(connection):
        relations = [r for r in reachable(connection, api, everything=True) if r.full_name in sample.keys and r.key]
        now = _ask(connection, api, relations, sample.subjects, sample.keys, started, seconds)
    labels = {str(subject.sid): subject for subject in sample.subjects}
    differences: dict[tuple[str, str, str], list[str]] = {}
    moved = unanswered = pairs = 0
    for pair, before in sample.seen.items():
        sid, table = pair.split(" ", 1)
        pairs += len(sample.keys.get(table, ()))
        after = now.seen.get(pair)
        if after is None:
            unanswered += 1
            continue
        if before == after:
            continue
        if sample.people.get(sid) != now.people.get(sid):
            moved += 1
            continue
        who = f"{labels[sid].label} ({labels[sid].role})"
        for error in [text for text in after if text.startswith("!") and text not in before]:
            differences.setdefault((who, table, f"now get an error reading: {error[1:]}"), [])
        for key in sorted(set(before) ^ set(after)):
            if key.startswith("!") or any(text.startswith("!") for text in after):
                continue
            if sample.rows.get(f"{table} {key}") != now.rows.get(f"{table} {key}"):
                moved += 1
                continue
            change = "can now select" if key in after else "can no longer select"
            differences.setdefault((who, table, change), []).append(key)
    told = tuple(
        f'{who} {change} {f"{len(found)} of the sampled rows of " if found else ""}"{table}"'
        + (f" ({', '.join(found[:5])})" if found else "")
        for (who, table, change), found in differences.items()
    )
    return LiveComparison(told, pairs, moved, unanswered, time.monotonic() - started)


@contextmanager
def _reading(connection: Connection) -> Iterator[None]:
    connection.execute("begin transaction isolation level repeatable read, read only")
    try:
        connection.execute(
            "select set_config('statement_timeout', %s, true), set_config('search_path', '', true)", [str(STATEMENT_MS)]
        )
        yield
    finally:
        if not connection.closed:
            connection.execute("rollback")


def _subjects(connection: Connection, api: Api, relations: list[Relation]) -> tuple[Subject, ...]:
    """Users with most and fewest rows of their own in the tables that policies read, some between, and who is no user."""
    users = [
        row[0] for row in connection.execute(f"select * from ({api.users}) u (id) order by md5(id) limit 2000".encode())
    ]
    weight = own_rows(connection, lookup_tables(connection), users)
    ordered = sorted(users, key=lambda user: (weight.get(user, (0, ""))[0], user))
    step = max(1, len(ordered) // (USERS - 4))
    chosen = dict.fromkeys([*ordered[:2], *ordered[-2:], *ordered[::step]])
    found = [(api.signed_in, claims(api, user), f"user {user}") for user in list(chosen)[:USERS]]
    found += [
        (api.signed_in, claims(api, NOBODY), "a user who is in no table"),
        (api.signed_in, "", f"{api.signed_in} without claims"),
    ]
    found += [(role, "", role) for role in api.roles if role != api.signed_in]
    return tuple(Subject(sid, *parts) for sid, parts in enumerate(found, start=1))


def _keys(
    connection: Connection, api: Api, relations: list[Relation], subjects: tuple[Subject, ...], deadline: float
) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for relation in relations:
        keys = found.setdefault(relation.full_name, {})
        any_rows = f"select {_key(relation)} from {relation.quoted} t limit {KEYS * 3}"
        keys.update(dict.fromkeys(row[0] for row in connection.execute(any_rows.encode())))
        for subject in subjects:
            if time.monotonic() > deadline:
                break
            with acting_as(connection, api, subject.role, subject.claims):
                try:
                    with connection.transaction():
                        rows = connection.execute(
                            f"select {_key(relation)} from {relation.quoted} t limit {KEYS}".encode()
                        )
                        keys.update(dict.fromkeys(row[0] for row in rows))
                except psycopg.Error:
                    continue
    return {table: tuple(sorted(keys)) for table, keys in found.items()}


def _ask(
    connection: Connection,
    api: Api,
    relations: list[Relation],
    subjects: tuple[Subject, ...],
    keys: dict[str, tuple[str, ...]],
    started: float,
    seconds: float,
) -> LiveSample:
    seen: dict[str, tuple[str, ...]] = {}
    users = {subject.label.removeprefix("user "): str(subject.sid) for subject in subjects}
    people = own_rows(connection, lookup_tables(connection), list(users))
    rows = contexts(connection, relations, keys)
    for relation in relations:
        wanted = list(keys[relation.full_name])
        query = f"select {_key(relation)} from {relation.quoted} t where {_key_values(relation)} = any (%s) order by 1"
        for subject in subjects:
            if time.monotonic() > started + seconds:
                break
            with acting_as(connection, api, subject.role, subject.claims):
                try:
                    with connection.transaction():
                        found = [row[0] for row in connection.execute(query.encode(), [wanted])]
                except psycopg.errors.QueryCanceled:
                    continue
                except psycopg.Error as error:
                    found = [f"!{error.sqlstate} {str(error).splitlines()[0]}"]
            seen[f"{subject.sid} {relation.full_name}"] = tuple(found)
    digests = {sid: people[user][1] for user, sid in users.items() if user in people}
    return LiveSample(subjects, keys, seen, rows, digests, time.monotonic() - started)


def _key(relation: Relation) -> str:
    return _key_values(relation)


def _key_values(relation: Relation) -> str:
    if len(relation.key) == 1:
        return f"t.{quote(relation.key[0])}::text"
    return f"row({', '.join('t.' + quote(part) for part in relation.key)})::text"
