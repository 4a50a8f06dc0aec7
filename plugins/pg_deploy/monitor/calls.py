"""The record of calls: at each look it is written on, or begins anew. The proof that nobody names an object reads it."""

from __future__ import annotations

import psycopg

from pg_deploy.monitor import samples
from pg_deploy.monitor.measures import set_deadlines
from pg_deploy.monitor.samples import Sample
from pg_deploy.postgres.session import Connection, one_line
from pg_deploy.workload.statement_calls import (
    MEASURE,
    CountedCalls,
    StatementCalls,
    begun,
    read_counted_calls,
    read_gap_limit,
)


def remember_calls(connection: Connection, sample: Sample) -> StatementCalls:
    """Compare the calls with those of the last look, and keep when each statement was last called. Commits once.

    Counters that cannot be read end the record. Raises only if the connection is lost.
    """
    kept = samples.read_memory(connection, MEASURE)
    now = _count(connection)
    if kept:
        record = StatementCalls.from_json(kept).after(now, read_gap_limit(connection))
    else:
        record = begun(now, f"the monitor first looked at {sample.taken_at:%Y-%m-%d %H:%M} UTC")
    samples.put_memory(connection, sample, MEASURE, record.as_json())
    return record


def _count(connection: Connection) -> CountedCalls:
    try:
        with connection.transaction():
            set_deadlines(connection)
            return read_counted_calls(connection)
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        # Hidden from this role, not in shared_preload_libraries, or too slow.
        problem = one_line(error.diag.message_primary or str(error))
    row = connection.execute("select extract(epoch from pg_catalog.clock_timestamp())::bigint").fetchone()
    return CountedCalls(row[0] if row else 0, problem=problem)
