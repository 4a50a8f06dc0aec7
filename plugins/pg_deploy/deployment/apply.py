"""Apply: bring a migration's change into the database, once, whatever happened to earlier tries."""

from __future__ import annotations

from dataclasses import replace

from pg_deploy.deployment.errors import AppliedMeanwhileError
from pg_deploy.deployment.job import Job
from pg_deploy.errors import ConnectionLostError, PgDeployError
from pg_deploy.execution.old_backends import wait_for_old_backends
from pg_deploy.execution.rows_written import written_here
from pg_deploy.execution.segments import Work, run_segments
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import evidence
from pg_deploy.ledger.attempt import Attempt, State
from pg_deploy.ledger.errors import AttemptStateError
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.rows_written import RowsWritten
from pg_deploy.migrations import history
from pg_deploy.migrations.migration import Migration
from pg_deploy.parsing.statements import Segment
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_text

_TO_BE_APPLIED = (State.SNAPSHOTTED, State.APPLYING, State.APPLIED, State.VERIFIED)


def apply(job: Job, migration: Migration) -> Attempt:
    """Bring the migration's change into the database, from the first segment that has not committed yet.

    Takes up the newest attempt, which has its snapshot: see `rollback.resume`. The history row commits with the last
    transaction. Raises the errors of `execution.run_segments`; the attempt then stays in state applying, and the ledger says
    which segments committed. Raises AppliedMeanwhileError if somebody else recorded the version since the snapshot, and
    AttemptStateError if the newest attempt is not one to be applied.
    """
    current = attempts.latest(job.ledger, migration.version)
    if current is None or current.state not in _TO_BE_APPLIED:
        raise AttemptStateError(migration.stem, State.SNAPSHOTTED, State.APPLYING)
    if current.state == State.VERIFIED:
        job.log.info("deployed and verified already: nothing to apply")
        return current
    if current.state == State.APPLIED:
        job.log.info("applied already by an earlier run that ended before verify: nothing to apply")
        return current
    done: frozenset[int] = frozenset()
    if current.state == State.SNAPSHOTTED:
        _refuse_if_recorded(job, migration)
        # Nobody has begun anything, so there is nobody to wait for. What is begun now is written down with a commit that waits.
        current = attempts.move(job.ledger, current, State.APPLYING, waits=False)
    else:
        wait_for_old_backends(job.ledger, current.id, log=job.log, patience_s=job.limits.reattach)
        done = attempts.committed_segments(job.ledger, current.id, "apply")
        if not done:
            _refuse_if_recorded(job, migration)
    todo = [segment for segment in migration.segments if segment.ordinal not in done]
    if done:
        job.log.info("%d of %d segments committed before: going on with the rest", len(done), len(migration.segments))
    last = migration.segments[-1].ordinal
    attempt = current
    moved: list[Attempt] = []

    def before_commit(connection: Connection, segment: Segment) -> None:
        if wrote := written_here(connection):
            evidence.record(
                connection,
                job.deployment_id,
                Kind.ROWS_WRITTEN,
                RowsWritten(segment.ordinal, wrote),
                attempt_id=attempt.id,
                version=migration.version,
            )
        if segment.ordinal == last:
            kept = history.statements_to_keep(migration.file.sql)
            if not history.insert(connection, migration.version, migration.file.name, kept):
                # Somebody else was quicker, perhaps while a lock was waited for: their change is in place, and ours is taken back.
                raise AppliedMeanwhileError(migration.stem)
            moved.append(attempts.move(connection, attempt, State.APPLIED))

    try:
        run_segments(
            _work(job, migration, current),
            todo,
            before_commit,
            done=[segment for segment in migration.segments if segment.ordinal in done],
        )
    except ConnectionLostError:
        raise
    except PgDeployError as error:
        job.ledger.execute(
            engine_text("update deploy_ledger.attempt set error = %s where id = %s and state = %s"),
            [str(error), current.id, State.APPLYING],
        )
        raise
    return moved[-1] if moved else attempts.by_id(job.ledger, current.id)


def _refuse_if_recorded(job: Job, migration: Migration) -> None:
    if history.holds(job.ledger, migration.version):
        raise AppliedMeanwhileError(migration.stem)


def _work(job: Job, migration: Migration, current: Attempt) -> Work:
    limits = job.limits
    declared = migration.manifest.holds_lock_seconds
    if declared is not None:
        limits = replace(limits, lock_budget=max(declared, limits.lock_budget))
    return Work(
        job.target,
        job.guard,
        current.id,
        "apply",
        migration.file.path.name,
        migration.file.sql,
        limits,
        job.log,
        job.observer,
    )
