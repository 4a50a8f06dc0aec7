"""Attempts at a migration, the states that they pass through, and the statements that were run for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.abc import Params
from psycopg.rows import kwargs_row

from pg_deploy.ledger.errors import AttemptStateError
from pg_deploy.ledger.sealing import seal
from pg_deploy.ledger.word_enum import Word
from pg_deploy.parsing.statements import Segment
from pg_deploy.postgres.session import Backend, Connection
from pg_deploy.postgres.sql_files import EngineText, engine_text
from pg_deploy.presentation.secrecy import without_secrets


class State(Word):
    """How far an attempt came."""

    PLANNED = "planned"
    SNAPSHOTTED = "snapshotted"
    APPLYING = "applying"
    APPLIED = "applied"
    VERIFIED = "verified"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"
    BASELINED = "baselined"


MOVES: Mapping[State, tuple[State, ...]] = {
    State.PLANNED: (State.SNAPSHOTTED,),
    State.SNAPSHOTTED: (State.APPLYING,),
    State.APPLYING: (State.APPLIED, State.ROLLING_BACK),
    State.APPLIED: (State.VERIFIED, State.ROLLING_BACK),
    State.VERIFIED: (State.ROLLING_BACK,),
    State.ROLLING_BACK: (State.ROLLED_BACK, State.ROLLBACK_FAILED),
    State.ROLLED_BACK: (),
    State.ROLLBACK_FAILED: (State.ROLLING_BACK,),
    State.BASELINED: (),
}
"""The states that may follow each state; only `reset_to_verified`, on a copy, makes another move."""

UNFINISHED = (State.APPLYING, State.APPLIED, State.ROLLING_BACK, State.ROLLBACK_FAILED)
"""Something was begun and not finished: the next run takes the attempt up again."""
UNDOABLE = (State.VERIFIED, *UNFINISHED)
"""Something of it is in the database, or may be."""

_COLUMNS = "id, deployment_id, version, stem, sql_hash, state, error, started_at, applied_at, verified_at, ended_at"


@dataclass(frozen=True)
class Attempt:
    """One row of deploy_ledger.attempt."""

    id: int
    deployment_id: int
    version: str
    stem: str
    sql_hash: str
    state: State
    error: str | None
    started_at: datetime
    applied_at: datetime | None
    verified_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class StatementRun:
    """What happened to one statement: times of the server's clock, and how long it waited for locks, in seconds."""

    ordinal: int
    started_at: datetime | None
    ended_at: datetime | None
    notices: tuple[str, ...] = ()
    waited_s: float = 0.0
    blockers: tuple[str, ...] = ()


def start(connection: Connection, deployment_id: int, *, version: str, stem: str, sql_hash: str) -> Attempt:
    """A new attempt, state planned. Commits once."""
    return _only(
        connection,
        engine_text(f"""insert into deploy_ledger.attempt (deployment_id, version, stem, sql_hash, state)
        values (%s, %s, %s, %s, %s) returning {_COLUMNS}"""),
        [deployment_id, version, stem, sql_hash, State.PLANNED],
    )


def baseline(connection: Connection, deployment_id: int, *, version: str, stem: str, sql_hash: str) -> Attempt:
    """An attempt that records a migration made by hand, state baselined. Commits once."""
    return _only(
        connection,
        engine_text(f"""insert into deploy_ledger.attempt (deployment_id, version, stem, sql_hash, state, ended_at)
        values (%s, %s, %s, %s, %s, clock_timestamp()) returning {_COLUMNS}"""),
        [deployment_id, version, stem, sql_hash, State.BASELINED],
    )


def latest(connection: Connection, version: str) -> Attempt | None:
    """The newest attempt at `version`, if any. Reads only."""
    return latest_by_version(connection, [version]).get(version)


def latest_by_version(connection: Connection, versions: Iterable[str]) -> dict[str, Attempt]:
    """The newest attempt at each of `versions` that has one. Reads only."""
    rows = _all(
        connection,
        engine_text(f"""select distinct on (version) {_COLUMNS} from deploy_ledger.attempt
        where version = any (%s) order by version, id desc"""),
        [list(versions)],
    )
    return {row.version: row for row in rows}


def by_id(connection: Connection, attempt_id: int) -> Attempt:
    """The attempt of that id. Reads only."""
    return _only(connection, engine_text(f"select {_COLUMNS} from deploy_ledger.attempt where id = %s"), [attempt_id])


def of_deployment(connection: Connection, deployment_id: int) -> tuple[Attempt, ...]:
    """The attempts that a deployment worked on, oldest first: those it started and those it took up again. Reads only."""
    return _all(
        connection,
        engine_text(f"""select {_COLUMNS} from deploy_ledger.attempt a
        where a.deployment_id = %(id)s
            or exists (select from deploy_ledger.evidence e where e.deployment_id = %(id)s and e.attempt_id = a.id)
            or exists (
                select from deploy_ledger.statement_run s where s.deployment_id = %(id)s and s.attempt_id = a.id
            )
        order by a.id"""),
        {"id": deployment_id},
    )


