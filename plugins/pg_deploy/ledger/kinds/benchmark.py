"""What benchmarks measured: before a migration, after it on one side, and on a copy in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pg_deploy.ledger.detail import number_of, text_of
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.ledger.words import Word


class BenchmarkOutcome(Word):
    """Whether the limit was kept."""

    KEPT = "kept"
    BREACHED = "breached"


@dataclass(frozen=True)
class Measurement:
    """The median over some runs: time in ms by the server's own clock, blocks touched, a hash of the plan's shape."""

    ms: float
    runs_ms: tuple[float, ...]
    blocks: int | None
    cost: float | None
    plan: str | None
    error: str | None = None

    @property
    def best_ms(self) -> float:
        """The quickest run: what else works on the machine only ever adds to a time."""
        return min(self.runs_ms, default=self.ms)

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return asdict(self)

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> Measurement:
        """Back from the ledger."""
        return cls(
            detail["ms"],
            tuple(detail.get("runs_ms") or ()),
            detail.get("blocks"),
            detail.get("cost"),
            detail.get("plan"),
            detail.get("error"),
        )


@dataclass(frozen=True)
class BenchmarkBefore:
    """One benchmark before the migration."""

    name: str
    measurement: Measurement

    @property
    def outcome(self) -> str:
        """Whether there is a time."""
        return "error" if self.measurement.error else "measured"

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return self.measurement.to_detail()

    @classmethod
    def from_row(cls, row: Evidence) -> BenchmarkBefore:
        """Back from the ledger."""
        return cls(row.name, Measurement.from_detail(row.detail))


@dataclass(frozen=True)
class MeasuredBenchmark:
    """One benchmark before and after, as one attempt measured it."""

    name: str
    outcome: BenchmarkOutcome
    before: Measurement | None
    after: Measurement
    goal: str
    goal_met: bool | None
    sentence: str
    why: str

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {
            "before": self.before.to_detail() if self.before else None,
            "after": self.after.to_detail(),
            "goal": self.goal,
            "goal_met": self.goal_met,
            "sentence": self.sentence,
            "why": self.why,
        }

    @classmethod
    def from_row(cls, row: Evidence) -> MeasuredBenchmark:
        """Back from the ledger."""
        before = row.detail.get("before")
        return cls(
            row.name,
            BenchmarkOutcome(row.outcome),
            Measurement.from_detail(before) if before else None,
            Measurement.from_detail(row.detail["after"]),
            text_of(row.detail, "goal"),
            row.detail.get("goal_met"),
            text_of(row.detail, "sentence"),
            text_of(row.detail, "why"),
        )

    @property
    def before_ms(self) -> float | None:
        """The time before, where it could be measured."""
        return self.before.ms if self.before and not self.before.error else None

    @property
    def after_ms(self) -> float | None:
        """The time after, where it could be measured."""
        return None if self.after.error else self.after.ms


@dataclass(frozen=True)
class ComparedBenchmark:
    """One benchmark over all rounds of a rehearsal, judged: the authority for goal and limit of its run."""

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

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return asdict(self)

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> ComparedBenchmark:
        """Back from the ledger."""
        return cls(
            detail["name"],
            text_of(detail, "sentence"),
            text_of(detail, "goal"),
            detail.get("goal_met"),
            bool(detail.get("breached")),
            number_of(detail, "before_ms"),
            float(detail["after_ms"]),
        )


def read_benchmark(row: Evidence) -> MeasuredBenchmark | ComparedBenchmark:
    """One benchmark back from the ledger: a rehearsal keeps what it compared, an attempt what it measured."""
    return ComparedBenchmark.from_detail(row.detail) if "after_ms" in row.detail else MeasuredBenchmark.from_row(row)
