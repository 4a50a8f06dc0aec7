"""The rehearsal: the pending deployment run on a copy by the same engine - applied, verified, rolled back, proven, applied again.

What it finds goes into the target's ledger as evidence with location `rehearsal`; the copy has a ledger of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace

import psycopg
from psycopg import sql

from pg_deploy.catalog.reader import Facts
from pg_deploy.configuration.installation import SHOWN_SINGLY
from pg_deploy.deployment.access_judgement import AccessOutcome, equal_by_catalog, may_change_access, prove_on_copy
from pg_deploy.deployment.apply import apply
from pg_deploy.deployment.contents import read_contents
from pg_deploy.deployment.errors import VerificationFailedError
from pg_deploy.deployment.job import Job
from pg_deploy.deployment.verify import verify
from pg_deploy.errors import ConnectionFailedError, ConnectionLostError, PgDeployError
from pg_deploy.execution.segments import Observer
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import deployment, evidence, pins, schema
from pg_deploy.ledger.attempt import Attempt
from pg_deploy.ledger.deployment import Claim, Deployment
from pg_deploy.ledger.evidence import Kind, Location, Piece
from pg_deploy.ledger.guard import Guard, Ownership, Quiet, working
from pg_deploy.ledger.kinds.benchmark import ComparedBenchmark
from pg_deploy.ledger.kinds.check import CheckResult
from pg_deploy.ledger.kinds.rehearsal import Changes, Rehearsal, RehearsalOutcome, StatementLocks
from pg_deploy.ledger.kinds.rows_written import written_of
from pg_deploy.ledger.kinds.workload import WorkloadProof
from pg_deploy.migrations import history
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.session import Connection, KeptTarget, Target, one_line
from pg_deploy.preflight.migration_standings import Standing, read_state
from pg_deploy.preflight.rights.provider import ProviderGrants, provider_grants
from pg_deploy.presentation.lines import log_lines
from pg_deploy.rehearsal.comparison import compare_rounds
from pg_deploy.rehearsal.copy import NO_JOB_RUNS
from pg_deploy.rehearsal.copy_before import CopyBefore
from pg_deploy.rehearsal.errors import AccessDiffersError, RehearsalFailedError, WorkloadBreaksError
from pg_deploy.rehearsal.locks import LockObserver, known_relations
from pg_deploy.rehearsal.provider import ProviderObserver
from pg_deploy.rehearsal.rehearsal_text import rehearsal_lines
from pg_deploy.rehearsal.workload_on_copy import WorkloadOnCopy, entries_of
from pg_deploy.rollback.beyond_the_database import find_left_alone
from pg_deploy.rollback.errors import NoRollbackError
from pg_deploy.rollback.generator.generate import generate_rollback
from pg_deploy.rollback.generator.row_changes import tables_named
from pg_deploy.rollback.losses import count_losses, describe_rows_that_stay, read_rows_written
from pg_deploy.rollback.own_changes import list_changes
from pg_deploy.rollback.resume import resume
from pg_deploy.rollback.roll_back import roll_back


@dataclass(frozen=True)
class Stage:
    """Where a rehearsal takes place: the deploying role's target, the superuser's if there is one, and what differs there."""

    target: Target
    place: str
    admin: Target | None = None
    notes: tuple[str, ...] = ()
    twin: Callable[[str], tuple[Target, Target]] | None = None
    """Makes a second database from the copy as it is, for a proof that looks at both sides; see `Copy.twin`."""
    grants: ProviderGrants = field(default_factory=ProviderGrants)
    """What the target's provider lets the deploying role do on tables of others."""


