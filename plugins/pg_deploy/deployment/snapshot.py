"""The state before a migration: catalog facts, findings that are there already, benchmarks."""

from __future__ import annotations

from pg_deploy.deployment import benchmarks
from pg_deploy.deployment.access_judgement import may_change_access
from pg_deploy.deployment.access_on_target import sample_target
from pg_deploy.deployment.checks import built_in_checks, run_check
from pg_deploy.deployment.job import BENCHMARK_S, Job
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger.attempt import Attempt, State
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.benchmark import BenchmarkBefore
from pg_deploy.ledger.kinds.lint import LintsBefore
from pg_deploy.migrations.migration import Migration


def take_snapshot(job: Job, migration: Migration) -> Attempt:
    """Open an attempt, or take up one of this deployment that was only planned, and keep what the database is like before it.

    No attempt at the migration may be under way: see `rollback.resume`.
    """
    last = attempts.latest(job.ledger, migration.version)
    if last is None or last.state not in (State.PLANNED, State.SNAPSHOTTED) or last.deployment_id != job.deployment_id:
        last = attempts.start(
            job.ledger,
            job.deployment_id,
            version=migration.version,
            stem=migration.stem,
            sql_hash=migration.file.sql_hash,
        )
    # If nobody has generated and proven a rollback yet, one may be generated from this: that needs all objects.
    facts = job.guard.read_facts("all" if job.on_copy or migration.rollback is None else "held")
    job.keep_snapshot(last, "before", facts)
    job.log.info("snapshot of %d catalog facts, fingerprint %s", len(facts.facts), facts.fingerprint[:12])
    with job.guard.session(f"snapshot {migration.version}") as connection:
        for check in built_in_checks():
            result = run_check(connection, check, on_copy=job.on_copy, timeout_s=job.check_timeout_s, built_in=True)
            job.record(last, Kind.CHECK_BEFORE, result)
        known = tuple(finding.key for finding in job.lints(connection, facts))
        job.record(last, Kind.LINTS_BEFORE, LintsBefore(known))
        if not job.on_copy and may_change_access(migration):
            sample_target(job, last, connection, facts)
    if job.benchmark and migration.benchmarks:
        with job.guard.session(f"snapshot {migration.version}", role_search_path=True) as connection:
            job.log.info("benchmarks before")
            for name, measurement in benchmarks.measure_all(
                connection,
                migration.benchmarks,
                side="before",
                timeout_s=BENCHMARK_S,
                log=job.log,
                runs=job.benchmark_runs,
            ).items():
                job.record(last, Kind.BENCHMARK_BEFORE, BenchmarkBefore(name, measurement))
    return last if last.state == State.SNAPSHOTTED else attempts.move(job.ledger, last, State.SNAPSHOTTED)
