"""The statements of a deployment for a reader: one line for each with all its tries, and what runs now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from pg_deploy.ledger.kinds.rehearsal import Rehearsal
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

_STATEMENTS = engine_sql("ui/statements")
_WORKING = engine_sql("ui/working_now")


@dataclass(frozen=True)
class StatementTry:
    """One row of deploy_ledger.statement_run, which is one try of one statement, with its migration's version."""

    version: str
    attempt_id: int
    direction: str
    segment: int
    ordinal: int
    try_: int
    transactional: bool
    line: int
    summary: str
    pid: int
    started_at: datetime | None
    ended_at: datetime | None
    sqlstate: str | None
    error: str | None
    notices: list[str]
    waited_s: float
    blockers: list[str]

    @property
    def has_ended(self) -> bool:
        """Whether the try took effect: an end that can be read was committed with it."""
        return self.ended_at is not None


@dataclass(frozen=True)
class StatementLine:
    """One statement: how its last try ended, and for how long and for whom all its tries waited."""

    last: StatementTry
    tries: int
    waited_s: float
    blockers: tuple[str, ...]
    locks: tuple[str, ...]
    rehearsed_s: float | None

    @property
    def seconds(self) -> float | None:
        """How long the try that took effect ran, or None if none did."""
        last = self.last
        if last.started_at is None or last.ended_at is None:
            return None
        return (last.ended_at - last.started_at).total_seconds()

    @property
    def state(self) -> str:
        """done, failed, or not done. Not done is a statement that runs now or was aborted with its transaction."""
        return "failed" if self.last.error else "done" if self.last.has_ended else "not done"


@dataclass(frozen=True)
class WorkingSession:
    """A session of the deployment that runs a statement now. `percent` is None if the server does not tell it."""

    pid: int
    seconds: float
    phase: str | None
    percent: float | None
    blockers: list[str]
    what: str = ""


def read_statements(connection: Connection, deployment_id: int) -> tuple[StatementTry, ...]:
    """All tries of all statements that the deployment ran on the target. Reads only."""
    rows = connection.execute(_STATEMENTS, {"deployment": deployment_id}).fetchall()
    return tuple(StatementTry(*row) for row in rows)


def read_working(
    connection: Connection, deployment_id: int, tries: Sequence[StatementTry]
) -> tuple[WorkingSession, ...]:
    """What the deployment's sessions do now. Reads only."""
    with connection.cursor(row_factory=class_row(WorkingSession)) as cursor:
        rows = cursor.execute(_WORKING, {"deployment": deployment_id}).fetchall()
    named = {one.pid: f"line {one.line}: {one.summary}" for one in reversed(tries) if not one.has_ended}
    return tuple(WorkingSession(**{**vars(row), "what": named.get(row.pid, "")}) for row in rows)


def make_statement_lines(
    tries: Iterable[StatementTry], version: str, directions: Sequence[str], rehearsal: Rehearsal | None
) -> tuple[StatementLine, ...]:
    """One line for each statement of a migration in those directions, in the order in which they ran. Pure."""
    tries_by_statement: dict[tuple[object, ...], list[StatementTry]] = {}
    for one in tries:
        if one.version == version and one.direction in directions:
            tries_by_statement.setdefault((one.attempt_id, one.direction, one.segment, one.ordinal), []).append(one)
    rehearsed = _rehearsed(rehearsal) if "apply" in directions else {}
    lines = []
    for same in tries_by_statement.values():
        last = same[-1]
        locks, seconds = rehearsed.get(last.line, ((), None))
        lines.append(
            StatementLine(
                last,
                len(same),
                sum(one.waited_s for one in same),
                tuple(dict.fromkeys(blocker for one in same for blocker in one.blockers)),
                locks,
                seconds,
            )
        )
    return tuple(lines)


def _rehearsed(rehearsal: Rehearsal | None) -> Mapping[int, tuple[tuple[str, ...], float | None]]:
    """By line: the locks that the statement was the first to take on the copy, and for how many seconds it ran there."""
    by_line: dict[int, tuple[tuple[str, ...], float | None]] = {}
    for each in rehearsal.statements if rehearsal else ():
        by_line[each.line] = (tuple(f"{lock.mode.sql} on {lock.relation}" for lock in each.locks), each.seconds)
    return by_line
