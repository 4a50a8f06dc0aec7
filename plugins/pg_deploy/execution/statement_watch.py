"""Looking at a running statement from a second connection: who blocks it, what it holds, how far it has come.

PostgreSQL keeps none of this, so it has to be observed while the statement runs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger.deployment import LOCK_KEY
from pg_deploy.postgres.session import Backend, Connection, Target, one_line
from pg_deploy.postgres.sql_files import engine_sql

_BLOCKERS = engine_sql("execution/blockers")
_STRONG_LOCKS = engine_sql("execution/strong_locks")
_PROGRESS = engine_sql("execution/index_progress")

_WAITS_FOR_US = f"""select from pg_catalog.pg_locks l
where l.pid = %s and not l.granted and l.locktype = 'advisory' and l.objsubid = 1
    and (l.classid::bigint << 32 | l.objid::bigint) = {LOCK_KEY}"""

# A trivial statement ends before the first look, so it costs no connection.
_FIRST_LOOK_S = 0.15
_LOOK_EVERY_S = 0.1
_SAY_EVERY_S = 5.0
_MOST_BLOCKERS = 10


@dataclass
class Observation:
    """What was seen of one statement.

    `blocked_s` is how long it waited for locks; `blockers` are those it waited for, the one seen most often first.
    `strong_since` is when it was first seen to hold or await a strong lock (monotonic time). `cancelled`: we cancelled it for
    that.
    """

    blocked_s: float = 0.0
    blockers: list[str] = field(default_factory=list)
    strong_since: float | None = None
    cancelled: bool = False
    waits_for_us: bool = False
    """Whether it waited for the lock under which this deployment works. It was cancelled: it would have waited for ever."""
    _looks: dict[str, int] = field(default_factory=dict)
    _lines: dict[str, str] = field(default_factory=dict)

    def saw(self, blockers: list[str]) -> None:
        """Count whom it waits for now: a session that blocks it for a moment must not hide the one that blocks it all along."""
        for line in blockers:
            pid = line.split(" (", 1)[0]
            self._looks[pid] = self._looks.get(pid, 0) + 1
            self._lines[pid] = line
        longest = sorted(self._looks, key=lambda pid: -self._looks[pid])
        self.blockers = [self._lines[pid] for pid in longest[:_MOST_BLOCKERS]]


@dataclass(frozen=True)
class Watch:
    """Watches one backend. `strong_limit` is how long, in seconds, it may hold or await a strong lock; None for no limit."""

    target: Target
    backend: Backend
    log: logging.Logger
    strong_limit: float | None = None

    @contextmanager
    def over(self, what: str) -> Iterator[Observation]:
        """Observe the statement `what` until the block ends."""
        seen = Observation()
        stop = threading.Event()
        thread = threading.Thread(target=self._look, args=(what, seen, stop), name="pg_deploy watch", daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            stop.set()
            thread.join(timeout=10)

    def _look(self, what: str, seen: Observation, stop: threading.Event) -> None:
        if stop.wait(_FIRST_LOOK_S):
            return
        try:
            with self.target.session("watch") as connection:
                self._look_until(connection, what, seen, stop)
        except Exception as error:
            # To watch is a help, so it is no reason to fail. The deadline itself is also set in the server.
            self.log.warning("cannot watch the statement: %s", one_line(str(error)))

    def _look_until(self, connection: Connection, what: str, seen: Observation, stop: threading.Event) -> None:
        started = last = last_said = time.monotonic()
        while not stop.is_set():
            now = time.monotonic()
            blockers = [row[0] for row in connection.execute(_BLOCKERS, {"pid": self.backend.pid})]
            if blockers:
                seen.blocked_s += now - last
                seen.saw(blockers)
                if connection.execute(_WAITS_FOR_US, [self.backend.pid]).fetchone() is not None:
                    seen.waits_for_us = True
                    self._cancel(connection)
            last = now
            self._enforce(connection, seen, now)
            if now - last_said >= _SAY_EVERY_S:
                last_said = now
                self._say(connection, what, blockers, now - started)
            stop.wait(_LOOK_EVERY_S)

    def holds_strong_lock(self, connection: Connection) -> bool:
        """Whether the backend holds or awaits a strong lock on a relation that existed before it began. Reads only."""
        row = connection.execute(_STRONG_LOCKS, {"pid": self.backend.pid}).fetchone()
        return bool(row and row[0])

    def _enforce(self, connection: Connection, seen: Observation, now: float) -> None:
        """Cancel a statement once it held a strong lock for too long, if its text did not show that lock beforehand."""
        if self.strong_limit is None or seen.cancelled:
            return
        if not self.holds_strong_lock(connection):
            seen.strong_since = None
        elif seen.strong_since is None:
            seen.strong_since = now
        elif now - seen.strong_since > self.strong_limit:
            seen.cancelled = True
            self._cancel(connection)

    def _cancel(self, connection: Connection) -> None:
        connection.execute(
            """select pg_catalog.pg_cancel_backend(pid) from pg_catalog.pg_stat_activity
            where pid = %s and backend_start = %s""",
            [self.backend.pid, self.backend.started_at],
        )

    def _say(self, connection: Connection, what: str, blockers: list[str], elapsed: float) -> None:
        progress = build_progress(connection, self.backend.pid)
        if _waits_for_standby(connection, self.backend.pid):
            progress = "waiting for a synchronous standby; it holds its locks until that answers or is given up"
        parts = [f"{what}: running for {format_duration(elapsed)}"]
        if progress:
            parts.append(progress)
        if blockers:
            parts.append("waiting for " + "; ".join(blockers))
        self.log.info("%s", ", ".join(parts))


def _waits_for_standby(connection: Connection, pid: int) -> bool:
    """Whether a commit waits for the answer of a standby. No timeout ends that. Reads only."""
    row = connection.execute("select wait_event = 'SyncRep' from pg_catalog.pg_stat_get_activity(%s)", [pid]).fetchone()
    return bool(row and row[0])


def build_progress(connection: Connection, pid: int) -> str | None:
    """How far that backend's index build has come, as one phrase; None if it builds none. Reads only."""
    row = connection.execute(_PROGRESS, {"pid": pid}).fetchone()
    return row[0] if row else None
