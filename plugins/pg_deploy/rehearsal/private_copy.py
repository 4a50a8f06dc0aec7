"""`rehearse: full`: restore the backup into a private cluster and rehearse there."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pg_deploy.backup.store import Store, checked_backup, refuse_other_manifest
from pg_deploy.configuration.backup import BackupSettings
from pg_deploy.configuration.duration import format_duration
from pg_deploy.deployment.job import Job
from pg_deploy.errors import PgDeployError
from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Kind, Location
from pg_deploy.ledger.kinds.backup import Restored, RestoreOutcome
from pg_deploy.migrations.migration import Migration
from pg_deploy.rehearsal.copy import Copy, private_copy
from pg_deploy.rehearsal.rehearse import Stage, rehearse


def rehearse_on_private_copy(
    job: Job,
    store: Store,
    name: str,
    migrations: Sequence[Migration],
    settings: BackupSettings,
    *,
    manifest_sha256: str,
) -> str:
    """Restore that backup, which proves it, then rehearse; returns a sentence. The copy is gone at the end.

    Raises BackupDamagedError before anything is made, RestoreFailedError or CopyDiffersError, RehearsalFailedError.
    """
    started = time.monotonic()
    refuse_other_manifest(store, name, manifest_sha256)
    with checked_backup(store, name, settings.workdir) as (manifest, folder):
        job.log.info("backup %s is complete, every file has its sha256: restoring it into a private cluster", name)
        try:
            with private_copy(manifest, folder, settings, ledger=job.target.ledger, log=job.log) as copy:
                _record_copy(job, name, copy)
                stage = Stage(copy.target, "private cluster", copy.admin, copy.notes, twin=copy.twin)
                rehearse(job, stage, migrations)
        except PgDeployError as error:
            _record_failure(job, name, error)
            raise
    sentence = f"rehearsed {len(migrations)} on a private copy in {format_duration(time.monotonic() - started)}"
    job.log.info("%s", sentence)
    return sentence


def _record_copy(job: Job, name: str, copy: Copy) -> None:
    evidence.record(
        job.ledger,
        job.deployment_id,
        Kind.BACKUP_RESTORED,
        Restored(
            name,
            RestoreOutcome.EQUAL,
            copy.manifest.fact_count,
            sum(copy.manifest.rows.values()),
            round(copy.seconds, 1),
            tuple(copy.notes),
            tuple(each.column for each in copy.masked),
        ),
        location=Location.COPY,
    )


def _record_failure(job: Job, name: str, error: PgDeployError) -> None:
    rows = evidence.of_deployment(job.ledger, job.deployment_id, Kind.BACKUP_RESTORED)
    if not any(row.name == name for row in rows):
        failed = Restored(name, RestoreOutcome.FAILED, error=str(error))
        evidence.record(job.ledger, job.deployment_id, Kind.BACKUP_RESTORED, failed, location=Location.COPY)
