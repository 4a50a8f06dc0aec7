"""Running segments: each transaction under one deadline; each statement outside a transaction checked by the catalog.

Apply and rollback both use it. A transaction writes itself into the ledger, so its work and its record commit together.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg

from pg_deploy.configuration.duration import format_duration
from pg_deploy.configuration.limits import Limits
from pg_deploy.errors import ConnectionLostError, PgDeployError
from pg_deploy.execution import concurrent_builds
from pg_deploy.execution.errors import HeldUpError, LockBudgetExceededError, LockNotObtainedError, StatementFailedError
from pg_deploy.execution.lost_connections import is_lost, is_read_only
from pg_deploy.execution.remedies_from_database import way_out
from pg_deploy.execution.server_watch import ServerWatch, budget_kept_by_server
from pg_deploy.execution.statement_watch import Observation, Watch
from pg_deploy.execution.stop_rules import wait_until_calm
from pg_deploy.execution.synchronous_standby import wait_for_standby
from pg_deploy.execution.transaction_counters import count_from_none, hands_counts_over
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger.attempt import StatementRun
from pg_deploy.ledger.guard import Guard
from pg_deploy.parsing.statements import Segment, Statement
from pg_deploy.postgres.server_identity import server_of
from pg_deploy.postgres.session import (
    CHECK_CLIENT_EVERY,
    EMPTY_SEARCH_PATH,
    RESTORE_SEARCH_PATH,
    Backend,
    Connection,
    Target,
    backend_and_time,
    one_line,
)
from pg_deploy.presentation.secrecy import without_secrets

# Statements that may change the settings that a new session begins with.
_SETS_DEFAULTS = {
    "alter role",
    "alter database",
    "alter system",
    "load",
    "drop role",
    "create extension",
    "alter extension",
}
_MOST_NOTICES, _LONGEST_NOTICE = 100, 500
_NO_LOCK, _DEADLOCK = "55P03", "40P01"
_RETRIED = {_NO_LOCK, _DEADLOCK, "40001"}
_CANCELLED = "57014"
# The time that the ledger's rows and the commit always get: to abort over a few milliseconds more would help nobody.
_BOOKKEEPING_MS = 200
# If the statements took a smaller share of the budget than this, it was this process or the machine that used it up.
_MOSTLY = 0.8
# How much longer than the budget the server waits for a silent client, because its next message may be on its way.
_GRACE_MS = 250
_UNLOCKED_SILENCE_S = 60.0
# The longest time between two looks of the watch.
_UNSEEN_S = 0.25
# Timeouts are whole milliseconds, rounded down, so a statement may be ended this much before its deadline.
_CLOSE_ENOUGH_S = 0.05

# These run in the migration's session, under its search_path, so every name has its schema.
_FOR_A_BUILD = """select pg_catalog.set_config('lock_timeout', '0', false),
    pg_catalog.set_config('statement_timeout', '0', false),
    case when pg_catalog.current_setting('client_connection_check_interval', true) is not null
        then pg_catalog.set_config('client_connection_check_interval', '0', false) end"""
_AFTER_A_BUILD = f"""select case when pg_catalog.current_setting('client_connection_check_interval', true) is not null
    and pg_catalog.version() operator(pg_catalog.~~) '%linux%'
    then pg_catalog.set_config('client_connection_check_interval', '{CHECK_CLIENT_EVERY}', false) end"""

# We write the ledger as the deploying role and in a known format, whatever role, encoding or date style the migration chose.
# After the commit its own choice is in force again.
_AS_OURSELVES = (
    f"{EMPTY_SEARCH_PATH}; set local role none; set local client_encoding = 'UTF8';"
    " set local datestyle = 'ISO'; set local intervalstyle = 'postgres'"
)

BeforeCommit = Callable[[Connection, Segment], None]


class Observer:
    """Is called while segments run, and may refuse one by raising. This one does nothing; a rehearsal passes another."""

    def after_statement(self, connection: Connection, statement: Statement, seconds: float) -> None:
        """Called when a statement of an open transaction has ended. Its locks are still held."""

    def around_statement(self, connection: Connection, statement: Statement) -> AbstractContextManager[None]:
        """Entered around each statement of an open transaction."""
        return nullcontext()

    def before_commit(self, connection: Connection, segment: Segment) -> None:
        """Called when a segment's transaction is about to commit."""

    def around_statement_alone(
        self, target: Target, backend: Backend, statement: Statement
    ) -> AbstractContextManager[None]:
        """Entered around each statement that runs outside a transaction."""
        return nullcontext()


