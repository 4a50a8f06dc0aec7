"""The proof that a drop is safe for the application: nobody has called a statement that names the object for long enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger.kinds.workload import RecordedStatement
from pg_deploy.postgres.session import Connection
from pg_deploy.workload.statement_calls import (
    CountedCalls,
    StatementCalls,
    format_time,
    read_counted_calls,
    read_gap_limit,
    read_statement_calls,
)

_SCHEDULE = "schedule monitor_database, whose samples prove that nobody calls a statement"


@dataclass(frozen=True)
class Quiet:
    """For how many seconds none of some statements was called, as far as the samples show, and the sentence for a person.

    `is_enough` says whether that is as long as was asked for; the sentence then says so, else what is in the way.
    """

    seconds: float
    is_enough: bool
    sentence: str


def prove_quiet(
    connection: Connection,
    name: str,
    statements: Sequence[RecordedStatement],
    asked_s: float,
    *,
    now: CountedCalls | None = None,
) -> Quiet:
    """Whether none of `statements`, all that name `name`, was called for `asked_s` seconds. Reads only.

    Only what the monitor's record proves counts: a record that begins too late, or that may have lost a call, is not enough. A
    statement that the record does not know counts as called now. `now` are the counters of this moment, read here if not given.
    """
    record = read_statement_calls(connection)
    if record is None:
        return Quiet(0, False, f"there are no samples: {_SCHEDULE}")
    counted = now or read_counted_calls(connection)
    lost = record.lost_until(counted, read_gap_limit(connection))
    if lost is not None:
        return Quiet(0, False, f"{lost}: what was called since the last sample is not known")
    return _judged(record, counted, name, statements, asked_s)


def _judged(
    record: StatementCalls, now: CountedCalls, name: str, statements: Sequence[RecordedStatement], asked_s: float
) -> Quiet:
    last: tuple[int, RecordedStatement] | None = None
    for each in statements:
        at = max(_last_call(record, now, key) for key in each.keys)
        if at and (last is None or at > last[0]):
            last = at, each
    quiet = now.at - max(record.since, last[0] if last else 0)
    if quiet >= asked_s:
        return Quiet(quiet, True, f"no statement that names {name} was called for {format_duration(quiet)}")
    asked = f"quiet_for asks for {format_duration(asked_s)}"
    if last is not None:
        at, statement = last
        if at < now.at:
            said = f"was called {format_duration(now.at - at)} ago"
        elif all(key in record.calls for key in statement.keys):
            said = f"was called since the monitor's last sample of {format_time(record.last_look)}"
        else:
            said = f"is new since the monitor's last sample of {format_time(record.last_look)}"
        return Quiet(quiet, False, f"the statement {statement.id} ({statement.role}) {said}, and {asked}")
    shown = f"the monitor's samples show {format_duration(quiet)} without a gap, and {asked}"
    return Quiet(quiet, False, f"{shown}; before that, {record.why_begun}" if record.why_begun else shown)


def _last_call(record: StatementCalls, now: CountedCalls, key: str) -> int:
    """When the statement was last called, as far as is known; 0 if not since the record began."""
    known = record.calls.get(key)
    if known is None or now.by_key.get(key, 0) > known:
        return now.at
    return record.last_calls.get(key, 0)