@dataclass
class Rehearsed:
    """What the rehearsal of one migration showed. Durations are in seconds; None if that step was not reached."""

    stem: str
    version: str
    outcome: RehearsalOutcome = RehearsalOutcome.FAILED
    """Failed until it is through: whatever ends it on the way must not leave a rehearsal that passed."""
    apply_s: float | None = None
    rollback_s: float | None = None
    statements: list[StatementLocks] = field(default_factory=list)
    checks: list[CheckResult] = field(default_factory=list)
    """What each check said. The rows that broke it are on a copy that is gone soon."""
    benchmarks: list[ComparedBenchmark] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """What it changed and a rollback does not change back."""
    not_rehearsed: list[str] = field(default_factory=list)
    cannot_be_undone: str | None = None
    """Why nothing leads back: the migration brings no rollback, and none could be generated and proven here."""
    only_tried: bool = False
    """Whether its rollback led to the state before, but its transaction was not kept; see `rehearse` for long sets."""
    generated: str | None = None
    """A rollback that was generated, run and proven here, for a migration that brings none."""
    changes: Changes | None = None
    """The keys of all facts that the migration changed: nobody else is at work on the copy, so all of it is its own."""
    written: list[str] = field(default_factory=list)
    """The tables of which it wrote rows, triggers and functions included, and that were there before."""
    bundle_hash: str = ""
    """What was rehearsed: an apply asks for a rehearsal of exactly its own bundle."""
    error: str | None = None
    access: AccessOutcome | None = None
    workload: WorkloadProof | None = None

    def evidence(self, place: str) -> Rehearsal:
        """For the ledger."""
        return Rehearsal(
            self.stem,
            self.outcome,
            place,
            self.apply_s,
            self.rollback_s,
            self.only_tried,
            tuple(each.rounded for each in self.statements),
            tuple((each.name, each.outcome) for each in self.checks),
            tuple(self.benchmarks),
            tuple(self.lost),
            tuple(self.left),
            self.generated,
            tuple(self.not_rehearsed),
            self.cannot_be_undone,
            self.changes,
            tuple(self.written),
            self.bundle_hash,
            self.error,
            self.access.evidence(self.stem) if self.access else None,
            # What the server answered is kept once, with the proof's own piece of evidence.
            replace(self.workload, answers="") if self.workload else None,
        )


def rehearse(job: Job, stage: Stage, migrations: Sequence[Migration]) -> tuple[Rehearsed, ...]:
    """Run the deployment of `migrations` on the stage, which is changed; write the evidence into `job`'s ledger.

    In a set too long for a group of tasks for each migration, the generated rollback of a plain file is run and proven in a
    transaction that is not kept: to apply each file a second time would cost as much as the rest of the rehearsal. Raises
    RehearsalFailedError at the first migration that fails; its evidence and that of those before it is written.
    """
    done: list[Rehearsed] = []
    stage = replace(stage, grants=provider_grants(job.ledger))
    standings = read_state(job.ledger, [each.version for each in migrations])
    with _copy_work(job, stage, migrations) as work:
        for number, migration in enumerate(migrations, start=1):
            job.log.info("::group::rehearsal %d of %d: %s", number, len(migrations), migration.stem)
            found = Rehearsed(migration.stem, migration.version, not_rehearsed=_notes_for(stage, migration))
            found.bundle_hash = migration.bundle_hash
            try:
                if standings.standing(migration.version) is Standing.UNFINISHED:
                    _leave_out(found, "an earlier run left it unfinished, so the copy holds part of it")
                elif any(each.outcome == RehearsalOutcome.NOT_REHEARSED for each in done):
                    _leave_out(found, "it builds on one that was not rehearsed")
                else:
                    keep = len(migrations) <= SHOWN_SINGLY or migration.has_companion
                    _rehearse_one(work, migration, found, keep=keep)
                    if found.generated is not None:
                        # It counts from now on: the approval is given for it as well.
                        proven = migration.with_generated(found.generated)
                        pins.add_generated(job.ledger, proven, job.deployment_id, proven=True)
                        found.bundle_hash = proven.bundle_hash
                    found.outcome = RehearsalOutcome.PASSED
            finally:
                if found.outcome == RehearsalOutcome.FAILED and found.error is None:
                    found.error = "before it was through: the log of this task says why"
                _record(job, stage, found)
                head, details = rehearsal_lines(found.evidence(stage.place))
                log_lines((*head, *details), job.log)
                job.log.info("::endgroup::")
            done.append(found)
    return tuple(done)


