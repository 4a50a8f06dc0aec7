"""Rounds of one statement: it runs with each set of values on one side and then on the other; the sides take turns to be first."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import psycopg

from pg_deploy.ledger.kinds.benchmark import Measurement
from pg_deploy.postgres.explained import Explained
from pg_deploy.postgres.session import one_line
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.workload.asking import Form
from pg_deploy.workload.runs import SideSession
from pg_deploy.workload.values import Drawn

_READ_ONLY = "25006"
_CANCELED = "57014"
_NULL = "23502"
# A lost connection, a deadlock, memory, a lock, the operator or the disk say nothing of the migration; all else does.
_OF_THE_MOMENT = ("08", "40", "53", "55006", "55P03", "57", "58")


@dataclass(frozen=True)
class _Failure:
    message: str
    blames_statement: bool
    sqlstate: str = ""


class _TimeIsUp(Exception):
    """All the time for measuring is used up."""


@dataclass
class Rounds:
    """`sides` and `forms` are those before and after. After `deadline` nothing is run, and no run takes longer than `run_s`."""

    sides: Sequence[SideSession]
    forms: Sequence[Form]
    name: str
    sets: Sequence[Drawn]
    writes: bool
    run_s: float
    deadline: float
    pairs: dict[int, list[tuple[Explained, Explained]]] = field(init=False)
    """By the number of the set, what each round measured of it on both sides; a set that failed is gone."""
    why_not: str | None = None
    """Why a set could not be measured; None if all could."""
    fails_after: str | None = None
    """What the server says of a set that it takes before the migration and refuses after it."""
    refused_with: str = ""
    """The SQLSTATE of that; "" if the reason may be a null that was drawn: the application need not send one."""
    has_ended: bool = True
    """Whether every run after the migration ended in time."""

    def __post_init__(self) -> None:
        self.pairs = {number: [] for number in range(len(self.sets))}

    def run(self, rounds: int, until: float) -> None:
        """Measure this many more rounds; after `until` only as long as no set was measured.

        Raises psycopg.OperationalError if a connection is lost.
        """
        for _ in range(rounds):
            for number, drawn in enumerate(self.sets):
                if self.is_complete and time.monotonic() >= until:
                    return
                if number in self.pairs:
                    try:
                        self._measure(number, drawn)
                    except _TimeIsUp:
                        return

    @property
    def is_complete(self) -> bool:
        """Whether some set was measured, and none failed after the migration alone."""
        return self.fails_after is None and any(self.pairs.values())

    @property
    def measurements(self) -> tuple[Measurement, Measurement]:
        """Before and after: a run is a round, and its time the mean over the sets.

        If there was no time for a round of a set, what the set took in the round before counts.
        """
        sets = [pairs for pairs in self.pairs.values() if pairs]
        length = max(map(len, sets))
        whole = [[*pairs, *[pairs[-1]] * (length - len(pairs))] for pairs in sets]
        return _measurement_of(whole, 0), _measurement_of(whole, 1)

    def _measure(self, number: int, drawn: Drawn) -> None:
        is_first = (number + len(self.pairs[number])) % 2 == 0
        one = self._once(0 if is_first else 1, drawn)
        other = self._once(1 if is_first else 0, drawn)
        before, after = (one, other) if is_first else (other, one)
        if isinstance(before, Explained) and isinstance(after, Explained):
            self.pairs[number].append((before, after))
            return
        del self.pairs[number]
        if isinstance(before, _Failure):
            self.why_not = self.why_not or before.message
        elif isinstance(after, _Failure) and after.blames_statement:
            if self.fails_after is None:
                self.fails_after = after.message
                self.refused_with = "" if after.sqlstate == _NULL and None in drawn.values else after.sqlstate
        elif isinstance(after, _Failure):
            self.why_not = self.why_not or after.message

    def _once(self, side: int, drawn: Drawn) -> Explained | _Failure:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise _TimeIsUp
        timeout_s = min(self.run_s, left)
        session = self.sides[side]
        try:
            return session.run(self.name, self.forms[side], drawn, writes=self.writes, timeout_s=timeout_s)
        except psycopg.Error as error:
            if session.connection.closed or session.connection.broken:
                raise
            state = error.sqlstate or ""
            if state == _READ_ONLY and not self.writes:
                self.writes = True
                return self._once(side, drawn)
            if state != _CANCELED:
                return _Failure(_message_of(error), bool(state) and not state.startswith(_OF_THE_MOMENT), state)
        if timeout_s < self.run_s:
            raise _TimeIsUp
        if side == 0:
            return _Failure(f"it takes longer than {self.run_s:g} s", blames_statement=False)
        self.has_ended = False
        planned = session.plan(self.name, self.forms[side], drawn, timeout_s=self.run_s)
        return replace(planned, ms=timeout_s * 1000, blocks=None)


def _message_of(error: psycopg.Error) -> str:
    """Its message, without the value of a row that it may quote."""
    message, _, _ = one_line(error.diag.message_primary or str(error)).partition(': "')
    return without_secrets(f"{message} ({error.sqlstate})")


def _measurement_of(sets: Sequence[Sequence[tuple[Explained, Explained]]], side: int) -> Measurement:
    runs = tuple(statistics.mean(each[side].ms for each in together) for together in zip(*sets, strict=True))
    blocks = [statistics.median(pair[side].blocks or 0 for pair in pairs) for pairs in sets]
    is_counted = all(pair[side].blocks is not None for pairs in sets for pair in pairs)
    costs = [pairs[-1][side].cost for pairs in sets]
    known = [cost for cost in costs if cost is not None]
    shapes = "".join(str(pairs[-1][side].shape) for pairs in sets)
    return Measurement(
        statistics.median(runs),
        runs,
        round(statistics.mean(blocks)) if is_counted else None,
        statistics.mean(known) if len(known) == len(costs) else None,
        hashlib.sha256(shapes.encode()).hexdigest()[:16],
    )
