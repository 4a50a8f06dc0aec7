"""Benchmarks as bars: the time before, the time after, and the goal, each benchmark on its own scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pg_deploy.ledger.evidence import Evidence
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


def bars_of(rows: Iterable[Evidence], manifest: Manifest) -> tuple[Bars, ...]:
    """The newest benchmark of each name and place among `rows`. The copy's comes before the target's. Pure."""
    newest = {(row.name, row.location): row for row in rows if row.kind == "benchmark"}
    after = {key: _after(row.detail) for key, row in newest.items()}
    bars = []
    for (name, location), row in sorted(newest.items()):
        terms = manifest.benchmarks.get(name)
        before_ms, after_ms = _before(row.detail), after[name, location]
        others = {other: ms for (other, where), ms in after.items() if where == location}
        bars.append(
            Bars(
                name=name,
                place="on the copy" if location == "rehearsal" else "on the target",
                before_ms=before_ms,
                after_ms=after_ms,
                goal_ms=_goal_ms(terms.goal, before_ms, others) if terms and terms.goal else None,
                goal=str(row.detail.get("goal") or ""),
                goal_met=row.detail.get("goal_met"),
                breached=row.outcome == "breached",
                sentence=str(row.detail.get("sentence") or ""),
            )
        )
    return tuple(bars)


def _share(ms: float | None, longest: float) -> float:
    # Even the shortest bar must be seen.
    return 0.0 if not ms else max(0.5, round(100 * ms / longest, 1))


def _before(detail: dict[str, Any]) -> float | None:
    if "before_ms" in detail:
        return None if detail["before_ms"] is None else float(detail["before_ms"])
    before = detail.get("before") or {}
    return before.get("ms") if before and not before.get("error") else None


def _after(detail: dict[str, Any]) -> float | None:
    if "after_ms" in detail:
        return float(detail["after_ms"])
    after = detail.get("after") or {}
    return after.get("ms") if after and not after.get("error") else None


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
