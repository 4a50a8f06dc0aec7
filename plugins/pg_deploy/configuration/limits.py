"""The limits that a task works under: how long it may hold locks, how long it may wait, and when it pauses."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class StopRules:
    """Limits: replica lag in seconds, free connections, WAL in MB per second; None = off."""

    max_replica_lag_s: float | None = None
    min_free_connections: int | None = None
    max_wal_mb_per_s: float | None = None

    @property
    def is_off(self) -> bool:
        """Whether there is nothing to look at."""
        return self.max_replica_lag_s is None and self.min_free_connections is None and self.max_wal_mb_per_s is None


@dataclass(frozen=True)
class Limits:
    """Deadlines in seconds; `statement_timeout` 0 means none.

    `lock_budget` holds from a segment's first strong lock to its commit. `give_up_after` ends the retries for a lock.
    `slowest_pause` is the longest pause between two of these retries. `reattach` is how long the task waits for a build
    that an earlier, killed try left running.
    """

    lock_budget: float = 2.0
    give_up_after: float = 600.0
    statement_timeout: float = 0.0
    slowest_pause: float = 15.0
    reattach: float = 7200.0
    stop_rules: StopRules = field(default_factory=StopRules)
