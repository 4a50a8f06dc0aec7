"""Apply: bring a migration's change into the database, once, whatever happened to earlier tries."""

from __future__ import annotations

from dataclasses import replace

from pg_deploy.access.written import WRITTEN, as_detail, written_here
from pg_deploy.errors import (
    AppliedMeanwhileError,
    ConnectionLostError,
    EditedAfterDeploymentError,
    PgDeployError,
)
from pg_deploy.execution.old_backends import settle
from pg_deploy.execution.segments import Work, run_segments
from pg_deploy.job import Job
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import evidence
from pg_deploy.ledger.attempt import UNFINISHED, Attempt
from pg_deploy.migrations import history
from pg_deploy.migrations.migration import Migration
from pg_deploy.parsing.statements import Segment
from pg_deploy.rollback import roll_back
from pg_deploy.session import Connection
from pg_deploy.snapshot import take_snapshot


def apply(job: Job, migration: Migration) -> Attempt:
    """Bring the migration's change into the database, from the first segment that has not committed yet.

    The history row commits with the last transaction. Raises the errors of `execution.run_segments`; the attempt then
    stays in state applying, and the ledger says which segments committed.
    """
    current = _open_attempt(job, migration)
    if current.state in ("rolling_back", "rollback_failed"):
        job.log.info("an earlier rollback of this migration was not finished: finishing it first")
        roll_back(job, migration.version)
        current = take_snapshot(job, migration)
    if current.state == "verified":
        job.log.info("deployed and verified already: nothing to apply")
        return current
    if current.state == "applied":
        job.log.info("applied already by an earlier run that ended before verify: nothing to apply")
        return current
    done: frozenset[int] = frozenset()
    if current.state == "snapshotted":
        # Nobody has begun anything, so there is nobody to wait for. What is begun now is written down with a commit that waits.
        current = attempts.move(job.ledger, current, "applying", waits=False)
    else:
        settle(job.ledger, current.id, log=job.log, patience_s=job.limits.reattach)
        done = attempts.committed_segments(job.ledger, current.id, "apply")
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
                WRITTEN,
                f"segment {segment.ordinal}",
                f"{len(wrote)} tables",
                detail=as_detail(wrote),
                attempt_id=attempt.id,
                version=migration.version,
            )
        if segment.ordinal == last:
            history.insert(
                connection, migration.version, migration.file.name, history.statements_to_keep(migration.file.sql)
            )
            moved.append(attempts.move(connection, attempt, "applied"))

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
            "update deploy_ledger.attempt set error = %s where id = %s and state = 'applying'", [str(error), current.id]
        )
        raise
    return moved[-1] if moved else attempts.by_id(job.ledger, current.id)


def _open_attempt(job: Job, migration: Migration) -> Attempt:
    current = attempts.latest(job.ledger, migration.version)
    if current is not None and current.state == "verified":
        # The task was cleared, or started twice. A file edited since, or a row gone from the history, is preflight's matter.
        return current
    if (current is None or current.state not in UNFINISHED) and history.holds(job.ledger, migration.version):
        raise AppliedMeanwhileError(migration.stem)
    if current is None or current.state in ("planned", "rolled_back", "baselined"):
        return take_snapshot(job, migration)
    if current.state in ("applying", "applied") and not migration.file.is_text_of(current.sql_hash):
        raise EditedAfterDeploymentError(migration.stem)
    return current


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
