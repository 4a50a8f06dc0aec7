"""A sample on the target: fixed pairs of subject and row, asked before and after, while other people read and write.

A pair was moved by traffic, and proves nothing, if its row changed meanwhile, or the row's parents, or the rows that name the
subject in the tables that policies read. Rows are really selected as the subject; what it may write, the predicates say over
the sampled rows' contents. Reads only, in one repeatable-read transaction, never longer than asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import psycopg

from pg_deploy.access.engines.cross_check import acting_as
from pg_deploy.access.facts.access_change import join_with_and
from pg_deploy.access.facts.api import SUPABASE, Api
from pg_deploy.access.predicates.predicates import PHASE_WORDS, PHASES, Policy, effective, read_policies
from pg_deploy.access.predicates.reach import Relation, read_relations
from pg_deploy.access.predicates.subjects import Subject, is_malformed
from pg_deploy.access.proof.drilldown import RowDifference
from pg_deploy.access.sampling.sample_choice import choose_rows, choose_subjects
from pg_deploy.access.sampling.sample_context import (
    Place,
    digest_own_rows,
    digest_rows_and_parents,
    key_among,
    key_text,
    lookup_tables,
    read_rows_as_json,
)
from pg_deploy.catalog.reader import Facts, read_facts
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.postgres.quoting import in_quotes, many, quote
from pg_deploy.postgres.session import Connection, one_line

SECONDS = 30.0
STATEMENT_MS = 8000
"""As long as the API lets a statement run."""
SHOWN = 5

Because = Callable[[str, tuple[str, ...]], Sequence[str]]
"""Sentences that may explain why commands reach other rows of a table (`schema.name`)."""
StillValid = Callable[[str, str], bool]
"""Whether an old predicate of a table means now what it meant before."""


@dataclass(frozen=True)
class LiveSample:
    """What some subjects could do with some rows. `seen` maps `sid table|command` to keys, or to an error after `!`.

    `keys` holds the sampled keys by table, `rows` the digests of rows by `table key`, `people` those of a subject's own rows by sid.
    """

    subjects: tuple[Subject, ...]
    keys: dict[str, tuple[str, ...]]
    seen: dict[str, tuple[str, ...]]
    rows: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    predicates: dict[str, str] = field(default_factory=dict)
    """The effective predicates by `table|command|role`, if policies decide."""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """What the ledger calls it."""
        return "pairs of subject and row"

    @property
    def outcome(self) -> str:
        """How many pairs."""
        return str(self.pairs)

    def to_detail(self) -> dict[str, Any]:
        """For the ledger: keys of rows and digests, no contents."""
        detail = asdict(self)
        for subject in detail["subjects"]:
            # Its people never lack a setting.
            del subject["user"], subject["never"]
        return detail

    @classmethod
    def from_row(cls, row: Evidence) -> LiveSample:
        """The sample that the ledger keeps."""
        return cls.from_detail(row.detail)

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> LiveSample:
        """The sample that to_detail() gave."""
        return cls(
            subjects=tuple(Subject(**subject).with_user() for subject in detail["subjects"]),
            keys={table: tuple(keys) for table, keys in detail["keys"].items()},
            seen={pair: tuple(keys) for pair, keys in detail["seen"].items()},
            rows=dict(detail["rows"]),
            people=dict(detail["people"]),
            predicates=dict(detail.get("predicates", {})),
            seconds=float(detail["seconds"]),
        )

    @property
    def pairs(self) -> int:
        """How many times a subject was asked about a row."""
        return sum(len(self.keys.get(pair.split(" ", 1)[1].rsplit("|", 1)[0], ())) for pair in self.seen)


@dataclass(frozen=True)
class LiveComparison:
    """Pairs asked again: what differs, how many pairs traffic moved, and how many questions had no answer in time."""

    differences: tuple[RowDifference, ...]
    pairs: int
    moved_by_traffic: int
    unanswered: int
    seconds: float
    subjects: int = 0

    @property
    def sentence(self) -> str:
        """For people."""
        found = f"{len(self.differences)} differences" if self.differences else "all as before"
        parts = [f"{self.pairs} pairs of {self.subjects} subjects and sampled rows asked again on the target: {found}"]
        if self.moved_by_traffic:
            parts.append(f"{self.moved_by_traffic} moved by traffic")
        if self.unanswered:
            parts.append(f"{self.unanswered} questions not answered in time")
        return ", ".join(parts)


def take_sample(
    connection: Connection, api: Api = SUPABASE, *, facts: Facts | None = None, seconds: float = SECONDS
) -> LiveSample:
    """Choose subjects and rows, and ask. The connection is the deploying role's, in autocommit; it sees every row.

    Roles that it may not become are left out. `facts` are the catalog's, read here if they are not given.
    """
    facts = facts or read_facts(connection)
    started = time.monotonic()
    with _reading(connection):
        relations = [r for r in read_relations(connection, api) if r.is_table and r.key]
        policies = read_policies(connection, api)
        lookups = lookup_tables(connection, facts)
        subjects = choose_subjects(connection, _askable(connection, api), lookups)
        keys = choose_rows(connection, api, relations, policies, subjects, started + seconds / 2)
        return _ask(connection, api, relations, policies, lookups, subjects, keys, started, seconds)


def ask_again(
    connection: Connection,
    sample: LiveSample,
    api: Api = SUPABASE,
    *,
    facts: Facts | None = None,
    seconds: float = SECONDS,
    because: Because = lambda table, commands: (),
    still_valid: StillValid = lambda table, predicate: False,
) -> LiveComparison:
    """Ask the sample's pairs again, and separate differences from what traffic moved. Reads only.

    `because` explains a difference. If an old predicate is `still_valid`, a pair was moved by traffic if the old predicate
    gives the same answer now as the new one. `facts` are those that the sample was taken with: the tables in which subjects'
    own rows are looked for must not depend on what the migration changed.
    """
    facts = facts or read_facts(connection)
    started = time.monotonic()
    with _reading(connection):
        relations = [
            r for r in read_relations(connection, api, everything=True) if r.full_name in sample.keys and r.key
        ]
        policies = read_policies(connection, api)
        lookups = lookup_tables(connection, facts)
        now = _ask(connection, api, relations, policies, lookups, sample.subjects, sample.keys, started, seconds)
        old_now = _old_now(connection, api, relations, sample, now, still_valid, started + seconds)
    by_sid = {str(subject.sid): subject for subject in sample.subjects}
    differences: dict[tuple[str, str, str, tuple[str, ...]], dict[str, dict[str, None]]] = {}
    moved = unanswered = pairs = 0
    for pair, first_answer in sample.seen.items():
        before = first_answer
        sid, rest = pair.split(" ", 1)
        table, command = rest.rsplit("|", 1)
        pairs += len(sample.keys.get(table, ()))
        after = now.seen.get(pair)
        if after is None:
            unanswered += 1
            continue
        if before == after:
            continue
        old = old_now.get(pair)
        if old is not None:
            # the migration only made the differences to what the old policies would answer now
            moved += len((set(first_answer) ^ set(after)) - (set(old) ^ set(after)))
            before = old
            if set(old) == set(after):
                continue
        if sample.people.get(sid) != now.people.get(sid):
            moved += len(set(before) ^ set(after))
            continue
        # A row's key may begin with "!" as well: a text that is a sampled key is no error.
        sampled = frozenset(sample.keys.get(table, ()))
        failed = tuple(text[1:] for text in after if text not in sampled and text not in before)
        if failed and is_malformed(by_sid[sid], failed[0]):
            continue
        if failed:
            had_error = next((text[1:] for text in before if text not in sampled), "")
            differences.setdefault((table, "error", had_error, failed), {}).setdefault(sid, {})[command] = None
            continue
        for direction, differing in (("gained", set(after) - set(before)), ("lost", set(before) - set(after))):
            reached = sorted(differing & sampled)
            untouched = [key for key in reached if sample.rows.get(f"{table} {key}") == now.rows.get(f"{table} {key}")]
            moved += len(reached) - len(untouched)
            if untouched:
                differences.setdefault((table, direction, "", tuple(untouched)), {}).setdefault(sid, {})[command] = None
    grouped: dict[tuple[str, str, str, str, tuple[str, ...]], list[tuple[Subject, tuple[str, ...]]]] = {}
    for (table, direction, had_error, keys), by_subject in differences.items():
        for sid, affected in by_subject.items():
            commands = tuple(command for command in PHASE_WORDS.values() if command in affected)
            group = table, direction, had_error, by_sid[sid].role, commands
            grouped.setdefault(group, []).append((by_sid[sid], keys))
    found = tuple(_difference(*group, answers, because(group[0], group[4])) for group, answers in grouped.items())
    return LiveComparison(found, pairs, moved, unanswered, time.monotonic() - started, len(sample.subjects))


def _old_now(
    connection: Connection,
    api: Api,
    relations: Sequence[Relation],
    sample: LiveSample,
    now: LiveSample,
    still_valid: StillValid,
    deadline: float,
) -> dict[str, tuple[str, ...]]:
    """What the old predicates answer now, for questions with another answer and an old predicate that still means the same."""
    subjects = {str(subject.sid): subject for subject in sample.subjects}
    by_name = {relation.full_name: relation for relation in relations}
    valid: dict[tuple[str, str], bool] = {}
    texts: dict[str, dict[str, str]] = {}
    found: dict[str, tuple[str, ...]] = {}
    for pair, before in sample.seen.items():
        sid, rest = pair.split(" ", 1)
        table, command = rest.rsplit("|", 1)
        predicate = sample.predicates.get(f"{table}|{command}|{subjects[sid].role}")
        left = deadline - time.monotonic()
        if pair not in now.seen or now.seen[pair] == before or predicate is None or table not in by_name or left <= 0:
            continue
        if (table, predicate) not in valid:
            valid[table, predicate] = still_valid(table, predicate)
        if not valid[table, predicate]:
            continue
        if table not in texts:
            texts[table] = read_rows_as_json(connection, by_name[table], sample.keys[table])
        with acting_as(connection, api, subjects[sid].role, subjects[sid].claims, is_copy=False):
            may = _allowed(connection, by_name[table], predicate, texts[table], left)
        if may is not None:
            found[pair] = may
    return found


def _difference(
    table: str,
    direction: str,
    had_error: str,
    role: str,
    commands: tuple[str, ...],
    found: Sequence[tuple[Subject, tuple[str, ...]]],
    because: Sequence[str],
) -> RowDifference:
    found = sorted(found, key=lambda pair: (-len(pair[1]), pair[0].sid))
    subject, keys = found[0]
    who = many(subject.label, role, len(found))
    if direction == "error" and had_error:
        another = f"{who} now get another error if they {join_with_and(commands)} {in_quotes(table)}: {keys[0]}"
        sentence = f"{another}, where it was the error {had_error}"
    elif direction == "error":
        sentence = f"{who} now get an error where they could {join_with_and(commands)} {in_quotes(table)}: {keys[0]}"
    else:
        can = "can now" if direction == "gained" else "can no longer"
        shown = ", ".join(keys[:SHOWN]) + (", …" if len(keys) > SHOWN else "")
        sentence = (
            f"{who} {can} {join_with_and(commands)} {len(keys)} of the sampled rows of {in_quotes(table)} ({shown})"
        )
    return RowDifference(
        table=table,
        role=role,
        commands=commands,
        direction=direction,
        subjects=tuple(subject.label for subject, _ in found[:SHOWN]),
        how_many=len(found),
        rows=0 if direction == "error" else len(keys),
        keys=() if direction == "error" else keys[:SHOWN],
        because=tuple(because[:2]),
        sentence=f"{sentence}, because {join_with_and(because[:2])}" if because else sentence,
        repeated=f"{sentence}, for the same reason" if because else "",
        user=subject.user,
    )


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


def _askable(connection: Connection, api: Api) -> Api:
    """The API's roles that this session may become."""
    roles = []
    for role in api.roles:
        try:
            with acting_as(connection, api, role, "", is_copy=False):
                roles.append(role)
        except psycopg.errors.InsufficientPrivilege:
            continue
    return replace(api, roles=tuple(roles))


