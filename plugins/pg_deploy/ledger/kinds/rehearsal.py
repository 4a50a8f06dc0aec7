"""What the rehearsal of one migration showed on a copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pg_deploy.ledger.kept_values import Kept
from pg_deploy.ledger.kinds.access import AccessFound
from pg_deploy.ledger.kinds.benchmark import ComparedBenchmark
from pg_deploy.ledger.kinds.check import CheckOutcome
from pg_deploy.ledger.kinds.workload import WorkloadProof
from pg_deploy.ledger.sealing import seal, seal_identity, unseal
from pg_deploy.ledger.word_enum import Word
from pg_deploy.parsing.lock_modes import Lock, lock_of

Key = tuple[str, str]
"""Kind and identity of a fact."""


class RehearsalOutcome(Word):
    """How a rehearsal ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REHEARSED = "not rehearsed"


@dataclass(frozen=True)
class Held(Kept):
    """A lock on a relation that existed before, and how long it was held, in seconds; a concurrent build may have held it longer."""

    relation: str
    mode: Lock
    held_s: float

    def to_detail(self) -> dict[str, Any]:
        """For the ledger."""
        return {**super().to_detail(), "mode": self.mode.sql}

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> Held:
        """Back from the ledger."""
        return super().from_detail({**detail, "mode": _mode(detail["mode"])})


@dataclass(frozen=True)
class StatementLocks(Kept):
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


def _mode(kept: str) -> Lock:
    """From `ACCESS EXCLUSIVE`, or `AccessExclusiveLock` as an older version wrote it."""
    return Lock[kept.replace(" ", "_")] if kept.isupper() else lock_of(kept)


@dataclass(frozen=True)
class Changes(Kept):
    """The keys of all facts that the migration changed: nobody else is at work on a copy, so all of it is its own.

    What a key says that is a secret is sealed in the ledger, as in the snapshots.
    """

    added: tuple[Key, ...] = ()
    removed: tuple[Key, ...] = ()
    changed: tuple[Key, ...] = ()

    @property
    def all(self) -> tuple[Key, ...]:
        """All of them, however they changed."""
        return (*self.added, *self.removed, *self.changed)

    def to_detail(self) -> dict[str, Any]:
        """For the ledger."""
        return {
            name: [[kind, seal_identity(kind, str(identity))] for kind, identity in keys]
            for name, keys in super().to_detail().items()
        }

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> Changes:
        """Back from the ledger, or from `own_changes.list_changes`."""
        return super().from_detail(
            {name: [(kind, unseal(identity)) for kind, identity in keys] for name, keys in detail.items()}
        )


@dataclass(frozen=True)
class Rehearsal(Kept):
    """One migration on a copy. Durations in seconds, None if that step was not reached."""

    only_shown = ("lost", "left", "not_rehearsed", "cannot_be_undone", "error")
    name: str
    outcome: RehearsalOutcome
    place: str = "copy"
    apply_s: float | None = None
    rollback_s: float | None = None
    only_tried: bool = False
    """Whether its rollback led to the state before in a transaction that was not kept."""
    statements: tuple[StatementLocks, ...] = ()
    checks: tuple[tuple[str, CheckOutcome], ...] = ()
    benchmarks: tuple[ComparedBenchmark, ...] = ()
    lost: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """What it changed and its rollback leaves changed."""
    generated_rollback: str | None = None
    not_rehearsed: tuple[str, ...] = ()
    cannot_be_undone: str | None = None
    changes: Changes | None = None
    written: tuple[str, ...] = ()
    """The tables that were there before and in which it wrote rows."""
    bundle_hash: str = ""
    error: str | None = None
    access: AccessFound | None = None
    workload: WorkloadProof | None = None

    def to_detail(self) -> dict[str, Any]:
        """For the ledger; `changes` are empty if the rehearsal did not come so far."""
        detail = super().to_detail()
        generated = self.generated_rollback and seal(self.generated_rollback)
        return {**detail, "changes": detail["changes"] or {}, "generated_rollback": generated}

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> Rehearsal:
        """Back from the ledger."""
        access, workload, generated = (detail.get(name) for name in ("access", "workload", "generated_rollback"))
        return super().from_detail(
            {
                **detail,
                "changes": detail.get("changes") or None,
                "generated_rollback": generated and unseal(generated),
                "access": {**access, "name": detail["name"]} if access else None,
                "workload": {**workload, "name": detail["name"]} if workload else None,
            }
        )