class _CopyWork:
    """The engine at work on the copy: a deployment of the copy's own, with its guard, and the copy as it was before."""

    def __init__(self, job: Job, stage: Stage, held: Deployment) -> None:
        self._job_on_target = job
        self._admin = KeptTarget(stage.admin.name, stage.admin.conninfo, stage.admin.ledger) if stage.admin else None
        self.stage = replace(stage, admin=self._admin)
        self._held = held
        # Nobody else is at work there, but only if the copy has a cluster of its own.
        self._quiet = Quiet() if stage.twin is not None else None
        self._before = CopyBefore(stage.twin, stage.admin, stage.grants) if stage.twin and stage.admin else None
        self._sessions = ExitStack()
        self._guard: Guard | None = None
        self.workload = WorkloadOnCopy(job, self._admin or stage.target, is_private=stage.twin is not None)

    def before(self, migration: Migration, *, measured: bool) -> Target | None:
        """A superuser's target that stays as the copy is before this migration; None if none is needed, or none can be made.

        It is needed if rows may have to be compared, or if statements are `measured` on both sides.
        """
        if self._before is None or not (measured or may_change_access(migration)):
            return None
        if not self._before.is_made:
            # The copy is its template: nobody may be connected to it.
            self.leave()
            self._before.make(self._facts)
        return self._before.admin

    def job(self) -> Job:
        """The engine's job on the copy. Its sessions last until a side is made anew."""
        if self._guard is None:
            owned = Ownership(self._held.id, self._held.fence, _GOOD_FOR_S)
            self._guard = self._sessions.enter_context(
                working(self.stage.target, owned, "rehearsal", give_up_after=60, log=_QUIET, quiet=self._quiet)
            )
        job, stage = self._job_on_target, self.stage
        return Job(
            stage.target,
            self._guard,
            job.limits,
            job.log,
            benchmark=job.benchmark,
            on_copy=True,
            observer=_with_provider_grants(stage, Observer()),
            own_files=job.own_files,
        )

    @property
    def ledger(self) -> Connection | None:
        """The session with the copy's ledger; None if there is none at the moment. It may be lost."""
        return self._guard.connection if self._guard else None

    def bring_forward(self, migration: Migration) -> None:
        """After a migration: bring the other side forward to the next."""
        if self._quiet is not None:
            self._quiet.snapshots.clear()
        if self._before is not None and self._before.is_made:
            ledger = self.job().ledger
            attempt = attempts.latest(ledger, migration.version)
            wrote = attempt is None or bool(evidence.of_attempt(ledger, attempt.id, Kind.ROWS_WRITTEN))
            self._before.bring_forward(migration, wrote, self._facts())

    def _facts(self) -> Facts:
        return self.job().guard.read_facts()

    def leave(self) -> None:
        """End the sessions on the copy."""
        self._guard = None
        self._sessions.close()
        if self._admin is not None:
            self._admin.close()

    def end(self) -> None:
        """End all of it."""
        self.leave()
        if self._before is not None:
            self._before.drop()


@contextmanager
def _copy_work(job: Job, stage: Stage, migrations: Sequence[Migration]) -> Iterator[_CopyWork]:
    try:
        held = _claim_copy(job, stage, migrations)
    except (psycopg.Error, ConnectionFailedError) as error:
        raise RehearsalFailedError(
            migrations[0].stem, "the copy's ledger", _of_copy(error), of_the_copy=True
        ) from error
    work = _CopyWork(job, stage, held)
    state = deployment.State.FAILED
    try:
        yield work
        state = deployment.State.DEPLOYED
    finally:
        try:
            work.end()
            with stage.target.session("rehearsal") as connection:
                deployment.close(connection, held.id, held.fence, state)
        except (psycopg.Error, ConnectionFailedError) as error:
            # It must not stand for the error that is on its way, nor undo what was proven: the copy goes away, or is used up.
            job.log.warning("the copy is left as it is: %s", _of_copy(error))