def move(
    connection: Connection, attempt: Attempt, state: State, *, error: str | None = None, waits: bool = True
) -> Attempt:
    """The attempt in its new state; verified, rolled_back and rollback_failed get their times.

    It is part of the caller's transaction, if there is one. With `waits` false the commit does not wait for the disk: the next
    commit that waits writes this one too. Raises AttemptStateError if the state in the ledger is no longer the one that the
    caller saw, and ValueError for a move that no attempt makes.
    """
    if state not in MOVES[attempt.state]:
        raise ValueError(f"no attempt moves from {attempt.state} to {state}")
    moved = _all(
        connection,
        engine_text(f"""update deploy_ledger.attempt set
            state = %(state)s,
            error = coalesce(%(error)s, error),
            applied_at = case when %(state)s = %(applied)s then clock_timestamp() else applied_at end,
            verified_at = case when %(state)s = %(verified)s then clock_timestamp() else verified_at end,
            ended_at = case when %(state)s in (%(verified)s, %(rolled_back)s) then clock_timestamp() end
        from pg_catalog.set_config('synchronous_commit',
            case when %(waits)s then pg_catalog.current_setting('synchronous_commit') else 'off' end, true)
        where id = %(id)s and state = %(seen)s
        returning {_COLUMNS}"""),
        {
            "state": state,
            "error": error and without_secrets(error),
            "id": attempt.id,
            "seen": attempt.state,
            "waits": waits,
            "applied": State.APPLIED,
            "verified": State.VERIFIED,
            "rolled_back": State.ROLLED_BACK,
        },
    )
    if not moved:
        raise AttemptStateError(attempt.stem, attempt.state, state)
    return moved[0]


def reset_to_verified(connection: Connection, attempt: Attempt) -> None:
    """Put an attempt on a copy back to verified, after a rollback of which nothing was committed. Commits once."""
    connection.execute(
        engine_text(
            "update deploy_ledger.attempt set state = %s, error = null, ended_at = clock_timestamp() where id = %s"
        ),
        [State.VERIFIED, attempt.id],
    )


def committed_segments(connection: Connection, attempt_id: int, direction: str) -> frozenset[int]:
    """The segments all of whose statements ended, in the newest try that reached them. Reads only."""
    rows = connection.execute(
        engine_text("""select segment from deploy_ledger.statement_run
        where attempt_id = %s and direction = %s
        group by segment, try having bool_and(ended_at is not null and sqlstate is null)"""),
        [attempt_id, direction],
    ).fetchall()
    return frozenset(row[0] for row in rows)


def without_statements(connection: Connection, attempt_ids: Sequence[int]) -> frozenset[int]:
    """The attempts without a statement that is known to have ended: nobody believes a state alone. Reads only."""
    rows = connection.execute(
        engine_text("""select a.id from unnest(%s::bigint[]) as a (id)
        where not exists (
            select from deploy_ledger.statement_run s
            where s.attempt_id = a.id and s.direction = 'apply' and s.ended_at is not null and s.sqlstate is null
        )"""),
        [list(attempt_ids)],
    ).fetchall()
    return frozenset(row[0] for row in rows)


def committed_rollback_segments(connection: Connection, attempt_id: int, text: str) -> frozenset[int]:
    """The segments of the rollback `text` that were committed by this attempt or a corrected run of it. Reads only.

    Segments of another text say nothing: a corrected rollback.sql runs from its beginning.
    """
    rows = connection.execute(
        engine_text("""select s.segment
        from deploy_ledger.statement_run s
        join deploy_ledger.attempt a on a.id = s.attempt_id
        left join deploy_ledger.planned_migration mine
            on mine.deployment_id = s.deployment_id and mine.version = a.version
        left join deploy_ledger.planned_migration first
            on first.deployment_id = a.deployment_id and first.version = a.version
        where s.attempt_id = %s and s.direction = 'rollback' and coalesce(mine.rollback, first.rollback) = %s
        group by s.segment, s.try having bool_and(s.ended_at is not null and s.sqlstate is null)"""),
        [attempt_id, seal(text)],
    ).fetchall()
    return frozenset(row[0] for row in rows)


def begun_outside_transaction(connection: Connection, attempt_id: int, direction: str) -> frozenset[int]:
    """The segments that no transaction protects and that were begun: only the catalog says what they left. Reads only."""
    rows = connection.execute(
        engine_text("""select distinct segment from deploy_ledger.statement_run
        where attempt_id = %s and direction = %s and not transactional"""),
        [attempt_id, direction],
    ).fetchall()
    return frozenset(row[0] for row in rows)


def begun_segments(connection: Connection, attempt_id: int, direction: str) -> frozenset[int]:
    """The segments with a statement that was begun. Reads only."""
    rows = connection.execute(
        engine_text(
            "select distinct segment from deploy_ledger.statement_run where attempt_id = %s and direction = %s"
        ),
        [attempt_id, direction],
    ).fetchall()
    return frozenset(row[0] for row in rows)


