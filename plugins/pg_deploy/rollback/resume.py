"""Resume: take up what an earlier run, or an earlier try, left of a migration, before anything of it is applied."""

from __future__ import annotations

from pg_deploy.deployment.job import Job
from pg_deploy.deployment.snapshot import take_snapshot
from pg_deploy.errors import EditedAfterDeploymentError
from pg_deploy.execution.old_backends import wait_for_old_backends
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import pins
from pg_deploy.ledger.attempt import Attempt, State
from pg_deploy.migrations.migration import Migration
from pg_deploy.rollback.roll_back import roll_back, took_effect


def resume(job: Job, migration: Migration) -> Attempt:
    """The attempt that apply goes on with: what was left, or a new one with its snapshot.

    A rollback that was not finished is finished first. What another text began is given up where nothing of it took
    effect; else raises EditedAfterDeploymentError. Raises the errors of `roll_back`.
    """
    last = attempts.latest(job.ledger, migration.version)
    is_same = last is not None and migration.file.is_text_of(last.sql_hash)
    if last is not None and last.state == State.VERIFIED:
        # The task was cleared, or started twice. A file edited since, or a row gone from the history, is preflight's matter.
        job.log.info("deployed and verified already: nothing is left to do")
        return last
    if last is not None and last.state in (State.ROLLING_BACK, State.ROLLBACK_FAILED):
        job.log.info("an earlier rollback of this migration was not finished: finishing it first")
        roll_back(job, migration.version)
    elif last is not None and last.state in (State.APPLYING, State.APPLIED):
        if is_same:
            job.log.info("attempt %d was left in state %s: going on with it and its snapshot", last.id, last.state)
            return last
        # A file that failed may be corrected as long as nothing of it is in the database.
        if not _give_up(job, last):
            raise EditedAfterDeploymentError(migration.stem)
    elif last is not None and last.state == State.SNAPSHOTTED and is_same and last.deployment_id == job.deployment_id:
        return last
    return take_snapshot(job, migration)


def _give_up(job: Job, current: Attempt) -> bool:
    """End an attempt of which nothing took effect; False, and nothing is changed, where something did or may have.

    Ends an old backend of the attempt first: it could still commit.
    """
    wait_for_old_backends(job.ledger, current.id, log=job.log, patience_s=job.limits.reattach)
    current = attempts.by_id(job.ledger, current.id)
    before = job.snapshot_of(current, "before")
    pinned = pins.pinned_version(job.ledger, current.deployment_id, current.version)
    if current.state != State.APPLYING or before is None or pinned is None or took_effect(job, current, pinned, before):
        return False
    current = attempts.move(job.ledger, current, State.ROLLING_BACK)
    attempts.move(job.ledger, current, State.ROLLED_BACK)
    job.log.info("nothing of attempt %d had taken effect: it is given up", current.id)
    return True