def _claim_copy(job: Job, stage: Stage, migrations: Sequence[Migration]) -> Deployment:
    _make_ledger_schemas(stage)
    with stage.target.session("rehearsal") as connection:
        schema.ensure(connection)
        history.ensure(connection)
        versions = tuple(each.version for each in migrations)
        claim = Claim("rehearsal", f"of deployment {job.deployment_id}", "pg_deploy", {}, "", versions)
        held = deployment.claim(connection, claim, good_for=_GOOD_FOR_S, is_over=_is_held_by(job))
        pins.pin(connection, held.id, migrations)
        return held


def _of_copy(error: Exception) -> str:
    """What `error` says of the copy: nobody is to be sent to the connection of the target."""
    return one_line(
        f"the copy cannot be reached: {error.problem}" if isinstance(error, ConnectionFailedError) else str(error)
    )


def _is_held_by(job: Job) -> Callable[[Deployment], bool]:
    """Whether a deployment that holds the copy is this one, which holds the target: a clone has the target's ledger in it."""
    mine = deployment.by_id(job.ledger, job.deployment_id)

    def is_mine(holder: Deployment) -> bool:
        return mine is not None and (holder.id, holder.airflow_run) == (mine.id, mine.airflow_run)

    return is_mine


_GOOD_FOR_S = 3600.0
_QUIET = logging.getLogger("pg_deploy.rehearsal")


def _make_ledger_schemas(stage: Stage) -> None:
    """Make the ledger's schemas for a role that cannot make them; on the target an administrator may have done so. Commits."""
    if stage.admin is None:
        return
    with stage.target.session("rehearsal") as connection:
        role = str((connection.execute("select current_user").fetchone() or [""])[0])
    with stage.admin.session("rehearsal") as connection:
        for name in (stage.target.ledger, "supabase_migrations"):
            connection.execute(
                sql.SQL("create schema if not exists {} authorization {}").format(
                    sql.Identifier(name), sql.Identifier(role)
                )
            )


def _notes_for(stage: Stage, migration: Migration) -> list[str]:
    """What the stage cannot show of this migration. The note on jobs is news only if it schedules one."""
    return [note for note in stage.notes if note != NO_JOB_RUNS or "cron." in migration.file.sql]


def _leave_out(found: Rehearsed, reason: str) -> None:
    found.outcome = RehearsalOutcome.NOT_REHEARSED
    found.not_rehearsed.append(reason)


def _rehearse_one(work: _CopyWork, migration: Migration, found: Rehearsed, *, keep: bool) -> None:
    step = "the copy as it was before"
    try:
        twin = work.before(migration, measured=keep and work.workload.is_measured)
        step = "snapshot"
        job, stage = work.job(), work.stage
        work.workload.ask_before(keep=keep)
        first = resume(job, migration)
        with job.guard.session("contents") as connection:
            contents = read_contents(connection, migration.file.sql, migration.rollback or "")
        step = "apply"
        found.apply_s = _apply(job, stage, migration, found)
        with job.guard.session("contents") as connection:
            job = replace(job, contents=contents.once_applied(connection))
        step = "verify"
        failures = _verify(job, migration)
        before, after = _both_sides(job, first)
        found.changes = Changes.from_detail(list_changes(before, after))
        found.written = _written(job, first, before)
        rounds = [first]
        step = step if failures else "the access proof"
        step, wrong = _prove(work, twin, migration, (before, after), found, failures)
        if wrong is not None:
            raise wrong
        with job.guard.session("losses") as connection:
            lost = [str(each) for each in count_losses(connection, before, after, after)]
            rows_written = read_rows_written(job.ledger, first, before)
        step = "rollback"
        if migration.rollback is None:
            found.rollback_s = _undo_by_generated(job, stage, migration, before, after, found, keep=keep)
        else:
            found.rollback_s = _roll_back(job, stage, migration, found)
        lost += describe_rows_that_stay(
            migration.file.sql, migration.rollback or found.generated, tables_named(before, after), rows_written
        )
        if found.rollback_s is not None:
            found.lost += lost
        if found.rollback_s is not None and not found.only_tried:
            step = "snapshot after the rollback"
            rounds.append(resume(job, migration))
            step = "apply after the rollback"
            apply(job, migration)
            step = "verify after the rollback"
            verify(job, migration)
        _keep_checks(job.ledger, rounds[-1], found)
        found.benchmarks = compare_rounds(job.ledger, migration, [each.id for each in rounds]) if job.benchmark else []
        step = "the copy as it is for the next"
        work.bring_forward(migration)
    except (PgDeployError, psycopg.Error) as error:
        raise _failed(work, migration, found, step, error) from error


