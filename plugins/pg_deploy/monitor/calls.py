"""The record of calls: at each look it is written on, or begins anew. The proof that nobody names an object reads it."""

from __future__ import annotations

from pg_deploy.monitor import samples
from pg_deploy.monitor.samples import Sample
from pg_deploy.postgres.session import Connection
from pg_deploy.workload.statement_calls import (
    MEASURE,
    StatementCalls,
    begin_record,
    read_counted_calls,
    read_gap_limit,
)


def remember_calls(connection: Connection, sample: Sample) -> StatementCalls:
    """Compare the calls with those of the last look, and keep when each statement was last called. Commits once.

    Counters that cannot be read end the record. Raises only if the connection is lost.
    """
    kept = samples.read_memory(connection, MEASURE)
    now = read_counted_calls(connection)
    if kept:
        record = StatementCalls.from_json(kept).after(now, read_gap_limit(connection))
    else:
        record = begin_record(now, f"the monitor first looked at {sample.taken_at:%Y-%m-%d %H:%M} UTC")
    samples.put_memory(connection, sample, MEASURE, record.as_json())
    return record
