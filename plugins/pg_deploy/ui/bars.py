"""Benchmarks as bars: before, after, and where the goal lies, on one scale each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pg_deploy.ledger.evidence import Evidence
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
    newest = {(row.name, row.location): row for row in rows if row.kind == "benchmark"}
    after = {key: _after(row.detail) for key, row in newest.items()}
    found = []
    for (name, location), row in sorted(newest.items()):
        terms = manifest.benchmarks.get(name)
        before_ms, after_ms = _before(row.detail), after[name, location]
        others = {other: ms for (other, where), ms in after.items() if where == location}
        found.append(
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
    return tuple(found)


def _share(ms: float | None, longest: float) -> float:
    # A bar that is there must be seen.
    return 0.0 if not ms else max(0.5, round(100 * ms / longest, 1))


def _before(detail: dict[str, Any]) -> float | None:
    if "before_ms" in detail:
        return detail["before_ms"] if detail["before_ms"] is not None else None
    before = detail.get("before") or {}
    return before.get("ms") if before and not before.get("error") else None


def _after(detail: dict[str, Any]) -> float | None:
    if "after_ms" in detail:
        return float(detail["after_ms"])
    after = detail.get("after") or {}
    return after.get("ms") if after and not after.get("error") else None


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
