"""Functions and procedures whose closure differs, called as everybody who may execute them, with arguments that exist.

Their answers are compared, and how many rows of which tables they wrote.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import NamedTuple

import psycopg

from pg_deploy.access.engines.compared_sides import Side
from pg_deploy.access.engines.cross_check import acting_as
from pg_deploy.access.facts.api import Api
from pg_deploy.access.facts.unsettled import Unsettled
from pg_deploy.access.predicates.subjects import Subject, is_malformed
from pg_deploy.access.predicates.surroundings import unsteady_reason
from pg_deploy.access.proof.drilldown import SHOWN, RowDifference
from pg_deploy.execution.rows_written import grown, written_here
from pg_deploy.ledger.kinds.rows_written import Written
from pg_deploy.postgres.quoting import in_quotes, literal, many
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

ARGUMENTS = 40
"""Combinations of arguments that a function is called with, at most."""
CALL_MS = 2000
_AT = ("2000-01-01", "2100-01-01")
_MADE = {
    "boolean": ("true", "false"),
    "jsonb": ("{}",),
    "json": ("{}",),
    "date": _AT,
    "timestamp with time zone": _AT,
    "timestamp without time zone": _AT,
    "time without time zone": ("12:00",),
    "interval": ("1 day", "100 years"),
    "numeric": ("0", "1", "1000000"),
    "double precision": ("0", "1", "1000000"),
    "real": ("0", "1", "1000000"),
    "bytea": ("",),
    "text": ("", "a"),
    "character varying": ("", "a"),
}
"""Arguments of types whose values choose no row by themselves: beside an id that occurs, they need not occur."""
_KIN = {
    "text": ("character varying",),
    "character varying": ("text",),
    "bigint": ("integer", "smallint"),
    "integer": ("bigint", "smallint"),
    "smallint": ("integer", "bigint"),
}
"""Types whose values a function may compare an argument with, as they occur."""


class _Answer(NamedTuple):
    values: tuple[str, ...] = ()
    """How many rows and a digest; what a procedure returns."""
    written: str = ""
    """By table how many rows were written, in this call and those before it."""
    error: str | None = None
    """Its SQLSTATE."""


@dataclass(frozen=True)
class _Call:
    name: str
    types: tuple[str, ...]
    returns: str
    """`set` for a function of rows, `condition` for a boolean, `value` for any other; `procedure`; `other` cannot be called by itself."""
    may_write: bool

    @property
    def kind(self) -> str:
        """For people."""
        return "procedure" if self.returns == "procedure" else "function"

    def sql(self, arguments: Sequence[str]) -> str:
        given = ", ".join(f"{value}::{kind}" for value, kind in zip(arguments, self.types, strict=True))
        if self.returns == "procedure":
            return f"call {self.name}({given})"
        # a condition that is unknown lets nothing through, as one that is false
        answer = "(f is true)" if self.returns == "condition" else "f"
        return (
            f"select count(*)::text, coalesce(bit_xor(hashtextextended({answer}::text, 11)), 0)::text"
            f" from {self.name}({given}) f"
        )


_Case = tuple[Subject, str, _Answer, _Answer]
"""Who called, the statement, and the answers before and after."""


def call_differences(
    old: Side,
    new: Side,
    api: Api,
    identities: Collection[str],
    subjects: Sequence[Subject],
    values: Mapping[str, Sequence[str]],
    *,
    seconds: float,
) -> tuple[list[RowDifference], list[Unsettled], int]:
    """What these functions answer these subjects on both sides; what could not be asked, and how many answers were compared.

    `values` are some that occur, by type. Every call is rolled back. A function that is on one side only is left to
    whoever tells of that.
    """
    found: list[RowDifference] = []
    unsettled: list[Unsettled] = []
    asked = 0
    deadline = time.monotonic() + seconds
    for identity in sorted(identities):
        before, after = _call(old.connection, identity), _call(new.connection, identity)
        if before is None or after is None:
            continue
        if "other" in (before.returns, after.returns):
            unsettled.append(Unsettled(identity, "it is no function or procedure that can be called by itself"))
            continue
        if differing_texts := old.definitions.unsteady(before.name) ^ new.definitions.unsteady(before.name):
            unsettled.append(Unsettled(identity, f"it does something else: {unsteady_reason(differing_texts)}"))
        taken = {kind: _values(old.connection, kind, values) for kind in before.types}
        given = _arguments(before, taken)
        if given is None:
            missing = ", ".join(kind for kind in before.types if not taken[kind])
            unsettled.append(Unsettled(identity, f"there are no values of {missing} to call it with"))
            continue
        statements = [before.sql(arguments) for arguments in given]
        differing: dict[str, list[_Case]] = {}
        answered = False
        for subject in subjects:
            if time.monotonic() > deadline:
                unsettled.append(Unsettled(identity, f"it could not be called for everybody in {seconds:g} s"))
                break
            was = _answers(old.session(subject.never), api, subject, statements, count=before.may_write)
            now = _answers(new.session(subject.never), api, subject, statements, count=before.may_write)
            asked += len(statements)
            answered = answered or any(answer.error is None for answer in was)
            for text, one, other in zip(statements, was, now, strict=True):
                errors = [answer.error for answer in (one, other) if answer.error is not None]
                if one != other and not any(is_malformed(subject, error) for error in errors):
                    differing.setdefault(subject.role, []).append((subject, text, one, other))
                    break
        if differing:
            found += [
                _difference(identity, before.kind, role, cases, len(subjects)) for role, cases in differing.items()
            ]
        elif not answered:
            unsettled.append(
                Unsettled(identity, "every call of it ended in an error, so that its answers are not known")
            )
    return found, unsettled, asked


def _call(connection: Connection, identity: str) -> _Call | None:
    row = connection.execute(engine_sql("access/call"), {"identity": identity}).fetchone()
    return _Call(row[0], tuple(row[1]), *row[2:]) if row else None


def _arguments(call: _Call, values: Mapping[str, Sequence[str]]) -> list[list[str]] | None:
    if not call.types:
        return [[]]
    each = []
    for kind in call.types:
        listed = [literal(value) for value in values[kind]]
        if not listed:
            return None
        each.append(["null", *listed])
    if len(each) == 1:
        return [[value] for value in each[0][:ARGUMENTS]]
    return [list(some) for some in islice(_spread(each), ARGUMENTS)]


def _values(connection: Connection, kind: str, occurring: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Values of a type that occur, or of its kin; else all of an enumeration, or some made of the type."""
    kin = (value for other in _KIN.get(kind, ()) for value in occurring.get(other, ()) if _fits(value, kind))
    found = occurring.get(kind) or list(kin)
    if not found:
        labels = (
            "select enumlabel::text from pg_catalog.pg_enum where enumtypid = to_regtype(%s) order by enumsortorder"
        )
        found = [label for (label,) in connection.execute(labels, [kind]).fetchall()]
    return found or _MADE.get(kind) or (("{}",) if kind.endswith("[]") else ())


