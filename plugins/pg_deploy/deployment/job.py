"""What every verb needs: where to work, under which guard, within which limits."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from pg_deploy.catalog.finding import Finding
from pg_deploy.catalog.reader import Facts
from pg_deploy.configuration.limits import Limits
from pg_deploy.deployment.benchmarks import RUNS
from pg_deploy.deployment.contents import Contents
from pg_deploy.deployment.lints import run_lints
from pg_deploy.execution.segments import Observer
from pg_deploy.ledger import evidence, snapshot
from pg_deploy.ledger.attempt import Attempt
from pg_deploy.ledger.evidence import Kind, Location, Piece
from pg_deploy.ledger.guard import Guard
from pg_deploy.postgres.session import Connection, Target

# On the target a benchmark may not disturb: all runs of one query together get this long.
BENCHMARK_S = 30.0


@dataclass(frozen=True)
class Job:
    """One task's work on the target. `on_copy` says that it is a quiet copy, where nobody else writes."""

    target: Target
    guard: Guard
    limits: Limits
    log: logging.Logger
    benchmark: bool = True
    workload: str = "none"
    """What the run's conf says of the workload: gate, report or none."""
    on_copy: bool = False
    observer: Observer = field(default_factory=Observer)
    own_files: Path | None = None
    """The folder of the project with lints of its own; see `configuration.own_files`."""
    contents: Contents | None = None
    """What was in the copy's tables before the migration: an undo is compared with it before it counts."""

    @property
    def ledger(self) -> Connection:
        """The guard's autocommit connection, on which the ledger is written outside of changes."""
        return self.guard.connection

    @property
    def deployment_id(self) -> int:
        """The deployment that this work belongs to."""
        return self.guard.ownership.deployment_id

    @property
    def benchmark_runs(self) -> int:
        """How often each query is timed. A rehearsal measures both sides twice over, in turn: together that is more."""
        return 3 if self.on_copy else RUNS

    @property
    def check_timeout_s(self) -> float:
        """How long one check may run, in seconds."""
        return self.limits.statement_timeout or 600.0

    def lints(self, connection: Connection, facts: Facts) -> tuple[Finding, ...]:
        """The lints' findings, of a quiet database once for the same facts: they look at nothing else. Reads only."""
        quiet = self.guard.quiet
        if quiet is None:
            return run_lints(connection, self.own_files)
        if facts.fingerprint not in quiet.findings:
            quiet.findings[facts.fingerprint] = run_lints(connection, self.own_files)
        return quiet.findings[facts.fingerprint]

    def keep_snapshot(self, attempt: Attempt, moment: str, facts: Facts) -> None:
        """Keep the facts of a moment of `attempt`, see `ledger.snapshot.save`; of a quiet database in memory. Commits once."""
        if self.guard.quiet is not None:
            self.guard.quiet.snapshots[attempt.id, moment] = facts
        else:
            snapshot.save(self.ledger, self.deployment_id, attempt.id, moment, facts)

    def snapshot_of(self, attempt: Attempt, moment: str) -> Facts | None:
        """The facts that `keep_snapshot` kept last of that moment, if it did. Reads only."""
        if self.guard.quiet is not None:
            return self.guard.quiet.snapshots.get((attempt.id, moment))
        return snapshot.load(self.ledger, attempt.id, moment)

    def record(self, attempt: Attempt, kind: Kind, piece: Piece) -> None:
        """Write one piece of evidence of `attempt`. Commits once; the attempt's next state takes it to the disk."""
        evidence.record(
            self.ledger,
            self.deployment_id,
            kind,
            piece,
            attempt_id=attempt.id,
            version=attempt.version,
            location=Location.COPY if self.on_copy else Location.TARGET,
            waits=False,
        )
