"""Measuring recorded statements on both sides of a copy, in turn, with the same values."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg

from pg_deploy.access.facts.api import Api
from pg_deploy.grammar.errors import ParseError, TooDeepError
from pg_deploy.ledger.kinds.benchmark import Measurement
from pg_deploy.ledger.kinds.workload import Effect, RecordedStatement, WorkloadFinding
from pg_deploy.postgres.session import Connection, Target, one_line
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.workload.asking import Answer
from pg_deploy.workload.levels import writes
from pg_deploy.workload.rounds import Rounds
from pg_deploy.workload.runs import SideSession, kept_sequences
from pg_deploy.workload.senders import senders_of
from pg_deploy.workload.slower import describe_times, is_slower
from pg_deploy.workload.values import draw

MOST = 20
"""How many statements are measured for their total time, whatever their plan."""
RUN_S = 10.0
"""One run may take as long, at most."""
_COSTLIER = 1.1
_MOST_SETS = 3
_RUNS = 5
_TIME_IS_UP = "the time for measuring was up"


@dataclass(frozen=True)
class ToMeasure:
    """A statement with the server's answers on both sides."""

    statement: RecordedStatement
    before: Answer
    after: Answer
    is_tried: bool = False
    """Whether it is run to see if it is refused, and not for its time."""

    @property
    def times_costlier(self) -> float:
        """How much costlier it became by the planner's estimate; 1 if there is none."""
        before, after = self.before.cost, self.after.cost
        return (after + 1) / (before + 1) if before is not None and after is not None else 1.0


@dataclass(frozen=True)
class Measured:
    """One statement on both sides, or why it was not measured: then both have an error, and it is not slower.

    What the server refuses only after the migration, with values of rows that are there, has an error after it alone.
    """

    statement: RecordedStatement
    before: Measurement
    after: Measurement
    is_slower: bool
    sentence: str
    refused_with: str = ""
    """The SQLSTATE with which it is refused after the migration alone, with values that it is taken with before."""
    is_from_rows: bool = False
    """Whether its values were found in rows that its sender sees: else it may have had nothing to do."""
    before_plan: str | None = None
    after_plan: str | None = None
    """Generic plans, which hold no value of any row."""

    @property
    def is_measured(self) -> bool:
        """Whether there is a time on both sides."""
        return not (self.before.error or self.after.error)


def choose_to_measure(asked: Iterable[ToMeasure], most: int = MOST) -> tuple[ToMeasure, ...]:
    """Those whose plan got costlier, sorted by the time that this may cost, then those with the most total time. Pure."""
    planned = [each for each in asked if each.before.plan and each.after.plan]
    costlier = [each for each in planned if each.times_costlier > _COSTLIER]
    costlier.sort(key=lambda each: each.times_costlier * max(each.statement.total_ms, 1), reverse=True)
    longest = sorted(planned, key=lambda each: each.statement.total_ms, reverse=True)[:most]
    return tuple({id(each): each for each in [*costlier, *longest]}.values())


def measure(
    before: Target, after: Target, chosen: Sequence[ToMeasure], *, api: Api, limit_s: float, run_s: float = RUN_S
) -> tuple[Measured, ...]:
    """Run each on both sides, which must be private copies and the targets superusers', within `limit_s` in all.

    Everything runs in a transaction that is aborted; sequences are put back. Raises psycopg.OperationalError only if a connection
    is lost.
    """
    deadline = time.monotonic() + limit_s
    with ExitStack() as held:
        sides = [SideSession(held.enter_context(each.session("workload"))) for each in (before, after)]
        for side in sides:
            held.enter_context(kept_sequences(side.connection))
        drawing = held.enter_context(before.session("workload values"))
        found = []
        for number, each in enumerate(chosen):
            now = time.monotonic()
            # What a statement does not use of its share is left to those after it.
            share = (deadline - now) / (len(chosen) - number)
            name = f"deploy_measured_{number}"
            found.append(_measure(sides, drawing, each, name, api=api, share_s=share, deadline=deadline, run_s=run_s))
        return tuple(found)


def _measure(
    sides: Sequence[SideSession],
    drawing: Connection,
    each: ToMeasure,
    name: str,
    *,
    api: Api,
    share_s: float,
    deadline: float,
    run_s: float,
) -> Measured:
    if time.monotonic() >= deadline:
        return _not_measured(each, _TIME_IS_UP)
    until = time.monotonic() + share_s
    try:
        drawn = draw(
            drawing,
            each.before,
            senders_of(drawing, api, each.statement.role, each.before),
            timeout_s=max(1.0, share_s / 3),
        )
    except psycopg.Error as error:
        if drawing.closed or drawing.broken:
            raise
        return _not_measured(each, f"no values could be drawn: {_message_of(error)}")
    try:
        must_write = writes(each.before.form.text)
    except (ParseError, TooDeepError):
        must_write = False
    calls = each.statement.calls_a_day
    forms = [each.before.form, each.after.form]
    rounds = Rounds(sides, forms, name, drawn[:_MOST_SETS], must_write, run_s, deadline)
    least = 1 if each.is_tried else max(2, -(-_RUNS // len(rounds.sets)))
    try:
        rounds.run(least, until)
        if (
            rounds.is_complete
            and not each.is_tried
            and is_slower(*rounds.measurements, calls, has_ended=rounds.has_ended)
        ):
            # What fails a migration is measured twice: the second time has to agree.
            rounds.run(least, time.monotonic() + share_s)
    finally:
        for side in sides:
            side.forget(name)
    if not rounds.is_complete:
        return _not_measured(each, rounds.why_not or _TIME_IS_UP, rounds.fails_after, rounds.refused_with)
    before, after = rounds.measurements
    return Measured(
        each.statement,
        before,
        after,
        not each.is_tried and is_slower(before, after, calls, has_ended=rounds.has_ended),
        describe_times(before, after, has_ended=rounds.has_ended),
        is_from_rows=all(drawn.is_from_rows for drawn in rounds.sets),
        before_plan=each.before.plan and without_secrets(each.before.plan),
        after_plan=each.after.plan and without_secrets(each.after.plan),
    )


def slower_findings(measured: Iterable[Measured]) -> tuple[WorkloadFinding, ...]:
    """What became slower, with both times and both plans; the order is kept. Pure."""
    return tuple(
        WorkloadFinding.about(
            each.statement,
            Effect.SLOWER,
            each.sentence,
            before_ms=each.before.best_ms,
            after_ms=each.after.best_ms,
            before_plan=each.before_plan,
            after_plan=each.after_plan,
        )
        for each in measured
        if each.is_slower
    )


def _not_measured(each: ToMeasure, why: str, fails_after: str | None = None, refused_with: str = "") -> Measured:
    before = Measurement(0.0, (), None, None, None, None if fails_after else why)
    after = Measurement(0.0, (), None, None, None, fails_after or why)
    reason = f"after the migration it fails: {fails_after}" if fails_after else why
    return Measured(each.statement, before, after, False, f"not measured: {reason}", refused_with)


def _message_of(error: psycopg.Error) -> str:
    return without_secrets(one_line(error.diag.message_primary or str(error)))