def _fits(value: str, kind: str) -> bool:
    bits = {"integer": 31, "smallint": 15}.get(kind)
    return bits is None or -(2**bits) <= int(value) < 2**bits


def _spread(each: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Combinations of arguments, those first in which every argument is one that occurs."""
    yield from islice(product(*(listed[1:8] for listed in each)), ARGUMENTS - 1)
    yield tuple("null" for _ in each)


def _answers(
    connection: Connection, api: Api, subject: Subject, statements: Sequence[str], *, count: bool
) -> list[_Answer]:
    """What each call answers, and with `count` what was written."""
    found = []
    with acting_as(connection, api, subject.role, subject.claims, subject.settings):
        connection.execute("select set_config('statement_timeout', %s, true)", [f"{CALL_MS}ms"])
        for text in statements:
            try:
                with connection.transaction(force_rollback=True):
                    before = written_here(connection) if count else ()
                    cursor = connection.execute(text.encode())
                    row = cursor.fetchone() if cursor.description else None
                    written = _said(grown(before, written_here(connection))) if count else ""
                found.append(_Answer(tuple(map(str, row or ())), written))
            except psycopg.Error as error:
                found.append(_Answer(error=str(error.sqlstate)))
    return found


def _said(written: Iterable[Written]) -> str:
    return "; ".join(
        f"{each.table}: {', '.join(f'{number} {verb}' for verb, number in each.by_verb.items())}" for each in written
    )


def _difference(identity: str, kind: str, role: str, cases: list[_Case], of: int) -> RowDifference:
    subject, text, one, other = cases[0]
    rows = ["".join(answer.values[:1]) for answer in (one, other)]
    if one.error or other.error or (kind == "procedure" and one.values != other.values):
        what = f"gets another answer than before{_error(one, other)}"
    elif one.values == other.values:
        what = f"writes with it {other.written or 'nothing'} where it was {one.written or 'nothing'}"
    elif rows[0] != rows[1]:
        what = f"gets {rows[1]} rows from it where it was {rows[0]}"
    else:
        what = "gets another answer than before"
    call = text.removeprefix("call ") if kind == "procedure" else text.partition(" from ")[2].removesuffix(" f")
    return RowDifference(
        table=identity,
        role=role,
        commands=("execute",),
        direction="changed",
        subjects=tuple(case[0].label for case in cases[:SHOWN]),
        how_many=len(cases),
        rows=0,
        keys=(),
        because=(),
        sentence=f"{many(subject.label, role, len(cases))} {what}, called as {call[:160]}:"
        f" {kind} {in_quotes(identity)} ({len(cases)} of {of} who were asked)",
    )


def _error(one: _Answer, other: _Answer) -> str:
    if other.error:
        return f" (error {other.error})"
    return f" (until now error {one.error})" if one.error else ""