@dataclass(frozen=True)
class Work:
    """One direction of one attempt: where to run, under which guard, and from which file the statements come.

    `is_written`: somebody wrote that file. If not, it was generated.
    """

    target: Target
    guard: Guard
    attempt_id: int
    direction: str
    file: str
    text: str
    limits: Limits
    log: logging.Logger
    observer: Observer = field(default_factory=Observer)
    is_written: bool = True


@dataclass(frozen=True)
class _Session:
    connection: Connection
    backend: Backend
    clock: _ServerClock
    notices: list[str]


class _ServerClock:
    """The server's time, from one reading and this machine's monotonic clock, so that no statement has to ask for it."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._mark = time.monotonic()

    def at(self, monotonic: float) -> datetime:
        """The server's time at a moment of this machine's monotonic clock."""
        return self._at + timedelta(seconds=monotonic - self._mark)

    def now(self) -> datetime:
        return self._at + timedelta(seconds=time.monotonic() - self._mark)


def run_segments(
    work: Work, todo: Sequence[Segment], before_commit: BeforeCommit, *, done: Sequence[Segment] = ()
) -> None:
    """Run the segments `todo` in order on one connection.

    `done` are the segments that an earlier try committed. What they set in their session (a search_path, a role) is set again
    first, because the rest was written for it. `before_commit` is called with each segment, inside the transaction that
    writes it into the ledger. A transactional segment commits once or not at all.

    Raises StatementFailedError, LockNotObtainedError, LockBudgetExceededError or ConnectionLostError. Everything before the
    failed segment stays committed.
    """
    if not todo:
        return
    purpose = f"{work.guard.ownership.deployment_id} {work.direction} {work.file}"
    with (
        # A rollback is judged by the server's counts of its transaction. In a used session they may include earlier, aborted ones.
        work.guard.session(
            purpose,
            keep=not any(map(_changes_sessions_to_come, todo)),
            role_search_path=True,
            new=work.direction != "apply" and not hands_counts_over(work.guard.connection),
        ) as connection,
        _collected_notices(connection) as notices,
        _guard_forgets(work.guard),
    ):
        backend, now = backend_and_time(connection)
        session = _Session(connection, backend, _ServerClock(now), notices)
        for statement in (statement for segment in done for statement in segment.statements):
            if statement.session_state:
                work.log.info("  line %d, for the session: %s", statement.line, statement.summary)
                connection.execute(statement.sql.encode())
        for segment in todo:
            work.guard.check_fence()
            wait_until_calm(
                work.guard.connection, work.limits.stop_rules, give_up_after=work.limits.give_up_after, log=work.log
            )
            if segment.transactional:
                if segment.strong:
                    wait_for_standby(connection, give_up_after=work.limits.give_up_after, log=work.log)
                _transaction_with_retries(work, session, segment, before_commit)
            else:
                _outside_transaction(work, session, segment, before_commit)


@contextmanager
def _guard_forgets(guard: Guard) -> Iterator[None]:
    """What the guard remembers of the catalog is not valid during and after the segments."""
    guard.forget()
    try:
        yield
    finally:
        guard.forget()


def _changes_sessions_to_come(segment: Segment) -> bool:
    return any(each.opaque or each.kind in _SETS_DEFAULTS for each in segment.statements)


@contextmanager
def _collected_notices(connection: Connection) -> Iterator[list[str]]:
    """A list to which the server's notices are added as they arrive."""
    notices: list[str] = []

    def collect(notice: psycopg.errors.Diagnostic) -> None:
        # A loop over a million rows may raise a million notices, and each may be as long as a row.
        if len(notices) < _MOST_NOTICES:
            text = without_secrets(one_line(notice.message_primary or ""))
            notices.append(
                f"{notice.severity}: {text if len(text) <= _LONGEST_NOTICE else text[:_LONGEST_NOTICE] + ' …'}"
            )
        elif len(notices) == _MOST_NOTICES:
            notices.append(f"and more: the first {_MOST_NOTICES} are shown and kept")

    connection.add_notice_handler(collect)
    try:
        yield notices
    finally:
        connection.remove_notice_handler(collect)


