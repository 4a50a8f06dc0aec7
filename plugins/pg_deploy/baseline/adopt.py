"""Baseline: adopt a database, as it is, whose migrations were made by hand or by the Supabase CLI.

No migration is run. Afterwards history and ledger say that the migrations are in place, and on whose word.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from pg_deploy.baseline.plan import Adoption, load_applied, plan_adoption
from pg_deploy.configuration.conf import BaselineConf
from pg_deploy.deployment.checks import run_checks
from pg_deploy.deployment.job import Job
from pg_deploy.errors import PgDeployError, PreflightError
from pg_deploy.execution.old_backends import wait_for_old_backends
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import deployment, evidence, pins
from pg_deploy.ledger.attempt import UNFINISHED
from pg_deploy.ledger.errors import PinnedContentChangedError
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.guard import Ownership
from pg_deploy.ledger.kinds.check import CheckOutcome, CheckResult
from pg_deploy.ledger.kinds.run import Adopted
from pg_deploy.ledger.pins import Pinned
from pg_deploy.ledger.word_enum import Word
from pg_deploy.migrations import history
from pg_deploy.migrations.folder import stamp
from pg_deploy.migrations.history_text import history_statements
from pg_deploy.migrations.migration import Folder, Migration, MigrationFile
from pg_deploy.postgres.pooler import refuse_pooler_before
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.preflight import migration_standings
from pg_deploy.preflight.claiming import Identity, claimed_target
from pg_deploy.preflight.migration_standings import Standing
from pg_deploy.preflight.preflight import Prepared, read_stamped, with_file_faults
from pg_deploy.preflight.server.judgement import refusals
from pg_deploy.preflight.server.state import read_server_state


class RecordedText(Word):
    """What the history holds of a migration's text."""

    NONE = "none was recorded"
    SAME = "the file's"
    OTHER = "another text"


def check(
    target: Target, conf: BaselineConf, folder: Path, identity: Identity, *, good_for: float, log: logging.Logger
) -> Prepared:
    """Log what would be adopted and refuse what makes no sense; then claim the target and pin the migrations.

    A dry run stops before the claim and writes nothing. Raises PreflightError, which names all faults, TargetBusyError
    after conf.give_up_after, or the error of an unreachable target.
    """
    files = read_stamped(folder, conf.migrations_folder)
    with with_file_faults(files.faults):
        refuse_pooler_before(target, "baseline")
    with with_file_faults(files.faults), target.session("baseline") as connection:
        refused = refusals(read_server_state(connection), required_extensions=())
        connection.execute("set default_transaction_read_only = on")
        adoption = _plan(connection, files, conf, refused)
    for line in adoption.lines:
        log.info("%s", line)
    for line in adoption.warnings:
        log.warning("%s", line)
    if conf.dry_run:
        log.info("dry run: nothing was changed, no ledger was made, nothing is adopted")
        return Prepared(None, 0)
    with claimed_target(
        target,
        identity,
        conf,
        folder=stamp(folder),
        versions=(file.version for file in files.files),
        purpose="baseline",
        good_for=good_for,
        log=log,
    ) as (connection, held):
        # Another run may have worked while this one waited, so the plan is made again.
        adoption = _plan(connection, files, conf, refused)
        pins.pin(connection, held.id, adoption.adopt)
    log.info("deployment %d holds the target, %d migrations to adopt", held.id, len(adoption.adopt))
    return Prepared(Ownership(held.id, held.fence, good_for), len(adoption.adopt))


def _plan(connection: Connection, files: Folder, conf: BaselineConf, refused: Sequence[PgDeployError]) -> Adoption:
    state = migration_standings.read_state(connection, files.versions)
    adoption = plan_adoption(files, state, conf)
    faults = (*adoption.faults, *refused)
    if faults:
        raise PreflightError(faults)
    return adoption


