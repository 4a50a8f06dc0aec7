"""When to pause a deployment: replicas fall behind, too much WAL is written, connections run out.

We look between segments, when no lock is held. A limit that is not set, or whose figure the role cannot see, is off.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from pg_deploy.configuration.limits import StopRules
from pg_deploy.execution.errors import StopRuleError
from pg_deploy.postgres.polling import looks
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

_LOAD = engine_sql("execution/load")
_PAUSE_S = 2.0


@dataclass(frozen=True)
class _Load:
    lag_s: float | None
    free: int | None
    wal_bytes: float
    at: float


def wait_until_calm(connection: Connection, rules: StopRules, *, give_up_after: float, log: logging.Logger) -> None:
    """Return once no rule is broken; logs which one it waits for. Reads only. Raises StopRuleError after `give_up_after` s."""
    if rules.is_off:
        return
    last_said = ""
    previous: _Load | None = None
    if rules.max_wal_mb_per_s is not None:
        previous = _read(connection)
        time.sleep(1)
    for waited, _ in looks(_PAUSE_S):
        load = _read(connection)
        broken = _broken(rules, load, previous)
        if broken is None:
            return
        if waited >= give_up_after:
            raise StopRuleError(broken, waited)
        if broken != last_said:
            log.info("paused before the next segment: %s", broken)
            last_said = broken
        previous = load


def _broken(rules: StopRules, load: _Load, previous: _Load | None) -> str | None:
    if rules.max_replica_lag_s is not None and load.lag_s is not None and load.lag_s > rules.max_replica_lag_s:
        return f"a replica is {load.lag_s:.0f} s behind, the limit is {rules.max_replica_lag_s:g} s"
    if rules.min_free_connections is not None and load.free is not None and load.free < rules.min_free_connections:
        return f"{load.free} connections are free, the limit is {rules.min_free_connections}"
    if rules.max_wal_mb_per_s is not None and previous is not None:
        rate = (load.wal_bytes - previous.wal_bytes) / max(load.at - previous.at, 0.001) / 1_048_576
        if rate > rules.max_wal_mb_per_s:
            return f"{rate:.0f} MB of WAL a second, the limit is {rules.max_wal_mb_per_s:g}"
    return None


def _read(connection: Connection) -> _Load:
    row = connection.execute(_LOAD).fetchone()
    if row is None:
        return _Load(None, None, 0.0, time.monotonic())
    return _Load(row[0], row[1], float(row[2]), time.monotonic())
