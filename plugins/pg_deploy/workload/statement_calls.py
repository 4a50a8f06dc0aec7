"""When each statement was last called, as the monitor remembers it from the counters of pg_stat_statements.

A counter that did not rise between two looks proves that nobody called the statement, as long as no counter was lost in between.
What could have lost one ends the record, and a new one begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import psycopg
from psycopg import sql

from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger.schema import exists
from pg_deploy.postgres.session import Connection, one_line
from pg_deploy.postgres.sql_files import engine_sql, engine_text

MEASURE = "statement_calls"
"""The name under which the monitor keeps it in its samples."""
LEAST_GAP_S = 7200
"""Two looks may always be this far apart, and further where the monitor usually looks less often."""
_USUAL_TIMES = 3
_TIMEOUT, _LOCK_TIMEOUT = "5s", "500ms"


@dataclass(frozen=True)
class CountedCalls:
    """How often each statement of this database was called, by `queryid/role's oid`, and what tells whether the counting went on.

    `at` is the server's time after the counters were read, in seconds since 1970. If they could not be read, `problem` says why.
    `evictions` is None where the server does not tell whether it forgets statements.
    """

    at: int
    by_key: Mapping[str, int] = field(default_factory=dict)
    reset_at: str | None = None
    evictions: int | None = None
    server_start: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class StatementCalls:
    """The record: since when it is without a gap, when it was last written, and each statement's calls and last call.

    Times are seconds since 1970, on the server's clock. A last call is the time of the first look that saw it, so the call itself was
    earlier. It is 0 for a statement that was not called since the record began. `why_begun` says, for a sentence, why there is no
    earlier record.
    """

    since: int
    last_look: int
    calls: Mapping[str, int] = field(default_factory=dict)
    last_calls: Mapping[str, int] = field(default_factory=dict)
    reset_at: str | None = None
    evictions: int | None = None
    server_start: str | None = None
    why_begun: str = ""

    def lost_until(self, now: CountedCalls, gap_limit_s: float) -> str | None:
        """Why calls since the last look may have gone unseen, for a sentence; None if all of them were counted."""
        if now.problem:
            return f"the counters could not be read at {format_time(now.at)}: {now.problem}"
        if now.evictions is None:
            return (
                "this version of pg_stat_statements does not tell whether it forgets statements: update the extension"
            )
        if self.evictions is None:
            # The last look could not read them, or not whether some were forgotten.
            return self.why_begun
        if now.reset_at != self.reset_at:
            return f"the counters were reset at {(now.reset_at or 'an unknown time')[:16]} UTC"
        if now.evictions != self.evictions:
            return f"statements were evicted before {format_time(now.at)}: raise pg_stat_statements.max"
        if any(now.by_key.get(key, -1) < calls for key, calls in self.calls.items()):
            if now.server_start != self.server_start:
                return f"the server was started anew at {(now.server_start or '')[:16]} UTC and lost counters"
            return f"the counters of single statements were reset before {format_time(now.at)}"
        if now.at - self.last_look > gap_limit_s:
            gap = format_duration(now.at - self.last_look)
            return f"the monitor did not look for {gap} until {format_time(now.at)}"
        return None

    def after(self, now: CountedCalls, gap_limit_s: float) -> StatementCalls:
        """The record after another look."""
        lost = self.lost_until(now, gap_limit_s)
        if lost is not None:
            return begin_record(now, lost)
        called = {
            key: now.at if calls > self.calls.get(key, 0) else self.last_calls.get(key, 0)
            for key, calls in now.by_key.items()
        }
        return StatementCalls(
            self.since, now.at, now.by_key, called, now.reset_at, now.evictions, now.server_start, self.why_begun
        )

    def as_json(self) -> dict[str, Any]:
        """For the ledger: whole numbers, since there are thousands."""
        return {
            "since": self.since,
            "seen": self.last_look,
            "reset_at": self.reset_at,
            "evictions": self.evictions,
            "server_start": self.server_start,
            "began": self.why_begun,
            "statements": {
                key: [calls, self.last_calls[key] - self.since] if self.last_calls.get(key) else [calls]
                for key, calls in self.calls.items()
            },
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> StatementCalls:
        """Back from the ledger."""
        since = value["since"]
        return cls(
            since,
            value["seen"],
            {key: kept[0] for key, kept in value["statements"].items()},
            {key: since + kept[1] if len(kept) > 1 else 0 for key, kept in value["statements"].items()},
            value["reset_at"],
            value["evictions"],
            value["server_start"],
            value["began"],
        )


def begin_record(now: CountedCalls, why: str) -> StatementCalls:
    """A record that begins with this look."""
    return StatementCalls(now.at, now.at, now.by_key, {}, now.reset_at, now.evictions, now.server_start, why)


def format_time(at: int) -> str:
    """A time of the record for a person."""
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M} UTC"


def read_statement_calls(connection: Connection) -> StatementCalls | None:
    """The newest record of the monitor, or None where it never looked. Reads only."""
    if not exists(connection):
        return None
    row = connection.execute(
        engine_text("select rows from deploy_ledger.measurement where measure = %s order by sample_id desc limit 1"),
        [MEASURE],
    ).fetchone()
    return StatementCalls.from_json(row[0]) if row else None


def read_gap_limit(connection: Connection) -> float:
    """How far two looks may be apart, in seconds: two hours, or three times the usual pause between samples. Reads only."""
    row = connection.execute(engine_sql("workload/usual_pause")).fetchone()
    return max(float(LEAST_GAP_S), _USUAL_TIMES * float(row[0]) if row else 0.0)


def last_seen_by_key(connection: Connection) -> dict[str, str]:
    """When the monitor last saw a call of each statement, by `queryid/role's oid`, as ISO 8601. Reads only.

    A statement that was not called since the record began is not in it.
    """
    record = read_statement_calls(connection)
    return {
        key: datetime.fromtimestamp(at, timezone.utc).isoformat()
        for key, at in (record.last_calls.items() if record else ())
        if at
    }


def read_counted_calls(connection: Connection) -> CountedCalls:
    """The counters as they are now. Reads only.

    Where the extension is missing, cannot be read, or hides the calls of other roles from this one, that is the answer's `problem`.
    Raises psycopg.Error only if the connection is lost.
    """
    try:
        with connection.transaction():
            connection.execute(
                "select pg_catalog.set_config('statement_timeout', %s, true), pg_catalog.set_config('lock_timeout', %s, true)",
                [_TIMEOUT, _LOCK_TIMEOUT],
            )
            return _read(connection)
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        return CountedCalls(_now(connection), problem=one_line(error.diag.message_primary or str(error)))


def _read(connection: Connection) -> CountedCalls:
    place = connection.execute(engine_sql("workload/statistics")).fetchone()
    at, started, schema, has_info, is_partly_off = place or (0, None, None, False, False)
    if schema is None:
        return CountedCalls(at, server_start=started, problem="the extension pg_stat_statements is missing")
    if is_partly_off:
        problem = "pg_stat_statements.track = none, or compute_query_id = off, leaves out calls of some roles or of all"
        return CountedCalls(at, server_start=started, problem=problem)
    reset_at, evictions = None, None
    if has_info:
        # Before the counters: what is reset or evicted in between is seen by the next look.
        info = connection.execute(
            sql.SQL(
                """select pg_catalog.to_char(i.stats_reset at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), i.dealloc
                from {} i"""
            ).format(sql.Identifier(schema, "pg_stat_statements_info"))
        ).fetchone()
        reset_at, evictions = info or (None, None)
    rows = connection.execute(
        sql.SQL(
            """select s.queryid || '/' || s.userid, pg_catalog.sum(s.calls)::bigint
            from {}(false) s
            where s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
            group by 1"""
        ).format(sql.Identifier(schema, "pg_stat_statements"))
    ).fetchall()
    by_key: dict[str, int] = dict(rows)
    if None in by_key:
        problem = "the calls of other roles are not visible to this role, which needs pg_read_all_stats"
        return CountedCalls(at, server_start=started, problem=problem)
    return CountedCalls(_now(connection), by_key, reset_at, evictions, started)


def _now(connection: Connection) -> int:
    row = connection.execute(
        "select pg_catalog.ceil(extract(epoch from pg_catalog.clock_timestamp()))::bigint"
    ).fetchone()
    return int(row[0]) if row else 0