def adopt(job: Job, migration: Migration, conf: BaselineConf, actor: str) -> bool:
    """Record that the migration is in place, on that person's word; False if it was recorded already. Commits once.

    The transaction writes the history row, if it was missing, the attempt in state baselined and its evidence. The
    migration's own checks may run before: their results are kept as evidence and decide nothing.
    """
    job.log.info("%s", migration.stem)
    with job.target.session(f"baseline {migration.version}") as connection:
        unfinished = attempts.latest(connection, migration.version)
        if unfinished is not None and unfinished.state in UNFINISHED:
            # Its server process may still be at work.
            wait_for_old_backends(job.ledger, unfinished.id, log=job.log, patience_s=0)
        results = _run_checks(job, migration) if conf.run_checks else ()
        with connection.transaction():
            # The transaction that writes checks the fence, and holds it.
            owner = job.guard.ownership
            deployment.renew(
                connection, owner.deployment_id, owner.fence, f"adopt {migration.stem}", good_for=owner.good_for
            )
            standing = migration_standings.read_state(connection, [migration.version]).standing(migration.version)
            if standing in (Standing.DEPLOYED, Standing.BASELINED):
                job.log.info("  %s: left alone", standing.value)
                return False
            recorded = migration.version in history.read(connection)
            text = _recorded_text(connection, migration) if recorded else RecordedText.NONE
            if not recorded:
                history.insert(
                    connection, migration.version, migration.file.name, history.statements_to_keep(migration.file.sql)
                )
            attempt = attempts.baseline(
                connection,
                job.deployment_id,
                version=migration.version,
                stem=migration.stem,
                sql_hash=migration.file.sql_hash,
            )
            adopted = Adopted(
                migration.stem,
                actor,
                conf.reason,
                migration.file.sql_hash,
                migration.bundle_hash,
                standing.value,
                "was there" if recorded else "written",
                text,
                _checks_sentence(migration, results, ran=conf.run_checks),
            )
            evidence.record(
                connection,
                job.deployment_id,
                Kind.BASELINE,
                adopted,
                attempt_id=attempt.id,
                version=migration.version,
            )
            for result in results:
                evidence.record(
                    connection,
                    job.deployment_id,
                    Kind.CHECK_AT_BASELINE,
                    result,
                    attempt_id=attempt.id,
                    version=migration.version,
                )
    job.log.info("  %s; history row %s; %s", adopted.outcome, adopted.history, adopted.checks)
    if text == RecordedText.OTHER:
        job.log.warning(
            "  the history holds another text of it than the file: the file was edited after it was applied"
        )
    return True


def _recorded_text(connection: Connection, migration: Migration) -> RecordedText:
    recorded = history.recorded_statements(connection, migration.version)
    if recorded is None:
        return RecordedText.NONE
    ours = (history_statements(migration.file.sql), history.statements_to_keep(migration.file.sql))
    return RecordedText.SAME if recorded in ours else RecordedText.OTHER


def _run_checks(job: Job, migration: Migration) -> tuple[CheckResult, ...]:
    if not migration.checks:
        return ()
    with job.target.session(f"check {migration.version}", role_search_path=True) as connection:
        return run_checks(connection, migration.checks, on_copy=False, timeout_s=job.check_timeout_s, log=job.log)


def _checks_sentence(migration: Migration, results: Sequence[CheckResult], *, ran: bool) -> str:
    if not ran:
        return "its checks were not run"
    if not migration.checks:
        return "it has no checks"
    run = [result for result in results if result.outcome != CheckOutcome.NOT_RUN]
    passed = sum(result.outcome == CheckOutcome.PASSED for result in run)
    not_run = len(results) - len(run)
    return f"{passed} of {len(run)} checks of it hold" + (f", {not_run} not run on a live target" if not_run else "")


def still_pinned(pinned: Pinned, file: MigrationFile | None) -> Migration:
    """The pinned migration, read again. Raises PinnedContentChangedError if it is no longer what `check` saw."""
    if file is None:
        raise PinnedContentChangedError(pinned.stem)
    migration, _ = load_applied(file)
    pins.refuse_other_content(pinned, migration)
    return migration