def begun_statement(connection: Connection, attempt_id: int, direction: str, segment: Segment) -> bool:
    """Whether this segment of one statement was begun, with this statement: a corrected rollback.sql has others. Reads only."""
    (statement,) = segment.statements
    row = connection.execute(
        engine_text("""select from deploy_ledger.statement_run
        where attempt_id = %s and direction = %s and segment = %s and kind = %s and summary = %s limit 1"""),
        [attempt_id, direction, segment.ordinal, statement.kind, statement.summary],
    ).fetchone()
    return row is not None


def begin_segment(
    connection: Connection, attempt_id: int, deployment_id: int, direction: str, segment: Segment, backend: Backend
) -> int:
    """Write down, before anything runs, which statements this backend is about to run; returns the try. Commits once.

    If the segment is a transaction, this commit does not wait for the disk: the transaction's commit writes both, and if the
    server crashes before, nothing of either is left.
    """
    row = connection.execute(
        engine_text("""with previous as (
            select coalesce(max(try), 0) as try from deploy_ledger.statement_run
            where attempt_id = %(attempt)s and direction = %(direction)s and segment = %(segment)s
        ), made as (
            insert into deploy_ledger.statement_run
                (attempt_id, deployment_id, direction, try, segment, transactional, ordinal, line, kind, summary, pid,
                backend_start)
            select %(attempt)s, %(deployment)s, %(direction)s, p.try + 1, %(segment)s, %(transactional)s, s.ordinal, s.line, s.kind,
                s.summary, %(pid)s, %(start)s
            from pg_catalog.set_config('synchronous_commit',
                    case when %(transactional)s then 'off' else pg_catalog.current_setting('synchronous_commit') end, true),
                previous p,
                unnest(%(ordinals)s::int[], %(lines)s::int[], %(kinds)s::text[], %(summaries)s::text[])
                    as s (ordinal, line, kind, summary)
            returning try
        )
        select max(try) from made"""),
        {
            "attempt": attempt_id,
            "deployment": deployment_id,
            "direction": direction,
            "segment": segment.ordinal,
            "transactional": segment.transactional,
            "pid": backend.pid,
            "start": backend.started_at,
            "ordinals": [s.ordinal for s in segment.statements],
            "lines": [s.line for s in segment.statements],
            "kinds": [s.kind for s in segment.statements],
            "summaries": [s.summary for s in segment.statements],
        },
    ).fetchone()
    return int(row[0]) if row else 0


def end_segment(
    connection: Connection,
    attempt_id: int,
    direction: str,
    segment: int,
    attempt_try: int,
    runs: Sequence[StatementRun],
) -> None:
    """Write the times of statements that ended. Called inside the transaction that made the change, if one did."""
    connection.execute(
        engine_text("""update deploy_ledger.statement_run r
        set started_at = d.started_at, ended_at = d.ended_at, notices = array(
            select n.line from unnest(%(owners)s::int[], %(lines)s::text[]) as n (ordinal, line)
            where n.ordinal = r.ordinal
        ), waited_s = d.waited_s, blockers = array(
            select b.line from unnest(%(blocked)s::int[], %(blockers)s::text[]) as b (ordinal, line)
            where b.ordinal = r.ordinal
        )
        from unnest(%(ordinals)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(waits)s::float8[])
            as d (ordinal, started_at, ended_at, waited_s)
        where r.attempt_id = %(attempt)s and r.direction = %(direction)s and r.segment = %(segment)s
            and r.try = %(try)s and r.ordinal = d.ordinal"""),
        {
            "attempt": attempt_id,
            "direction": direction,
            "segment": segment,
            "try": attempt_try,
            "ordinals": [run.ordinal for run in runs],
            "starts": [run.started_at for run in runs],
            "ends": [run.ended_at for run in runs],
            "owners": [run.ordinal for run in runs for _ in run.notices],
            "lines": [notice for run in runs for notice in run.notices],
            "waits": [run.waited_s for run in runs],
            "blocked": [run.ordinal for run in runs for _ in run.blockers],
            "blockers": [blocker for run in runs for blocker in run.blockers],
        },
    )


def fail_statement(
    connection: Connection,
    attempt_id: int,
    direction: str,
    segment: int,
    attempt_try: int,
    ordinal: int,
    *,
    sqlstate: str,
    error: str,
    waited_s: float = 0.0,
    blockers: Sequence[str] = (),
) -> None:
    """Write why a statement failed, and how long it waited. Commits once, outside the transaction that was aborted."""
    connection.execute(
        engine_text("""update deploy_ledger.statement_run set sqlstate = %s, error = %s, waited_s = %s, blockers = %s
        where attempt_id = %s and direction = %s and segment = %s and try = %s and ordinal = %s"""),
        [sqlstate, error, waited_s, list(blockers), attempt_id, direction, segment, attempt_try, ordinal],
    )


def _read(*, state: str, **columns: Any) -> Attempt:
    return Attempt(state=State(state), **columns)


def _all(connection: Connection, query: EngineText, arguments: Params) -> tuple[Attempt, ...]:
    with connection.cursor(row_factory=kwargs_row(_read)) as cursor:
        return tuple(cursor.execute(query, arguments).fetchall())


def _only(connection: Connection, query: EngineText, arguments: Params) -> Attempt:
    for row in _all(connection, query, arguments):
        return row
    raise AttemptStateError("attempt", "present", "absent")
