"""What the rehearsal of one migration showed on a copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pg_deploy.ledger.detail import number_of, parts_of, text_of, texts_of
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.ledger.kinds.access import AccessFound
from pg_deploy.ledger.kinds.benchmark import ComparedBenchmark
from pg_deploy.ledger.kinds.check import CheckOutcome
from pg_deploy.ledger.words import Word
from pg_deploy.parsing.lock_modes import Lock, lock_of

Key = tuple[str, str]
"""Kind and identity of a fact."""


class RehearsalOutcome(Word):
    """How a rehearsal ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REHEARSED = "not rehearsed"


@dataclass(frozen=True)
class Held:
    """A lock on a relation that existed before, and how long it was held, in seconds; of a concurrent build at least that."""

    relation: str
    mode: Lock
    held_s: float


@dataclass(frozen=True)
class StatementLocks:
    """One statement of a rehearsed file: its duration in seconds, and the locks that it was the first to take."""

    line: int
    summary: str
    seconds: float
    locks: tuple[Held, ...]

    @property
    def rounded(self) -> StatementLocks:
        """With times as the ledger keeps them."""
        locks = tuple(replace(lock, held_s=round(lock.held_s, 4)) for lock in self.locks)
        return replace(self, seconds=round(self.seconds, 4), locks=locks)

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {
            "line": self.line,
            "summary": self.summary,
            "seconds": self.seconds,
            "locks": [{"relation": lock.relation, "mode": lock.mode.sql, "held_s": lock.held_s} for lock in self.locks],
        }

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> StatementLocks:
        """Back from the ledger."""
        locks = tuple(Held(lock["relation"], _mode(lock["mode"]), float(lock["held_s"])) for lock in detail["locks"])
        return cls(detail["line"], text_of(detail, "summary"), float(detail["seconds"]), locks)


def _mode(kept: str) -> Lock:
    """`ACCESS EXCLUSIVE`, or `AccessExclusiveLock` as once."""
    return Lock[kept.replace(" ", "_")] if kept.isupper() else lock_of(kept)


@dataclass(frozen=True)
class Changes:
    """The keys of all facts that the migration changed: nobody else is at work on a copy, so all of it is its own."""

    added: tuple[Key, ...] = ()
    removed: tuple[Key, ...] = ()
    changed: tuple[Key, ...] = ()

    @property
    def all(self) -> tuple[Key, ...]:
        """Whatever became of them."""
        return (*self.added, *self.removed, *self.changed)

    @classmethod
    def from_detail(cls, detail: Mapping[str, Sequence[Sequence[str]]]) -> Changes:
        """Back from the ledger."""
        return cls(*(tuple((key[0], key[1]) for key in detail.get(name) or ()) for name in _BECAME))

    def to_detail(self) -> dict[str, object]:
        """For the ledger; empty where the rehearsal did not come so far."""
        return {name: [list(key) for key in getattr(self, name)] for name in _BECAME}


_BECAME = ("added", "removed", "changed")


@dataclass(frozen=True)
class Rehearsal:
    """One migration on a copy. Durations in seconds, None where that step was not reached."""

    name: str
    outcome: RehearsalOutcome
    place: str = "copy"
    apply_s: float | None = None
    rollback_s: float | None = None
    only_tried: bool = False
    """Whether the transaction of its rollback, which led to the state before, was not kept."""
    statements: tuple[StatementLocks, ...] = ()
    checks: tuple[tuple[str, CheckOutcome], ...] = ()
    benchmarks: tuple[ComparedBenchmark, ...] = ()
    lost: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """What it changed and a rollback leaves so."""
    generated_rollback: str | None = None
    not_rehearsed: tuple[str, ...] = ()
    cannot_be_undone: str | None = None
    changes: Changes | None = None
    written: tuple[str, ...] = ()
    """The tables of which it wrote rows, and that were there before."""
    bundle_hash: str = ""
    error: str | None = None
    access: AccessFound | None = None

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {
            "place": self.place,
            "apply_s": self.apply_s,
            "rollback_s": self.rollback_s,
            "only_tried": self.only_tried,
            "statements": [each.to_detail() for each in self.statements],
            "checks": [list(each) for each in self.checks],
            "benchmarks": [each.to_detail() for each in self.benchmarks],
            "lost": list(self.lost),
            "left": list(self.left),
            "generated_rollback": self.generated_rollback,
            "not_rehearsed": list(self.not_rehearsed),
            "cannot_be_undone": self.cannot_be_undone,
            "changes": self.changes.to_detail() if self.changes else {},
            "written": list(self.written),
            "bundle_hash": self.bundle_hash,
            "error": self.error,
            "access": self.access.to_detail() if self.access else None,
        }

    @classmethod
    def from_row(cls, row: Evidence) -> Rehearsal:
        """Back from the ledger."""
        detail = row.detail
        access = detail.get("access")
        return cls(
            row.name,
            RehearsalOutcome(row.outcome),
            text_of(detail, "place", "copy"),
            number_of(detail, "apply_s"),
            number_of(detail, "rollback_s"),
            bool(detail.get("only_tried")),
            tuple(map(StatementLocks.from_detail, parts_of(detail, "statements"))),
            tuple((str(name), CheckOutcome(outcome)) for name, outcome in detail.get("checks") or ()),
            tuple(map(ComparedBenchmark.from_detail, parts_of(detail, "benchmarks"))),
            texts_of(detail, "lost"),
            texts_of(detail, "left"),
            detail.get("generated_rollback"),
            texts_of(detail, "not_rehearsed"),
            detail.get("cannot_be_undone"),
            Changes.from_detail(detail["changes"]) if detail.get("changes") else None,
            texts_of(detail, "written"),
            text_of(detail, "bundle_hash"),
            detail.get("error"),
            AccessFound.from_detail(row.name, text_of(access, "outcome"), access) if access else None,
        )