def _transaction_with_retries(work: Work, session: _Session, segment: Segment, before_commit: BeforeCommit) -> None:
    started = time.monotonic()
    pause = 0.5
    while True:
        try:
            _transaction(work, session, segment, before_commit)
            return
        except _LockTrouble as trouble:
            waited = time.monotonic() - started
            for blocker in trouble.blockers:
                work.log.info("    blocked by %s", blocker)
            if waited + pause >= work.limits.give_up_after:
                if trouble.is_ours:
                    raise HeldUpError(work.file, trouble.statement.line, work.limits.lock_budget, waited) from None
                raise LockNotObtainedError(
                    trouble.statement.summary, work.file, trouble.statement.line, waited, tuple(trouble.blockers)
                ) from None
            delay = pause * random.uniform(0.5, 1.5)
            work.log.info(
                "    %s; aborted so that nobody waits behind it, again in %s", trouble.why, format_duration(delay)
            )
            time.sleep(delay)
            pause = min(pause * 2, work.limits.slowest_pause)


class NotKept(Exception):  # no error: the caller asked for it
    """Raised before a commit by a caller that only wanted to see the effect of the statements. They are taken back."""


class _LockTrouble(Exception):
    """A transaction was aborted because of a lock, and may be tried again."""

    def __init__(self, statement: Statement, why: str, blockers: list[str], *, is_ours: bool = False) -> None:
        super().__init__(why)
        self.statement = statement
        self.why = why
        self.blockers = blockers
        self.is_ours = is_ours
        """Whether its statements were quick, but what we did beside them was slow."""


def _transaction(work: Work, session: _Session, segment: Segment, before_commit: BeforeCommit) -> None:
    if not any(statement.opaque for statement in segment.statements):
        _one_transaction(work, session, segment, before_commit, None)
        return
    limits = work.limits
    with budget_kept_by_server(
        work.target, session.backend, budget=limits.lock_budget, give_up_after=limits.give_up_after, log=work.log
    ) as server_watch:
        _one_transaction(work, session, segment, before_commit, server_watch)


def _one_transaction(
    work: Work, session: _Session, segment: Segment, before_commit: BeforeCommit, server_watch: ServerWatch | None
) -> None:
    """`server_watch` is there if the locks of a statement cannot be read from its text."""
    attempt_try = _begin(work, session, segment)
    connection = session.connection
    # Otherwise rows that a benchmark wrote and rolled back in this session a moment ago would count as the migration's.
    count_from_none(connection)
    runs: list[StatementRun] = []
    budget = _Budget(work.limits, server_watch)
    statement = segment.statements[0]
    is_committing = False
    new: set[str] = set()
    try:
        for statement in segment.statements:
            if any(claim.mode.strong and claim.relation not in new for claim in statement.locks):
                budget.start(statement)
            begin = "begin; " if not runs else ""
            connection.execute(f"{begin}{_timeouts(work, session, budget)}".encode())
            absent = _absent(connection, statement)
            runs.append(_run_statement(work, session, statement, budget))
            new.update(_made_here(connection, absent))
            _refuse_to_go_on(work, statement, budget)
        if any(each.writes_rows for each in segment.statements):
            _look_for_strong_lock(work, session, statement, budget)
        connection.execute(f"{_time_left(work, session, statement, budget)}; {_AS_OURSELVES}".encode())
        work.observer.before_commit(connection, segment)
        connection.execute(_time_left(work, session, statement, budget).encode())
        work.guard.hold_fence(connection)
        before_commit(connection, segment)
        connection.execute(_time_left(work, session, statement, budget).encode())
        attempts.end_segment(connection, work.attempt_id, work.direction, segment.ordinal, attempt_try, runs)
        timeouts = _time_left(work, session, statement, budget)
        # What was deferred is asked just before the commit, within which no timeout counts: that time is the migration's, not ours.
        is_committing = True
        with Watch(work.target, session.backend, work.log).over("the commit"):
            connection.execute(f"{timeouts}; {RESTORE_SEARCH_PATH}; set constraints all immediate; commit".encode())
    except NotKept:
        _abort(work, connection, statement)
    except _StatementTrouble as trouble:
        _abort(work, connection, trouble.statement)
        _write_failure(work, segment, attempt_try, trouble.statement, trouble.error, trouble.seen)
        raise _judge(work, trouble, budget) from trouble.error
    except psycopg.Error as error:
        if not is_committing and is_lost(error, connection) and budget.was_ended_by_server():
            # It did not react to a cancel, so the server ended its session.
            _write_failure(work, segment, attempt_try, statement, error)
            raise _over(work, statement, budget) from error
        _abort(work, connection, statement)
        if is_lost(error, connection) or (is_read_only(error) and _takes_no_writes(work)):
            raise ConnectionLostError(work.file, statement.line, one_line(str(error))) from error
        _write_failure(work, segment, attempt_try, statement, error)
        raise _judge_around(work, statement, error, budget, is_committing=is_committing) from error
    except BaseException:
        _abort(work, connection, statement)
        raise


