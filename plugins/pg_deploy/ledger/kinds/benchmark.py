"""What benchmarks measured: before a migration, after it on one side, and on a copy in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pg_deploy.ledger.evidence import Evidence
from pg_deploy.ledger.kept_values import Kept
from pg_deploy.ledger.word_enum import Word


class BenchmarkOutcome(Word):
    """Whether the limit was kept."""

    KEPT = "kept"
    BREACHED = "breached"


NOISE_MS = 20.0
"""What a busy machine adds to a time, at most, without anybody being at fault."""
# Blocks read and estimates differ a little from run to run (visibility checks, cache, statistics): less than this is the same.
_SAME = 1.1


@dataclass(frozen=True)
class Measurement(Kept):
    """The median over some runs: time in ms by the server's own clock, blocks touched, a hash of the plan's shape."""

    ms: float
    runs_ms: tuple[float, ...]
    blocks: int | None
    cost: float | None
    plan: str | None
    error: str | None = None
    control_ms: float | None = None
    """The quickest run of a fixed computation beside it, in ms: how busy the server's machine was."""

    @property
    def best_ms(self) -> float:
        """The quickest run: what else works on the machine only ever adds to a time."""
        return min(self.runs_ms, default=self.ms)


def is_slower(before: Measurement, after: Measurement, times: float, by_ms: float = NOISE_MS) -> bool:
    """Whether it takes more than `times` as long and `by_ms` more, by the quickest runs.

    A machine that is busy during some of them makes none slower. Of one that is busy during all of them the fixed computation
    tells, and its slowdown is taken off; but not where the work itself, blocks or cost, grew by more than `times`.
    """
    if before.error or after.error:
        return False
    fair_ms = after.best_ms if _grew(before, after, times) else after.best_ms / slowdown(before, after)
    return fair_ms > before.best_ms * times and fair_ms - before.best_ms >= by_ms


def slowdown(before: Measurement, after: Measurement) -> float:
    """How many times as long the fixed computation took; 1 if it took no longer, or was not measured."""
    if not before.control_ms or not after.control_ms:
        return 1.0
    return max(1.0, after.control_ms / before.control_ms)


def got_worse(before: Measurement, after: Measurement) -> bool:
    """More blocks, or a plan that the server itself takes for dearer: another one that costs no less, or any that costs more."""
    return bool(describe_worse(before, after))


def describe_worse(before: Measurement, after: Measurement) -> str:
    """What got worse besides the time, with both numbers; empty if nothing did."""
    if before.blocks is not None and after.blocks is not None and after.blocks > before.blocks * _SAME:
        return f"it reads {after.blocks:,} blocks instead of {before.blocks:,}"
    if before.cost is None or after.cost is None:
        return ""
    another = after.plan != before.plan and after.cost >= before.cost
    if after.cost > before.cost * _SAME or another:
        plan = "another plan" if another else "its plan"
        return f"{plan} costs {after.cost:,.0f} instead of {before.cost:,.0f}"
    return ""


def _grew(before: Measurement, after: Measurement, times: float) -> bool:
    pairs = (before.blocks, after.blocks), (before.cost, after.cost)
    return any(was is not None and now is not None and now > was * times for was, now in pairs)


@dataclass(frozen=True)
class BenchmarkBefore(Kept):
    """One benchmark before the migration."""

    name: str
    measurement: Measurement

    @property
    def outcome(self) -> str:
        """Whether there is a time."""
        return "error" if self.measurement.error else "measured"

    def to_detail(self) -> dict[str, Any]:
        """For the ledger: the measurement itself."""
        return self.measurement.to_detail()

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> BenchmarkBefore:
        """Back from the ledger."""
        return super().from_detail({**detail, "measurement": detail})


@dataclass(frozen=True)
class MeasuredBenchmark(Kept):
    """One benchmark before and after, as one attempt measured it."""

    name: str
    outcome: BenchmarkOutcome
    before: Measurement | None
    after: Measurement
    goal: str
    goal_met: bool | None
    sentence: str
    why: str

    @property
    def before_ms(self) -> float | None:
        """The time before, if it could be measured."""
        return self.before.ms if self.before and not self.before.error else None

    @property
    def after_ms(self) -> float | None:
        """The time after, if it could be measured."""
        return None if self.after.error else self.after.ms


@dataclass(frozen=True)
class ComparedBenchmark(Kept):
    """One benchmark over all rounds of a rehearsal, judged: the authority for goal and limit of its run."""

    row_columns = ()
    name: str
    sentence: str
    goal: str
    goal_met: bool | None
    breached: bool
    before_ms: float | None
    after_ms: float

    @property
    def outcome(self) -> BenchmarkOutcome:
        """Whether the limit was kept."""
        return BenchmarkOutcome.BREACHED if self.breached else BenchmarkOutcome.KEPT


def read_benchmark(row: Evidence) -> MeasuredBenchmark | ComparedBenchmark:
    """One benchmark back from the ledger: a rehearsal keeps what it compared, an attempt what it measured."""
    return ComparedBenchmark.from_detail(row.detail) if "after_ms" in row.detail else MeasuredBenchmark.from_row(row)
