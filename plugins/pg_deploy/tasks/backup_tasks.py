"""What the tasks between preflight and the first approval do: a backup, and a rehearsal on a copy made from it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from airflow.sdk import get_current_context

from pg_deploy.backup.evidence import record_backup, record_rehearsal
from pg_deploy.backup.recovery_point import read_point
from pg_deploy.backup.store import LocalStore, Store
from pg_deploy.backup.take import take_backup
from pg_deploy.configuration.backup import backup_settings
from pg_deploy.deployment.job import Job
from pg_deploy.ledger import evidence, pins
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.backup import BackupKept
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.temporary import owned_folder
from pg_deploy.preflight.migration_standings import read_state
from pg_deploy.rehearsal.clone import rehearse_on_clone
from pg_deploy.rehearsal.clones.made_clone import made_clone
from pg_deploy.rehearsal.private_copy import rehearse_on_private_copy
from pg_deploy.tasks.clone_services import REHEARSAL_CONNECTION, clone_service, patience
from pg_deploy.tasks.object_store import open_store
from pg_deploy.tasks.run import Run, failing_plainly, log, read_run
from pg_deploy.tasks.target import read_target
from pg_deploy.workload.record import record_workload
from pg_deploy.workload.statement_calls import last_seen_by_key


def backup() -> str:
    """As the step `backup`."""
    with failing_plainly():
        return take_backup_of(read_run(get_current_context()))


def rehearse() -> str:
    """As the step `rehearse`."""
    with failing_plainly():
        return rehearse_pinned(read_run(get_current_context()))


def take_backup_of(run: Run) -> str:
    """As the task `backup`: where the backup is, or why there is none."""
    reason = _nothing_to_do(run, run.conf.backup, "backup")
    if reason is not None:
        log.info("%s", reason)
        return reason
    configured = backup_settings()
    migrations = _pinned(run)
    with run.job("backup") as job:
        record_workload_of(run, job, migrations)
        if run.conf.backup == "external":
            point = read_point(run.target)
            record_backup(job.ledger, job.deployment_id, point)
            log.info("%s", point.sentence)
            return point.sentence
        store = open_store(configured.uri)
        taken = take_backup(run.target, migrations, store, configured, schema_only=run.conf.backup == "schema", log=log)
        record_backup(job.ledger, job.deployment_id, taken)
    return taken.uri


def rehearse_pinned(run: Run) -> str:
    """As the task `rehearse`: what came of it in a sentence, or why there is none."""
    reason = _nothing_to_do(run, run.conf.rehearse, "rehearsal")
    if reason is not None:
        log.info("%s", reason)
        return reason
    started = time.monotonic()
    with run.job("rehearse") as job:
        migrations = _pinned(run)
        if run.conf.backup == "none":
            record_workload_of(run, job, migrations)
        sentence = _rehearse(run, job, migrations)
        record_rehearsal(job.ledger, job.deployment_id, sentence, time.monotonic() - started)
    return sentence


def record_workload_of(run: Run, job: Job, migrations: Sequence[Migration]) -> None:
    """Keep what the application sends, as the server recorded it until now, with the run's evidence."""
    if run.conf.workload == "none":
        return
    with run.target.session("workload") as connection:
        seen = last_seen_by_key(connection)
        found = record_workload(connection, ledger=run.target.ledger, own=migrations, last_seen=seen)
    evidence.record(job.ledger, job.deployment_id, Kind.WORKLOAD, found)
    log.info("workload: %s statements of the application are %s", f"{len(found.statements):,}", found.outcome)
    for note in found.notes:
        log.info("  %s", note)


def _rehearse(run: Run, job: Job, migrations: tuple[Migration, ...]) -> str:
    configured = backup_settings()
    if run.conf.rehearse == "clone":
        service = clone_service(run.project, run.target)
        if service is None:
            return rehearse_on_clone(job, read_target(REHEARSAL_CONNECTION, run.target.ledger), migrations)
        with made_clone(job, service, patience()) as clone:
            return rehearse_on_clone(job, clone, migrations, is_ours=True)
    rows = evidence.of_deployment(job.ledger, job.deployment_id, Kind.BACKUP)
    taken = [kept for row in rows if (kept := BackupKept.from_row(row)).is_taken]
    if taken and taken[-1].is_full:
        store: Store = open_store(configured.uri)
        last = taken[-1]
        return rehearse_on_private_copy(
            job, store, last.backup, migrations, configured, manifest_sha256=last.manifest_sha256
        )
    log.info("this run keeps no full backup: a dump is taken for the rehearsal alone and removed after it")
    with owned_folder(configured.workdir) as folder:
        store = LocalStore(folder)
        temporary = take_backup(run.target, migrations, store, configured, log=log)
        return rehearse_on_private_copy(
            job, store, temporary.manifest.name, migrations, configured, manifest_sha256=temporary.manifest_sha256
        )


def _nothing_to_do(run: Run, choice: str, what: str) -> str | None:
    """Why there is nothing to do, as a sentence; None if there is."""
    if run.ownership is None:
        return f"no {what}: a dry run"
    if choice == "none":
        return f"no {what}: the conf says none"
    with run.target.session(what) as connection:
        if not pins.pinned(connection, run.deployment_id):
            return f"no {what}: nothing is pending"
    return None


def _pinned(run: Run) -> tuple[Migration, ...]:
    """What this run pinned and is not in place. If a person is asked again, others may have deployed a part of it."""
    with run.target.session("read the pinned set") as connection:
        versions = [each.version for each in pins.pinned(connection, run.deployment_id)]
        state = read_state(connection, versions)
    return tuple(run.migration(version) for version in versions if not state.standing(version).is_in_place)