def _ask(
    connection: Connection,
    api: Api,
    relations: list[Relation],
    policies: Sequence[Policy],
    lookups: tuple[Place, ...],
    subjects: tuple[Subject, ...],
    keys: dict[str, tuple[str, ...]],
    started: float,
    seconds: float,
) -> LiveSample:
    seen: dict[str, tuple[str, ...]] = {}
    users = {subject.user: str(subject.sid) for subject in subjects if subject.user}
    people = digest_own_rows(connection, lookups, list(users))
    relations = [relation for relation in relations if keys.get(relation.full_name)]
    rows = digest_rows_and_parents(connection, relations, keys)
    for relation in relations:
        name = relation.full_name
        texts = read_rows_as_json(connection, relation, keys[name])
        query = f"select {key_text(relation)} from {relation.quoted} t where {key_among(relation)} order by 1"
        for subject in subjects:
            left = started + seconds - time.monotonic()
            if left <= 0:
                break
            if subject.role not in relation.rights:
                continue
            with acting_as(connection, api, subject.role, subject.claims, is_copy=False):
                found = _selected(connection, query, keys[name], left)
                if found is not None:
                    seen[f"{subject.sid} {name}|select"] = found
                seen.update(
                    (f"{subject.sid} {name}|{command}", may)
                    for command, may in _writable(connection, relation, policies, subject.role, texts, left).items()
                )
    digests = {sid: people[user] for user, sid in users.items() if user in people}
    predicates = {
        f"{relation.full_name}|{PHASE_WORDS[phase]}|{role}": decides.text
        for relation in relations
        for role in api.roles
        for phase in PHASES
        if (decides := effective(relation, policies, phase, role)).kind == "policies"
    }
    return LiveSample(subjects, keys, seen, rows, digests, predicates, time.monotonic() - started)