def _failed(
    work: _CopyWork, migration: Migration, found: Rehearsed, step: str, error: PgDeployError | psycopg.Error
) -> RehearsalFailedError:
    unreachable = isinstance(error, (psycopg.OperationalError, ConnectionLostError, ConnectionFailedError))
    reason = _of_copy(error) if unreachable else str(error)
    found.error = f"at {step}: {reason}"
    # The copy may be gone, and its checks with it.
    with suppress(psycopg.Error):
        current = attempts.latest(work.ledger, migration.version) if work.ledger else None
        if work.ledger and current is not None:
            _keep_checks(work.ledger, current, found)
    return RehearsalFailedError(migration.stem, step, reason, of_the_copy=unreachable)


def _verify(job: Job, migration: Migration) -> tuple[str, ...]:
    """What did not hold; empty if all did."""
    try:
        verify(job, migration)
    except VerificationFailedError as error:
        return error.failures
    return ()


def _prove(
    work: _CopyWork,
    twin: Target | None,
    migration: Migration,
    facts: tuple[Facts, Facts],
    found: Rehearsed,
    failures: tuple[str, ...],
) -> tuple[str, PgDeployError | None]:
    """Prove access and workload; the step that failed first, and its error. A failed check must not hide what the proofs say."""
    against = _prove_access(work.job(), work.stage, twin, migration, facts, found)
    found.workload = work.workload.prove(migration, facts, twin)
    broken = found.workload.against if found.workload else ()
    workload = [f"workload: {each}" for each in broken]
    if failures:
        everything = [*failures, *(f"access: {each}" for each in against), *workload]
        return "verify", VerificationFailedError(migration.stem, everything, on_copy=True)
    if against:
        return "the access proof", AccessDiffersError(migration.stem, [*against, *workload])
    if found.workload and broken:
        entries = entries_of(found.workload)
        return "the workload proof", WorkloadBreaksError(migration.stem, found.workload.headline, broken, entries)
    return "the proofs", None


def _prove_access(
    job: Job, stage: Stage, twin: Target | None, migration: Migration, facts: tuple[Facts, Facts], found: Rehearsed
) -> tuple[str, ...]:
    """Compare access before and after; what counts against the migration, as it does not declare it."""
    if twin is not None and stage.admin is not None:
        found.access = prove_on_copy(twin, stage.admin, migration, facts)
    elif not may_change_access(migration):
        found.access = equal_by_catalog(migration)
    else:
        found.not_rehearsed.append("access: rows were not compared, which needs a private copy: sampled, not proven")
        return ()
    return () if found.access.decision.passes else found.access.decision.against


def _apply(job: Job, stage: Stage, migration: Migration, found: Rehearsed) -> float:
    observer = LockObserver(known_relations(job.ledger))
    apply(replace(job, observer=_with_provider_grants(stage, observer)), migration)
    found.statements = observer.seen
    return sum(each.seconds for each in observer.seen)


def _with_provider_grants(stage: Stage, observer: Observer) -> Observer:
    """`observer`, in one that lends the role what the provider lets it do on the target."""
    if stage.admin is None or stage.grants == ProviderGrants():
        return observer
    return ProviderObserver(observer, stage.admin, stage.grants)


def _roll_back(job: Job, stage: Stage, migration: Migration, found: Rehearsed, *, keep: bool = True) -> float:
    observer = LockObserver(known_relations(job.ledger))
    undone = roll_back(replace(job, observer=_with_provider_grants(stage, observer)), migration.version, keep=keep)
    found.lost += undone.lost
    found.left += undone.left
    found.only_tried = not undone.is_kept
    return sum(each.seconds for each in observer.seen)