def _refuse_to_go_on(work: Work, statement: Statement, budget: _Budget) -> None:
    """Raise once the budget is used up: under a lock that others wait for, no further statement is begun."""
    if not budget.is_over or (work.guard.quiet is not None and budget.worked_s < budget.seconds):
        return
    raise _used_up(work, statement, budget, "this process was held up while it held a lock")


def _time_left(work: Work, session: _Session, statement: Statement, budget: _Budget) -> str:
    """The timeouts of what we do next before the commit, after `statement`, the last; raises once the time is over.

    Without new ones each of our commands would have the time that was left after the last statement.
    """
    timeouts = _timeouts(work, session, budget, at_least_ms=_BOOKKEEPING_MS)
    if budget.deadline is not None and time.monotonic() > budget.deadline + _BOOKKEEPING_MS / 1000:
        raise _used_up(work, statement, budget, _OURS_TOOK_TOO_LONG)
    return timeouts


def _used_up(work: Work, statement: Statement, budget: _Budget, by_us: str) -> Exception:
    """What it means that the time is over; `by_us` says it if the statements had little of it."""
    if budget.is_spent_by_us:
        return _LockTrouble(statement, by_us, [], is_ours=True)
    return _over(work, statement, budget)


def _absent(connection: Connection, statement: Statement) -> list[str]:
    """The tables of `create table if not exists` that do not exist yet: if it makes them, nobody else sees them. Reads only."""
    names = [created.name for created in statement.creates if created.kind == "table"]
    if not statement.may_exist_before:
        return []
    if not names:
        return []
    rows = connection.execute(
        "select name from pg_catalog.unnest(%s::text[]) as t (name) where pg_catalog.to_regclass(name) is null", [names]
    )
    return [str(row[0]) for row in rows.fetchall()]


def _made_here(connection: Connection, absent: Sequence[str]) -> list[str]:
    """The tables among them that this transaction made, and not somebody who was quicker. Reads only."""
    if not absent:
        return []
    rows = connection.execute(
        """select t.name from pg_catalog.unnest(%s::text[]) as t (name)
        join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) pg_catalog.to_regclass(t.name)
        where c.xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid""",
        [list(absent)],
    )
    return [str(row[0]) for row in rows.fetchall()]


def _begin(work: Work, session: _Session, segment: Segment) -> int:
    """Write into the ledger that this backend begins the segment; returns the number of the try."""
    return attempts.begin_segment(
        work.guard.connection,
        work.attempt_id,
        work.guard.ownership.deployment_id,
        work.direction,
        segment,
        session.backend,
    )