def _limit_statement(connection: Connection, left: float) -> None:
    limit = max(100, min(STATEMENT_MS, int(left * 1000)))
    connection.execute("select set_config('statement_timeout', %s, true)", [f"{limit}ms"])


def _selected(connection: Connection, query: str, keys: tuple[str, ...], left: float) -> tuple[str, ...] | None:
    try:
        with connection.transaction():
            _limit_statement(connection, left)
            return tuple(row[0] for row in connection.execute(query.encode(), [list(keys)]))
    except psycopg.errors.QueryCanceled:
        return None
    except psycopg.Error as error:
        return (_failure(error),)


def _writable(
    connection: Connection,
    relation: Relation,
    policies: Sequence[Policy],
    role: str,
    texts: Mapping[str, str],
    left: float,
) -> dict[str, tuple[str, ...]]:
    """By command, the sampled rows that a role may update, delete, insert as they are, and produce by an update."""
    asked: dict[str, list[str]] = {}
    answers: dict[str, tuple[str, ...]] = {}
    for phase in PHASES:
        if phase == "select":
            continue
        found = effective(relation, policies, phase, role)
        if found.kind == "policies":
            asked.setdefault(found.text, []).append(PHASE_WORDS[phase])
        else:
            answers[PHASE_WORDS[phase]] = () if found.kind == "denied" else tuple(sorted(texts))
    for predicate, commands in asked.items():
        may = _allowed(connection, relation, predicate, texts, left)
        if may is not None:
            answers.update(dict.fromkeys(commands, may))
    return answers


def _allowed(
    connection: Connection, relation: Relation, predicate: str, texts: Mapping[str, str], left: float
) -> tuple[str, ...] | None:
    """The keys of the rows (given as JSON) that a predicate allows to the session's user, or an error; None if time ran out."""
    # The row is a value with the name of its table, so that the policy finds its columns there.
    query = (
        "select k.key from unnest(%s::text[], %s::jsonb[]) k (key, row), lateral"
        f" pg_catalog.jsonb_populate_record(null::{relation.quoted}, k.row) as {quote(relation.name)}"
        f" where ({predicate.replace('%', '%%')}) order by 1"
    )
    try:
        with connection.transaction():
            _limit_statement(connection, left)
            rows = connection.execute(query.encode(), [list(texts), list(texts.values())])
            return tuple(row[0] for row in rows)
    except psycopg.errors.QueryCanceled:
        return None
    except psycopg.Error as error:
        return (_failure(error),)


def _failure(error: psycopg.Error) -> str:
    return f"!{error.sqlstate} {one_line(str(error).splitlines()[0])}"