def _undo_by_generated(
    job: Job, stage: Stage, migration: Migration, before: Facts, after: Facts, found: Rehearsed, *, keep: bool
) -> float | None:
    """Generate a rollback, run it and prove it; None, with the reason in `found`, if none leads back."""
    if migration.manifest.rollback == "none":
        found.cannot_be_undone = migration.manifest.rollback_reason
        return None
    current = attempts.latest(job.ledger, migration.version)
    rows_written = read_rows_written(job.ledger, current, before) if current is not None else None
    made = generate_rollback(
        before, after, migration_sql=migration.file.sql, compared=job.contents is not None, rows_written=rows_written
    )
    if made.refusals:
        found.cannot_be_undone = "; ".join(map(str, made.refusals))
        return None
    if not made.sql:
        # Nothing in the catalog differs: there is nothing to undo, or rows alone, or what lies outside of it.
        found.left += find_left_alone(migration.file.sql, None, job.ledger.info.dbname, rows_written)
        lost = _differing(job, found)
        if lost:
            found.cannot_be_undone = "; ".join(lost)
        elif found.written:
            found.cannot_be_undone = f"it wrote rows of {', '.join(found.written)}, and no rollback brings rows back"
        return None
    on_copy = migration.with_generated(made.sql)
    pins.add_generated(job.ledger, on_copy, job.deployment_id, proven=False)
    try:
        seconds = _roll_back(job, stage, migration, found, keep=keep)
    except PgDeployError as error:
        if current is None or attempts.committed_segments(job.ledger, current.id, "rollback"):
            raise
        # Nothing of it was committed: the copy is as it was, and the migration has no rollback.
        attempts.reset_to_verified(job.ledger, current)
        reasons = (
            error.reasons if isinstance(error, NoRollbackError) else (f"the generated one does not lead back: {error}",)
        )
        found.cannot_be_undone = "; ".join(reasons)
        return None
    found.generated = made.sql
    job.log.info("a rollback was generated, run and proven: it is part of what this run deploys")
    return seconds


def _differing(job: Job, found: Rehearsed) -> tuple[str, ...]:
    """What of the contents a migration that changed no fact has changed; a sequence that moved on is left so. Reads only."""
    if job.contents is None:
        return ()
    with job.guard.session("contents") as connection, connection.transaction():
        missing, ahead = job.contents.compare(connection)
    found.left += ahead
    return missing


def _both_sides(job: Job, attempt: Attempt) -> tuple[Facts, Facts]:
    before = job.snapshot_of(attempt, "before")
    after = job.snapshot_of(attempt, "after")
    if before is None or after is None:
        raise RehearsalFailedError(attempt.stem, "verify", "its snapshots are missing")
    return before, after


def _written(job: Job, attempt: Attempt, before: Facts) -> list[str]:
    tables = {each.table for each in written_of(evidence.of_attempt(job.ledger, attempt.id, Kind.ROWS_WRITTEN))}
    there = {fact.identity.plain for fact in before.facts if fact.kind in ("table", "materialized view")}
    return sorted(tables & there)


def _keep_checks(ledger: Connection, attempt: Attempt, found: Rehearsed) -> None:
    found.checks = [CheckResult.from_row(row) for row in evidence.of_attempt(ledger, attempt.id, Kind.CHECK)]


def _record(job: Job, stage: Stage, found: Rehearsed) -> None:
    def write(kind: Kind, piece: Piece) -> None:
        evidence.record(job.ledger, job.deployment_id, kind, piece, version=found.version, location=Location.COPY)

    rehearsal = found.evidence(stage.place)
    write(Kind.REHEARSAL, rehearsal)
    if rehearsal.access is not None:
        write(Kind.ACCESS, rehearsal.access)
    if found.workload is not None:
        write(Kind.WORKLOAD_PROOF, found.workload)
    for check in found.checks:
        write(Kind.CHECK, check)
    for benchmark in found.benchmarks:
        write(Kind.BENCHMARK, benchmark)