class _Budget:
    """The deadline of a segment, counted from its first strong lock, and how much of it was spent blocked and in statements."""

    def __init__(self, limits: Limits, server_watch: ServerWatch | None) -> None:
        self.seconds = limits.lock_budget
        self.deadline: float | None = None
        self._server_watch = server_watch
        # Without a strong lock nobody waits, so what we look at before the commit may take its time. But an opaque statement
        # may hold a lock that its text does not show.
        self.silence_s = self.seconds if server_watch else max(self.seconds, _UNLOCKED_SILENCE_S)
        self.blocked_s = 0.0
        self._blockers: dict[str, str] = {}
        self.worked_s = 0.0
        self.looked_at = 0.0
        """When it was last asked whether a strong lock is held that no text shows (monotonic time)."""
        self.locked_by: Statement | None = None

    def start(self, statement: Statement, since: float | None = None) -> None:
        """`statement` takes the lock now, or took it at the monotonic time `since`, when it was first seen."""
        if self.deadline is None:
            self.locked_by = statement
            self.deadline = (time.monotonic() if since is None else since) + self.seconds

    def count_waiting(self, seen: Observation) -> None:
        """Add what was seen of one statement, also of one that got its lock: the next has only the time that it left."""
        self.blocked_s += seen.blocked_s
        self._blockers |= {each.split(" (", 1)[0]: each for each in seen.blockers}

    def was_ended_by_server(self) -> bool:
        """Whether the server's own watch ended the transaction, which is over, for its lock. Counts what that waited for others."""
        share = self._server_watch.share_waited() if self._server_watch else None
        if share is not None:
            self.blocked_s = max(self.blocked_s, share * self.seconds)
        return share is not None

    @property
    def blockers(self) -> list[str]:
        """Everybody whom the segment waited for, each session once, as it was last seen."""
        return list(self._blockers.values())

    def count_work_only(self) -> None:
        """On a private copy nobody waits, so only the statements' own time counts: set the deadline by what they left."""
        if self.deadline is not None:
            self.deadline = time.monotonic() + max(0.0, self.seconds - self.worked_s)

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() > self.deadline

    @property
    def is_spent_by_us(self) -> bool:
        """Whether the statements had so little of it that this process, or the machine, used it up."""
        return self.worked_s < _MOSTLY * self.seconds

    @property
    def is_used_up(self) -> bool:
        """Whether this deadline cancelled a statement, and not the run's statement_timeout or a person."""
        return self.deadline is not None and time.monotonic() > self.deadline - _CLOSE_ENOUGH_S


class _StatementTrouble(Exception):
    def __init__(self, statement: Statement, error: psycopg.Error, seen: Observation) -> None:
        super().__init__(str(error))
        self.statement = statement
        self.error = error
        self.seen = seen


def _run_statement(work: Work, session: _Session, statement: Statement, budget: _Budget) -> StatementRun:
    connection = session.connection
    # A statement's locks are read from its text. The watch sees what the text does not show (functions, do blocks, rules).
    limit = budget.seconds if budget.deadline is None else None
    watch = Watch(work.target, session.backend, work.log, strong_limit=limit)
    session.notices.clear()
    work.log.info("  line %d: %s", statement.line, statement.summary)
    started_at, started = session.clock.now(), time.monotonic()
    with watch.over(f"line {statement.line}") as seen:
        try:
            with work.observer.around_statement(connection, statement):
                cursor = connection.execute(_with_silence_limit(session, statement, budget))
        except psycopg.Error as error:
            if is_lost(error, connection) or (is_read_only(error) and _takes_no_writes(work)):
                raise
            raise _StatementTrouble(statement, error, seen) from error
        finally:
            took = time.monotonic() - started
    budget.count_waiting(seen)
    if budget.deadline is not None:
        budget.worked_s += took
    if statement.opaque or (statement.writes_rows and time.monotonic() - budget.looked_at > _UNSEEN_S):
        _look_for_strong_lock(work, session, statement, budget, seen.strong_since)
    work.observer.after_statement(connection, statement, took)
    for notice in session.notices:
        work.log.info("    %s", notice)
    work.log.info("    %s, %s", (cursor.statusmessage or "done").lower(), format_duration(took))
    return _ended(statement, started_at, session, seen)


def _look_for_strong_lock(
    work: Work, session: _Session, statement: Statement, budget: _Budget, since: float | None = None
) -> None:
    """Start the deadline if a strong lock is held that no text showed: of a function, or of a trigger or rule of what is written.

    `since` is when the watch saw it; if it did not, the lock was taken since the last look.
    """
    if budget.deadline is not None:
        return
    now = time.monotonic()
    if _holds_strong_lock(work, session):
        budget.start(statement, since or max(budget.looked_at, now - _UNSEEN_S))
    budget.looked_at = now


