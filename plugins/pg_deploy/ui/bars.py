"""Benchmarks as bars: before, after, and where the goal lies, on one scale each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.ledger.kinds.benchmark import BenchmarkOutcome, read_benchmark
from pg_deploy.migrations.manifest import Goal, Manifest


@dataclass(frozen=True)
class Bars:
    """One benchmark at one place. Times in ms, widths and the goal's mark in per cent of the longest."""

    name: str
    place: str
    before_ms: float | None
    after_ms: float | None
    goal_ms: float | None
    goal: str
    goal_met: bool | None
    breached: bool
    sentence: str

    @property
    def _longest(self) -> float:
        return max(self.before_ms or 0.0, self.after_ms or 0.0, self.goal_ms or 0.0) or 1.0

    @property
    def before_width(self) -> float:
        """Of the upper bar."""
        return _share(self.before_ms, self._longest)

    @property
    def after_width(self) -> float:
        """Of the lower bar."""
        return _share(self.after_ms, self._longest)

    @property
    def goal_at(self) -> float | None:
        """Where the goal's mark stands; None without a goal in ms."""
        return None if self.goal_ms is None else _share(self.goal_ms, self._longest)

    @property
    def tone(self) -> str:
        """good, bad or plain."""
        if self.breached:
            return "bad"
        return {True: "good", False: "warn", None: "plain"}[self.goal_met]


def bars_of(rows: Iterable[Evidence], manifest: Manifest) -> tuple[Bars, ...]:
    """The benchmarks among `rows`, the copy's before the target's of the same name; the newest of each. Pure."""
    newest = {(row.name, row.location): row for row in rows if row.kind == Kind.BENCHMARK}
    read = {key: read_benchmark(row) for key, row in newest.items()}
    found = []
    for (name, location), row in sorted(newest.items()):
        terms, benchmark = manifest.benchmarks.get(name), read[name, location]
        others = {other: each.after_ms for (other, where), each in read.items() if where == location}
        goal_ms = _goal_ms(terms.goal, benchmark.before_ms, others) if terms and terms.goal else None
        found.append(
            Bars(
                name=name,
                place=row.place,
                before_ms=benchmark.before_ms,
                after_ms=benchmark.after_ms,
                goal_ms=goal_ms,
                goal=benchmark.goal,
                goal_met=benchmark.goal_met,
                breached=benchmark.outcome == BenchmarkOutcome.BREACHED,
                sentence=benchmark.sentence,
            )
        )
    return tuple(found)


def _share(ms: float | None, longest: float) -> float:
    # A bar that is there must be seen.
    return 0.0 if not ms else max(0.5, round(100 * ms / longest, 1))


def _goal_ms(goal: Goal, before_ms: float | None, after: dict[str, float | None]) -> float | None:
    """The strictest of what the goal asks for, in ms."""
    asked: list[float] = []
    if before_ms is not None and goal.faster_percent is not None:
        asked.append(before_ms * (1 - goal.faster_percent / 100))
    if before_ms is not None and goal.times_faster is not None:
        asked.append(before_ms / goal.times_faster)
    if goal.max_ms is not None:
        asked.append(goal.max_ms)
    other = after.get(goal.within.of) if goal.within else None
    if goal.within is not None and other is not None:
        asked.append(other * goal.within.times)
    return min(asked, default=None)
