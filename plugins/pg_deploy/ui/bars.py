"""Benchmarks as bars: the time before, the time after, and the goal, each benchmark on its own scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.ledger.kinds.benchmark import BenchmarkOutcome, read_benchmark
from pg_deploy.migrations.manifest import Goal, Manifest


@dataclass(frozen=True)
class Bars:
    """One benchmark on the copy or on the target. Widths and the goal's mark are in per cent of the longest time."""

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
        """The width of the upper bar."""
        return _share(self.before_ms, self._longest)

    @property
    def after_width(self) -> float:
        """The width of the lower bar."""
        return _share(self.after_ms, self._longest)

    @property
    def goal_at(self) -> float | None:
        """Where the goal's mark stands; None if no goal can be given in ms."""
        return None if self.goal_ms is None else _share(self.goal_ms, self._longest)

    @property
    def tone(self) -> str:
        """bad if a limit was breached, else good or warn by the goal, or plain without one."""
        if self.breached:
            return "bad"
        return {True: "good", False: "warn", None: "plain"}[self.goal_met]


def make_bars(rows: Iterable[Evidence], manifest: Manifest) -> tuple[Bars, ...]:
    """The newest benchmark of each name and place among `rows`. The copy's comes before the target's. Pure."""
    newest = {(row.name, row.location): row for row in rows if row.kind == Kind.BENCHMARK}
    read = {key: read_benchmark(row) for key, row in newest.items()}
    bars = []
    for (name, location), row in sorted(newest.items()):
        terms, benchmark = manifest.benchmarks.get(name), read[name, location]
        others = {other: each.after_ms for (other, where), each in read.items() if where == location}
        goal_ms = _goal_ms(terms.goal, benchmark.before_ms, others) if terms and terms.goal else None
        bars.append(
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
    return tuple(bars)


def _share(ms: float | None, longest: float) -> float:
    # Even the shortest bar must be seen.
    return 0.0 if not ms else max(0.5, round(100 * ms / longest, 1))


def _goal_ms(goal: Goal, before_ms: float | None, after: dict[str, float | None]) -> float | None:
    """The strictest of the times that the goal asks for, in ms, or None if it gives none."""
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