def _ended(statement: Statement, started_at: datetime, session: _Session, seen: Observation) -> StatementRun:
    return StatementRun(
        statement.ordinal,
        started_at,
        session.clock.now(),
        tuple(session.notices),
        round(seen.blocked_s, 3),
        tuple(seen.blockers),
    )


def _timeouts(work: Work, session: _Session, budget: _Budget, *, at_least_ms: int = 1) -> str:
    """The commands that give the next statement the time that is left, and limit the silence after it to the same.

    They are sent before each statement, because a migration may have set timeouts of its own. They are commands and no query
    of set_config(): nothing has to be planned, and no object of the migration can get in the way.
    """
    limits = work.limits
    if work.guard.quiet is not None:
        budget.count_work_only()
    lock_ms, statement_ms, silence_ms = 0, int(limits.statement_timeout * 1000), int(budget.silence_s * 1000)
    if budget.deadline is not None:
        left = max(at_least_ms, int((budget.deadline - time.monotonic()) * 1000))
        silence_ms = left
        # A little sooner than the statement's own timeout, so that the server's error says that it waited for a lock.
        lock_ms = max(1, left - left // 20)
        # lock_timeout counts for each lock. If a statement waits for two, this one ends it.
        statement_ms = min(left, statement_ms) if statement_ms else left
    timeouts = {
        "lock_timeout": lock_ms,
        "statement_timeout": statement_ms,
        # This one ends the transaction of a client that was stopped or cut off: it needs nothing from this process.
        "idle_in_transaction_session_timeout": silence_ms + _GRACE_MS,
    }
    if budget.deadline is not None:
        # If the client stops reading, the statement waits to send its rows, and no timeout of a statement ends that.
        timeouts["tcp_user_timeout"] = silence_ms + _GRACE_MS
        if session.connection.info.server_version >= 170000:
            # Not for our own statements before the commit: they end by themselves, and a busy machine is no lost connection.
            timeouts["transaction_timeout"] = 0 if at_least_ms > 1 else silence_ms + _GRACE_MS
    return "; ".join(f"set local {name} = {value}" for name, value in timeouts.items())


def _with_silence_limit(session: _Session, statement: Statement, budget: _Budget) -> bytes:
    """The statement, followed in the same message by one that limits the silence after it to the time that is left by then.

    The server computes that time, because this process may be stopped while the statement runs. From version 17 on
    transaction_timeout does the same.
    """
    sent = statement.sql.encode()
    if budget.deadline is None or session.connection.info.server_version >= 170000:
        return sent
    until = session.clock.at(budget.deadline) + timedelta(milliseconds=_GRACE_MS)
    return (
        sent
        + (
            "\n;select pg_catalog.set_config('idle_in_transaction_session_timeout', greatest(1, pg_catalog.ceil("
            f"pg_catalog.date_part('epoch', '{until.isoformat()}'::pg_catalog.timestamptz "
            "operator(pg_catalog.-) pg_catalog.clock_timestamp()) operator(pg_catalog.*) '1000'::pg_catalog.float8"
            ")::pg_catalog.int4)::pg_catalog.text, true)"
        ).encode()
    )


def _judge(work: Work, trouble: _StatementTrouble, budget: _Budget) -> Exception:
    """What the failure of a statement in a transaction means: try again later, held for too long, or simply wrong."""
    error, seen = trouble.error, trouble.seen
    if seen.waits_for_us:
        return _waits_for_us(work, trouble.statement, error)
    budget.count_waiting(seen)
    if error.sqlstate in _RETRIED:
        return _LockTrouble(trouble.statement, _WHY[error.sqlstate], budget.blockers)
    if error.sqlstate == _CANCELLED and (budget.is_used_up or seen.cancelled or budget.was_ended_by_server()):
        return _over(work, trouble.statement, budget)
    return _refused(work, error, trouble.statement)


def _judge_around(
    work: Work, statement: Statement, error: psycopg.Error, budget: _Budget, *, is_committing: bool
) -> Exception:
    """What an error beside the statements means, after `statement`: of what we look at before the commit, or of the commit."""
    was_cancelled = error.sqlstate == _CANCELLED and budget.is_used_up
    if was_cancelled and budget.is_spent_by_us and not is_committing:
        return _LockTrouble(statement, _OURS_TOOK_TOO_LONG, [], is_ours=True)
    if error.sqlstate in _RETRIED or was_cancelled:
        return _judge(work, _StatementTrouble(statement, error, Observation()), budget)
    return _refused(work, error, statement)


def _over(work: Work, statement: Statement, budget: _Budget) -> Exception:
    """The budget is used up: either by waiting for others, so it may be tried again, or by the work itself."""
    if budget.blocked_s > 0.3 * budget.seconds:
        return _LockTrouble(statement, "lock budget used up while waiting", budget.blockers)
    locked_by = budget.locked_by.line if budget.locked_by else statement.line
    return LockBudgetExceededError(statement.summary, work.file, statement.line, budget.seconds, locked_by=locked_by)


_OURS_TOOK_TOO_LONG = "what we look at before the commit took too long while a lock was held"
_WHY = {
    _NO_LOCK: "lock not obtained within the budget",
    _DEADLOCK: "chosen as the victim of a deadlock",
    "40001": "could not be serialized against other transactions",
}


def _outside_transaction(work: Work, session: _Session, segment: Segment, before_commit: BeforeCommit) -> None:
    (statement,) = segment.statements
    look = concurrent_builds.Look(
        work.guard.connection, session.connection, work.target, work.log, patience_s=work.limits.reattach
    )
    begun_before = attempts.begun_statement(work.guard.connection, work.attempt_id, work.direction, segment)
    if not begun_before:
        # What exists now is somebody else's. Refuse it before we write that we begin: a later try would take it for ours.
        concurrent_builds.refuse_what_is_in_the_way(look, statement)
    attempt_try = _begin(work, session, segment)
    work.log.info("  line %d: %s", statement.line, statement.summary)
    started_at, started = session.clock.now(), time.monotonic()
    session.notices.clear()
    done = begun_before and concurrent_builds.reconcile(look, statement)
    seen = Observation()
    if done:
        work.log.info("    already done by an earlier try, as the catalog shows")
    else:
        seen = _run_alone(work, session, segment, attempt_try, statement, look)
        concurrent_builds.confirm(look, statement)
        work.log.info("    done, %s", format_duration(time.monotonic() - started))
    run = _ended(statement, started_at, session, seen)
    connection = session.connection
    with connection.transaction():
        connection.execute(_AS_OURSELVES.encode())
        work.guard.hold_fence(connection)
        before_commit(connection, segment)
        attempts.end_segment(connection, work.attempt_id, work.direction, segment.ordinal, attempt_try, [run])


def _run_alone(
    work: Work,
    session: _Session,
    segment: Segment,
    attempt_try: int,
    statement: Statement,
    look: concurrent_builds.Look,
) -> Observation:
    connection = session.connection
    # No lock_timeout for a build: what it cancels leaves an invalid index behind, or a partition half detached.
    # The build also goes on when this process dies: the next try waits for it instead of throwing its work away.
    connection.execute(_FOR_A_BUILD)
    waits_shortly = statement.strong and not statement.kind.endswith("concurrently")
    if waits_shortly:
        # Whatever waits for a strong lock makes all others wait behind it, however long it may work once it has the lock.
        connection.execute(f"set lock_timeout = {max(1, int(work.limits.lock_budget * 1000))}".encode())
    started, pause = time.monotonic(), 0.5
    while True:
        with (
            work.observer.around_statement_alone(work.target, session.backend, statement),
            Watch(work.target, session.backend, work.log).over(f"line {statement.line}") as seen,
        ):
            try:
                connection.execute(statement.sql.encode())
                break
            except psycopg.Error as error:
                if is_lost(error, connection) or (is_read_only(error) and _takes_no_writes(work)):
                    raise ConnectionLostError(work.file, statement.line, one_line(str(error))) from error
                if seen.waits_for_us:
                    _write_failure(work, segment, attempt_try, statement, error, seen)
                    raise _waits_for_us(work, statement, error) from error
                keys = concurrent_builds.clear_failed_build(look, statement, error.sqlstate)
                waited = time.monotonic() - started
                got_no_lock = waits_shortly and error.sqlstate == _NO_LOCK
                again = (error.sqlstate == _DEADLOCK and statement.concurrent is not None) or (
                    got_no_lock and not statement.opaque
                )
                if not again or waited + pause >= work.limits.give_up_after:
                    _write_failure(work, segment, attempt_try, statement, error, seen)
                    raise (
                        _without_its_lock(work, statement, waited, seen)
                        if got_no_lock
                        else _refused(work, error, statement, keys)
                    ) from error
                why = _WHY[error.sqlstate or _DEADLOCK]
        # Nothing is wrong with the statement, and to begin it anew does no harm.
        delay = pause * random.uniform(0.5, 1.5)
        work.log.info("    %s, again in %s", why, format_duration(delay))
        time.sleep(delay)
        pause = min(pause * 2, work.limits.slowest_pause)
    connection.execute(_AFTER_A_BUILD)
    if waits_shortly:
        connection.execute("set lock_timeout = 0")
    for notice in session.notices:
        work.log.info("    %s", notice)
    return seen


def _waits_for_us(work: Work, statement: Statement, error: psycopg.Error) -> StatementFailedError:
    return StatementFailedError(
        f'"{statement.summary}" ({work.file} line {statement.line}) waits for the advisory lock under which this deployment '
        "works, and would wait for ever: take another key",
        file=work.file,
        line=statement.line,
        sqlstate=error.sqlstate,
    )


def _without_its_lock(work: Work, statement: Statement, waited: float, seen: Observation) -> PgDeployError:
    """What ends a statement of its own transactions that did not get its lock. An opaque one may have committed something by then."""
    if not statement.opaque:
        return LockNotObtainedError(statement.summary, work.file, statement.line, waited, tuple(seen.blockers))
    return StatementFailedError(
        f'"{statement.summary}" ({work.file} line {statement.line}) waited for a lock longer than the lock budget of '
        f"{work.limits.lock_budget:g} s and was ended, so that nobody waits behind it; what it had committed stays: look at "
        "that, end the session that blocks or choose a quieter hour, and trigger again; a body of batches that may wait longer "
        "for a row begins with `set lock_timeout = '1min'`",
        file=work.file,
        line=statement.line,
        sqlstate=_NO_LOCK,
    )


def _refused(
    work: Work, error: psycopg.Error, statement: Statement, duplicates: Sequence[str] = ()
) -> StatementFailedError:
    todo = way_out(
        work.target,
        error,
        statement,
        work.file,
        work.text,
        is_written=work.is_written,
        applies=work.direction == "apply",
    )
    return StatementFailedError.from_server(
        error, work.file, work.text, statement, duplicates, todo, is_written=work.is_written
    )


def _write_failure(
    work: Work,
    segment: Segment,
    attempt_try: int,
    statement: Statement,
    error: psycopg.Error,
    seen: Observation | None = None,
) -> None:
    attempts.fail_statement(
        work.guard.connection,
        work.attempt_id,
        work.direction,
        segment.ordinal,
        attempt_try,
        statement.ordinal,
        sqlstate=error.sqlstate or "?????",
        error=without_secrets(one_line(str(error))),
        waited_s=round(seen.blocked_s, 3) if seen else 0.0,
        blockers=seen.blockers if seen else (),
    )


def _holds_strong_lock(work: Work, session: _Session) -> bool:
    return Watch(work.target, session.backend, work.log).holds_strong_lock(work.guard.connection)


def _takes_no_writes(work: Work) -> bool:
    """Whether the server refuses all writes by now. If not, the migration made its own transaction read-only."""
    return bool(server_of(work.guard.connection).refuses)


def _abort(work: Work, connection: Connection, statement: Statement) -> None:
    if not (connection.closed or connection.broken):
        try:
            connection.execute("rollback")
        except psycopg.Error as error:
            # The server has ended the session, and the transaction with it.
            raise ConnectionLostError(work.file, statement.line, one_line(str(error))) from error
