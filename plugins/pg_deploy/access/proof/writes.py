"""Writes for real: where what takes part in writes differs, rows are written on both sides, and what comes of it is compared.

Triggers, rules and constraints fire; every write is rolled back. That two sides do the same proves nothing, because another
row may tell them apart: only what differs is told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psycopg

from pg_deploy.access.engines.compared_sides import Side
from pg_deploy.access.engines.cross_check import acting_as, insertable
from pg_deploy.access.facts.api import Api
from pg_deploy.access.predicates.reach import Column, Relation
from pg_deploy.access.predicates.subjects import Subject
from pg_deploy.access.proof.drilldown import SHOWN, RowDifference
from pg_deploy.execution.rows_written import COUNTS, grown
from pg_deploy.ledger.kinds.rows_written import Written
from pg_deploy.postgres.quoting import in_quotes, many, quote
from pg_deploy.postgres.session import Connection, one_line

SECONDS = 15.0
STATEMENT_MS = 1000
VALUES = 4
"""Values that occur in a column, which rows are given, at most."""
ROWS = 2
"""Rows that are inserted once more, with a new key: so many that the subject sees, and so many of all."""
_NO_ANSWER = ("57014", "55P03")
_INTEGRITY = "23"
_FRESH = {
    "uuid": "ffffffff-0000-4000-8000-00000000000{n}",
    "text": "access-proof-{n}",
    "character varying": "access-proof-{n}",
    "bigint": "900000000000000000{n}",
    "integer": "200000000{n}",
}
_COUNTED = f"{COUNTS} where c.oid = any (%s::oid[]) order by 1"
_UNIQUE = """select a.attname::text
    from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = %s and i.indisunique and i.indnkeyatts = 1"""


@dataclass(frozen=True)
class _Attempt:
    """One write: `said` is what a person reads of it."""

    command: str
    said: str
    sql: str
    values: tuple[str | None, ...] = ()


class _Outcome(NamedTuple):
    """What a write came to: an error, or how many rows of which tables were inserted, updated and deleted."""

    error: str = ""
    sqlstate: str = ""
    constraint: str = ""
    counts: tuple[Written, ...] = ()


_Case = tuple[Subject, _Attempt, _Outcome, _Outcome]


def write_differences(
    old: Side, new: Side, api: Api, names: Collection[str], subjects: Sequence[Subject], *, seconds: float = SECONDS
) -> list[RowDifference]:
    """What these subjects' writes to the relations `names` (`schema.name`, on both sides) come to, where the sides differ.

    Both hold the same rows. Everything is rolled back.
    """
    deadline = time.monotonic() + seconds
    found: list[RowDifference] = []
    if not names:
        return found
    constraints = {row[0] for row in old.connection.execute("select conname::text from pg_catalog.pg_constraint")}
    for name in sorted(set(names) & old.relations.keys() & new.relations.keys()):
        cases: dict[tuple[str, str], list[_Case]] = {}
        counted = [_watched(side, api, name, old.relations.keys() & new.relations.keys()) for side in (old, new)]
        shared = _attempts(old, name)
        for subject in subjects:
            rights = old.relations[name].rights.get(subject.role, {})
            if time.monotonic() > deadline:
                break
            attempts = [
                each
                for each in (*shared, *_inserts(old, api, name, subject))
                if rights.get(each.command) and rights.get("schema")
            ]
            was = _outcomes(old.connection, api, subject, attempts, counted[0])
            now = _outcomes(new.connection, api, subject, attempts, counted[1])
            for attempt, one, other in zip(attempts, was, now, strict=True):
                if _differ(one, other, constraints):
                    cases.setdefault((subject.role, attempt.command), []).append((subject, attempt, one, other))
        found += [_difference(name, role, command, some) for (role, command), some in cases.items()]
    return found


def _differ(one: _Outcome, other: _Outcome, constraints: Collection[str]) -> bool:
    if one.sqlstate in _NO_ANSWER or other.sqlstate in _NO_ANSWER:
        return False
    if one.sqlstate or other.sqlstate:
        # A new constraint decides which rows there can be, not who may write them; an old one is broken by what fires.
        is_new = other.sqlstate.startswith(_INTEGRITY) and other.constraint not in constraints
        return (not one.sqlstate or not other.sqlstate) and not is_new
    return one.counts != other.counts


def _watched(side: Side, api: Api, name: str, both: Collection[str]) -> list[int]:
    """Tables that were there before and that somebody reads whom policies hold back, and the one that is written to."""
    return [
        relation.id
        for each, relation in side.relations.items()
        if each in both
        and relation.is_table
        and (
            each == name
            or any(
                rights["select"] and not rights["free"] for role, rights in relation.rights.items() if role in api.roles
            )
        )
    ]


def _attempts(side: Side, name: str) -> list[_Attempt]:
    """Updates of each column to values that occur, and a deletion; of few rows where it is a table."""
    relation = side.relations[name]
    some = f" where ctid = any (array(select ctid from {relation.quoted} limit 20))" if relation.kind == "r" else ""
    found = [_Attempt("delete", "deletes rows", f"delete from {relation.quoted}{some}")]
    for column, values in _values(side, relation).items():
        kind = side.columns[name][column].type
        for value in (*values, *_fresh(side.columns[name][column], values), None):
            said = f"sets {column} to {'null' if value is None else repr(value)}"
            sql = f"update {relation.quoted} set {quote(column)} = %s::text::{kind}{some}"
            found.append(_Attempt("update", said, sql, (value,)))
    return found


def _values(side: Side, relation: Relation) -> Mapping[str, tuple[str, ...]]:
    found = {}
    for column in _writable(side, relation):
        query = (
            f"select distinct v from (select {quote(column)}::text as v from {relation.quoted} limit 2000) s"
            f" where v is not null and length(v) < 500 order by v limit {VALUES}"
        )
        try:
            found[column] = tuple(row[0] for row in side.connection.execute(query.encode()).fetchall())
        except psycopg.Error:
            continue
    return found


def _fresh(column: Column, values: Sequence[str]) -> tuple[str, ...]:
    """A value that a column has nowhere yet: what fires may refuse any that is another one."""
    if column.category == "B":
        return tuple({"true", "false"} - set(values))
    return ("access-proof",) if column.category == "S" else ("1000000007",) if column.category == "N" else ()


def _writable(side: Side, relation: Relation) -> list[str]:
    generated = side.connection.execute(
        "select attname::text from pg_catalog.pg_attribute where attrelid = %s and attnum > 0"
        " and (attgenerated <> '' or attidentity = 'a')",
        [relation.id],
    ).fetchall()
    return [column for column in side.columns[relation.full_name] if (column,) not in generated]


def _inserts(side: Side, api: Api, name: str, subject: Subject) -> Iterator[_Attempt]:
    """Rows that the subject sees, and some of all, once more with a new key; each also with one value left out."""
    relation = side.relations[name]
    if not relation.rights.get(subject.role, {}).get("insert"):
        return
    rows = f"select to_jsonb(t) from {relation.quoted} t limit {ROWS}"
    seen: list[dict[str, object]] = []
    with acting_as(side.connection, api, subject.role, subject.claims, subject.settings):
        try:
            with side.connection.transaction():
                seen = [row[0] for row in side.connection.execute(rows.encode()).fetchall()]
        except psycopg.Error:
            seen = []
    seen += [row[0] for row in side.connection.execute(rows.encode()).fetchall()]
    unique = {row[0] for row in side.connection.execute(_UNIQUE, [relation.id]).fetchall()}
    listed = insertable(side.connection, relation)
    sql = (
        f"insert into {relation.quoted} ({listed}) overriding system value"
        f" select {listed} from pg_catalog.jsonb_populate_record(null::{relation.quoted}, %s::jsonb)"
    )
    if not relation.is_table:
        sql = sql.replace(" overriding system value", "")
    columns = side.columns[name]
    for number, row in enumerate(seen):
        for column in unique & row.keys():
            fresh = _FRESH.get(columns[column].type.partition("(")[0])
            if fresh is not None:
                row[column] = fresh.format(n=number)
        yield _Attempt("insert", "inserts a row", sql, (json.dumps(row),))
        for column, value in row.items():
            if value is not None and not columns[column].required:
                said = f"inserts a row without {column}"
                yield _Attempt("insert", said, sql, (json.dumps({**row, column: None}),))


def _outcomes(
    connection: Connection, api: Api, subject: Subject, attempts: Sequence[_Attempt], watched: Sequence[int]
) -> list[_Outcome]:
    found = []
    with acting_as(connection, api, subject.role, subject.claims, subject.settings):
        connection.execute("select set_config('statement_timeout', %s, true)", [f"{STATEMENT_MS}ms"])
        for attempt in attempts:
            try:
                with connection.transaction(force_rollback=True):
                    # The counters go on through what is rolled back.
                    before = _counts(connection, watched)
                    connection.execute(attempt.sql.encode(), attempt.values)
                    after = _counts(connection, watched)
                found.append(_Outcome(counts=grown(before, after)))
            except psycopg.Error as error:
                said, broken = one_line(str(error).splitlines()[0]), error.diag.constraint_name or ""
                found.append(_Outcome(said, error.sqlstate or "?????", broken))
    return found


def _counts(connection: Connection, watched: Sequence[int]) -> list[Written]:
    return [Written(*row) for row in connection.execute(_COUNTED, [list(watched)]).fetchall()]


def _difference(name: str, role: str, command: str, cases: Sequence[_Case]) -> RowDifference:
    subject, attempt, one, other = cases[0]
    labels = tuple(dict.fromkeys(case[0].label for case in cases))
    if one.sqlstate:
        direction, what = "gained", f"{attempt.said}, which was refused until now ({one.sqlstate} {one.error})"
    elif other.sqlstate:
        direction, what = "lost", f"{attempt.said}, which is refused now ({other.sqlstate} {other.error})"
    else:
        direction = "changed"
        what = f"{attempt.said}: {_shown(other)} where it was {_shown(one)}"
    return RowDifference(
        table=name,
        role=role,
        commands=(command,),
        direction=direction,
        subjects=labels[:SHOWN],
        how_many=len(labels),
        rows=0,
        keys=(),
        because=(),
        sentence=f"written for real, {many(subject.label, role, len(labels))} in {in_quotes(name)} {what}",
    )


def _shown(outcome: _Outcome) -> str:
    said = [f"{number} {verb} in {each.table}" for each in outcome.counts for verb, number in each.by_verb.items()]
    return ", ".join(said) or "nothing written"
