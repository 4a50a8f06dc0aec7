"""Roll back: undo a migration that committed, with the text kept in the ledger, and prove that the state before is back."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from pg_deploy.catalog.diff import Difference, compare, describe
from pg_deploy.catalog.kinds import PROPERTIES
from pg_deploy.catalog.names import Identity, Key, identity_of
from pg_deploy.catalog.reader import Fact, Facts, read_facts_in_transaction
from pg_deploy.configuration.limits import Limits
from pg_deploy.deployment.job import Job
from pg_deploy.errors import ConnectionLostError, PgDeployError
from pg_deploy.execution.old_backends import wait_for_old_backends
from pg_deploy.execution.segments import NotKept, Work, run_segments
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import pins
from pg_deploy.ledger.attempt import Attempt, State
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.rollback import ProofOutcome, RollbackProof
from pg_deploy.ledger.pins import Pinned
from pg_deploy.migrations import history
from pg_deploy.parsing.rollback_text import statements_of
from pg_deploy.parsing.statements import Segment, segments, split
from pg_deploy.postgres.session import Connection
from pg_deploy.rollback.attempt_evidence import read_doing
from pg_deploy.rollback.beyond_the_database import find_left_alone
from pg_deploy.rollback.errors import (
    CommittingRollbackError,
    NoRollbackError,
    RollbackMissingError,
    RollbackNotProvenError,
    RollbackRefusedError,
)
from pg_deploy.rollback.generator.generate import generate_rollback
from pg_deploy.rollback.goal import Goal, snapshot_goal, undo_goal
from pg_deploy.rollback.known_refusals import refuse_declared, refuse_without_way_back, require_sql
from pg_deploy.rollback.losses import (
    read_rehearsals,
    read_rows_written,
    refuse_if_rows_were_met,
    refuse_unless_inserted,
)
from pg_deploy.rollback.mending import mend, mending_sql
from pg_deploy.rollback.not_as_before import SETS_POSITION, report_not_as_before
from pg_deploy.rollback.what_was_there import Kept, find_kept
from pg_deploy.rollback.whole_set import read_changed, read_made, read_newer_of_run, read_older_of_run

_NOTHING_LEFT = "rolled back already by an earlier try"
_NOTHING_TAKEN = "nothing had taken effect, nothing was run"
_OWN_ONLY = "rolled back: its own changes are gone, and what others changed is as they left it"
_NOT_BEGUN = "nothing had been begun, nothing was run"
_IN_DOUBT = " (this migration's doing or another's, nothing tells which)"
_THEN = "\nthen the rollback failed: "

_TRIED = "undone in a transaction that led to the state before, and was not kept"
_COMPARING_S = 600.0


@dataclass(frozen=True)
class RollbackResult:
    """How a rollback ended: with statements, or with nothing to do because nothing had taken effect."""

    attempt: Attempt
    statements_run: int
    sentence: str
    lost: tuple[str, ...] = ()
    """On a copy: what of its contents is gone, with numbers."""
    left: tuple[str, ...] = ()
    """What the migration changed and a rollback leaves so: on a copy sequences, everywhere what its snapshot does not hold."""
    is_kept: bool = True
    """False if it was only tried: its transaction led to the state before, and was taken back."""


def roll_back(job: Job, version: str, *, keep: bool = True) -> RollbackResult:
    """Undo the newest attempt at `version`, and prove it: the catalog facts must equal the snapshot taken before.

    If the attempt was verified, perhaps days ago, exactly its own changes must be gone (see `undo_goal`). Policies, grants,
    functions and cron jobs that the rollback forgot are mended at once. Without a rollback.sql one is generated. Ends an
    old backend of the attempt first. If no segment took effect, nothing is run. Raises RollbackMissingError,
    NoRollbackError, RollbackRefusedError (it would drop what was there before), RollbackNotProvenError or the error of its
    statement; the attempt is then rollback_failed. Without `keep`, on a private copy, a generated rollback of one transaction
    is not committed once it has led to the state before, and the attempt stays verified.
    """
    current = attempts.latest(job.ledger, version)
    if current is None or current.state == State.BASELINED:
        raise RollbackMissingError(version)
    if current.state in (State.PLANNED, State.SNAPSHOTTED, State.ROLLED_BACK):
        sentence = _NOTHING_LEFT if current.state == State.ROLLED_BACK else _NOT_BEGUN
        job.log.info("%s", sentence)
        return RollbackResult(current, 0, sentence)
    pinned = _rollback_in_force(job, current)
    before = job.snapshot_of(current, "before")
    if pinned is None or before is None:
        raise RollbackMissingError(current.stem)
    wait_for_old_backends(job.ledger, current.id, log=job.log, patience_s=0)
    current = attempts.by_id(job.ledger, current.id)
    if not took_effect(job, current, pinned, before):
        return _nothing_to_undo(job, current, before)
    goal = _goal(job, current, pinned, before)
    if current.state != State.ROLLING_BACK:
        current = attempts.move(job.ledger, current, State.ROLLING_BACK)
    try:
        statements_run, lost, left, is_kept = _undo(job, current, pinned, before, goal, keep=keep)
        if not is_kept:
            attempts.reset_to_verified(job.ledger, current)
            return RollbackResult(current, statements_run, _TRIED, is_kept=False)
        now = _prove(job, current, goal, before)
    except ConnectionLostError:
        # Neither undone nor failed: the next try goes on from where the ledger says it stopped.
        raise
    except PgDeployError as error:
        attempts.move(
            job.ledger, attempts.by_id(job.ledger, current.id), State.ROLLBACK_FAILED, error=_both(current, error)
        )
        raise
    undone = attempts.move(job.ledger, attempts.by_id(job.ledger, current.id), State.ROLLED_BACK)
    deployed = _as_deployed(job, current, pinned)
    rows_written = read_rows_written(job.ledger, current, before)
    left = (*left, *find_left_alone(deployed.sql, pinned.rollback, job.ledger.info.dbname, rows_written))
    if not job.on_copy:
        left = (
            *left,
            *report_not_as_before(job, current, replace(pinned, sql=deployed.sql), before, now, rows_written),
        )
    sentence = _OWN_ONLY if compare(before, now) else "rolled back, the database is as before"
    if lost or left:
        sentence += f" but for {'; '.join((*lost, *left))}"
    job.log.info("%s", sentence)
    return RollbackResult(undone, statements_run, sentence, lost, left)


def _nothing_to_undo(job: Job, current: Attempt, before: Facts) -> RollbackResult:
    """End an attempt of which nothing took effect. Nothing is run; what differs from the snapshot is the work of others."""
    now = job.guard.read_facts()
    others = describe(compare(before, now))
    if current.state != State.ROLLING_BACK:
        current = attempts.move(job.ledger, current, State.ROLLING_BACK)
    # The version stays in the history if it is there: this attempt, whose row commits with its last segment, did not write it.
    job.keep_snapshot(current, "rolled_back", now)
    _say_changed_by_others(job, others)
    name = "nothing of it took effect" if others else "catalog facts as before"
    proof = RollbackProof(name, ProofOutcome.PASSED, len(now.facts), now.fingerprint, changed_by_others=others)
    job.record(current, Kind.ROLLBACK_PROOF, proof)
    undone = attempts.move(job.ledger, current, State.ROLLED_BACK)
    job.log.info("%s", _NOTHING_TAKEN)
    return RollbackResult(undone, 0, _NOTHING_TAKEN)


def _rollback_in_force(job: Job, current: Attempt) -> Pinned | None:
    """The text as deployed; if that rollback failed, or was cut off, the one that this run pinned: it may be corrected."""
    as_deployed = pins.pinned_version(job.ledger, current.deployment_id, current.version)
    if current.state in (State.ROLLING_BACK, State.ROLLBACK_FAILED):
        of_this_run = pins.pinned_version(job.ledger, job.deployment_id, current.version)
        if of_this_run is not None and of_this_run.rollback is not None:
            return of_this_run
    if as_deployed is not None and as_deployed.rollback is None:
        # The one that was generated, shown and approved in this run.
        return pins.pinned_version(job.ledger, job.deployment_id, current.version) or as_deployed
    return as_deployed


def _goal(job: Job, current: Attempt, pinned: Pinned, before: Facts) -> Goal:
    """What this rollback has to lead to. For one that was cut off, the state when it began is in the ledger."""
    if job.on_copy:
        # Nobody else is at work there: all that differs is the attempt's.
        after = job.snapshot_of(current, "after")
        return (
            snapshot_goal(before)
            if after is None or current.state != State.VERIFIED
            else undo_goal(before, after, after)
        )
    if current.state not in (State.ROLLING_BACK, State.ROLLBACK_FAILED):
        job.keep_snapshot(current, "undoing", job.guard.read_facts())
    start = job.snapshot_of(current, "undoing") or job.guard.read_facts()
    after = job.snapshot_of(current, "after") or start
    done = read_doing(job.ledger, current, _as_deployed(job, current, pinned), before, after)
    undoing = statements_of(pinned.rollback, current.stem)
    both = replace(done, statements=(*done.statements, *undoing))
    made_by_older = read_made(job.ledger, read_older_of_run(job.ledger, job.deployment_id, current))
    goal = undo_goal(
        before,
        after,
        start,
        done.own(before, after),
        both.own_of,
        done.doubtful(before, after),
        replace(done, statements=undoing, rehearsed=frozenset()).doubtful_of,
        made_by_older=made_by_older,
        of_the_set=read_changed(job.ledger, read_newer_of_run(job.ledger, job.deployment_id, current)),
    )
    for line in goal.changed_since:
        job.log.warning("changed since by others: %s", line)
    _say_changed_by_others(job, goal.others)
    return goal


def _say_changed_by_others(job: Job, lines: Sequence[str]) -> None:
    for line in lines:
        job.log.warning("changed by others meanwhile, left as it is: %s", line)


def _as_deployed(job: Job, current: Attempt, pinned: Pinned) -> Pinned:
    """The pin of the attempt's own deployment: its SQL is what took effect."""
    return pins.pinned_version(job.ledger, current.deployment_id, current.version) or pinned


def _undo(
    job: Job, current: Attempt, pinned: Pinned, before: Facts, goal: Goal, *, keep: bool
) -> tuple[int, tuple[str, ...], tuple[str, ...], bool]:
    """Run the rollback; returns how many statements ran, what was lost and left (see RollbackResult), and whether it was kept."""
    is_generated = pinned.rollback is None or pinned.rollback_source == "generated"
    as_rehearsed = pinned.rollback is not None and not (is_generated and _is_partly_gone(job, current, before))
    text = (
        pinned.rollback
        if pinned.rollback is not None and as_rehearsed
        else _generated(job, current, pinned, before, goal)
    )
    if not text.strip():
        job.log.info("the database is as before already")
        _take_from_history(job.ledger, current)
        return 0, (), (), True
    file = f"{current.stem}/{'generated rollback' if is_generated else 'rollback.sql'}"
    todo = segments(split(text, file=file))
    is_proven = as_rehearsed and pinned.rollback_proven
    last = todo[-1].ordinal
    at_start, kept = _what_was_there(job, before)
    # What is built outside of the transaction comes after it.
    apart = {
        (made.kind, made.name)
        for segment in todo
        if not segment.transactional
        for statement in segment.statements
        for made in statement.creates
    }
    # A generated text holds nothing that commits by itself: there it is the last transaction.
    last_to_write = max((each.ordinal for each in todo if each.transactional or _commits(each)), default=-1)
    stays: list[tuple[str, ...]] = [(), ()]
    # If nobody else is at work, and no row is written that a deferred trigger might answer, the commit changes nothing more.
    quiet = job.guard.quiet if not any(s.writes_rows or s.opaque for each in todo for s in each.statements) else None
    at_end: list[Facts] = []
    is_one = len(todo) == 1 and todo[0].transactional and is_generated and not SETS_POSITION.search(text)
    is_kept = keep or quiet is None or not is_one

    def before_commit(connection: Connection, segment: Segment) -> None:
        if segment.transactional or _commits(segment):
            now = read_facts_in_transaction(connection, keep_plan=True, objects="none" if quiet is None else "all")
            at_end[:] = [now]
            dropped = [
                *kept.violations(connection, segment),
                *_lost(at_start.by_key.keys() - now.by_key.keys() - apart, goal),
            ]
            if dropped:
                raise RollbackRefusedError(current.stem, dropped, committed=not segment.transactional)
            if is_generated and segment.ordinal == last_to_write and not is_proven:
                # Nobody has rehearsed it: it is not committed unless it leads where it has to.
                difference = goal.difference(now)
                _refuse_unless(
                    current, describe(difference if segment.ordinal == last else _but_for_steps_apart(difference))
                )
            if job.contents is not None and segment.ordinal == last_to_write:
                missing, ahead = job.contents.compare(connection)
                if is_generated and missing:
                    raise NoRollbackError(current.stem, missing)
                stays[:] = missing, ahead
        if not is_kept:
            _refuse_unless(current, describe(goal.difference(at_end[0])))
            raise NotKept
        if segment.ordinal == last:
            _take_from_history(connection, current)

    _refuse_before(job, current, pinned, before, goal, todo, text=text if is_generated else None, proven=is_proven)
    done = attempts.committed_rollback_segments(job.ledger, current.id, text)
    if done:
        job.log.info("%d of %d segments of this rollback committed before", len(done), len(todo))
    run_segments(
        Work(
            job.target,
            job.guard,
            current.id,
            "rollback",
            file,
            text,
            _limits(job, pinned),
            job.log,
            job.observer,
            is_written=not is_generated,
        ),
        [segment for segment in todo if segment.ordinal not in done],
        before_commit,
        done=[segment for segment in todo if segment.ordinal in done],
    )
    if quiet is not None and at_end and todo[-1].transactional:
        quiet.facts = at_end[0] if is_kept else at_start
    return sum(len(segment.statements) for segment in todo), stays[0], stays[1], is_kept


def _refuse_before(
    job: Job,
    current: Attempt,
    pinned: Pinned,
    before: Facts,
    goal: Goal,
    todo: Sequence[Segment],
    *,
    text: str | None,
    proven: bool,
) -> None:
    """Refuse what can be refused before anything runs; `text` is the rollback if it was generated."""
    if not job.on_copy:
        if text is None:
            _refuse_unrehearsed_commit(job, current, pinned, todo)
        else:
            refuse_unless_inserted(job, current, text)
            if proven:
                refuse_if_rows_were_met(job, current, pinned, before)
    moves_search_path = any(statement.session_state for segment in todo for statement in segment.statements)
    for segment in todo:
        _refuse_dropping_what_was_there(current, segment, goal, anywhere=moves_search_path)


def _commits(segment: Segment) -> bool:
    """Whether what it does is committed before anybody can look at it."""
    return any(each.commits for each in segment.statements)


def _refuse_unrehearsed_commit(job: Job, current: Attempt, pinned: Pinned, todo: Sequence[Segment]) -> None:
    """What commits by itself cannot be taken back, and rows are no facts: it is run only if a copy was as before after it."""
    lines = [each.line for segment in todo for each in segment.statements if each.commits]
    if not lines:
        return
    rehearsed = (
        each
        for deployment in (current.deployment_id, job.deployment_id)
        for each in read_rehearsals(job.ledger, current, deployment)
    )
    if not any(each.rollback_s is not None and each.bundle_hash == pinned.bundle_hash for each in rehearsed):
        raise CommittingRollbackError(current.stem, lines[0])


def _take_from_history(connection: Connection, current: Attempt) -> None:
    """Take the version out of the history if this attempt recorded it; if it did not come so far, the row is somebody else's."""
    if current.applied_at is not None:
        history.delete(connection, [current.version])


def _what_was_there(job: Job, before: Facts) -> tuple[Facts, Kept]:
    """The catalog as the rollback begins, and what of the state before it has to keep. Reads only."""
    at_start = job.guard.read_facts("held")
    with job.guard.session("what was there") as connection:
        kept = find_kept(connection, before, at_start.objects)
    if kept.by_name:
        job.log.info(
            "the snapshot is older than addresses: what was there is known by name, and no table with rows is dropped"
        )
    return at_start, kept


def _limits(job: Job, pinned: Pinned) -> Limits:
    declared = pins.manifest_of(job.ledger, pinned.deployment_id, pinned.version).holds_lock_seconds
    # Undoing takes the same locks; what was declared, and approved, for the change holds for its undoing too.
    limits = replace(job.limits, lock_budget=max(declared or 0.0, job.limits.lock_budget))
    if job.contents is not None and job.contents.is_read:
        # On a copy nobody waits, and all that was in its tables is compared before the commit.
        limits = replace(limits, lock_budget=max(limits.lock_budget, _COMPARING_S))
    return limits


def _is_partly_gone(job: Job, current: Attempt, before: Facts) -> bool:
    """Whether something that the attempt made or changed is gone: a newer one of its set dropped it, and its undoing left it so."""
    after = job.snapshot_of(current, "after")
    if after is None or job.on_copy:
        return False
    there = job.guard.read_facts().by_key
    return any(fact.key not in there for fact in compare(before, after).new_facts)


def took_effect(job: Job, current: Attempt, pinned: Pinned, before: Facts) -> bool:
    """Whether any segment of the attempt changed anything: the ledger knows transactions, the catalog the rest. Reads only."""
    if attempts.committed_segments(job.ledger, current.id, "apply"):
        return True
    if not attempts.begun_outside_transaction(job.ledger, current.id, "apply"):
        return False
    deployed = _as_deployed(job, current, pinned)
    begun = attempts.begun_segments(job.ledger, current.id, "apply")
    parts = segments(split(deployed.sql, file=current.stem))
    if any(each.commits for part in parts if part.ordinal in begun for each in part.statements):
        # What it committed before it failed may be rows, which no catalog shows.
        return True
    now = job.guard.read_facts()
    return bool(read_doing(job.ledger, current, deployed, before, now).own(before, now))


def _generated(job: Job, current: Attempt, pinned: Pinned, before: Facts, goal: Goal) -> str:
    """A rollback from the facts, for a migration that brings none; empty if nothing differs."""
    refuse_declared(job.ledger, pinned)
    as_deployed = pins.pinned_version(job.ledger, current.deployment_id, current.version)
    if as_deployed is not None and not job.on_copy:
        refuse_without_way_back(job.ledger, as_deployed)
    now = job.guard.read_facts("all")
    found = generate_rollback(
        goal.reachable(now),
        now,
        migration_sql=pinned.sql,
        compared=job.contents is not None,
        rows_written=read_rows_written(job.ledger, current, before),
        find_undone_later=goal.undone_later if goal.made_by_older else None,
    )
    text = require_sql(found, current.stem)
    job.log.warning(
        "%s: this rollback is generated from the catalog as it is now, unproven, and kept only if it leads back",
        current.stem,
    )
    for line in text.splitlines():
        job.log.info("    %s", line)
    for remark in found.remarks:
        job.log.warning("  %s", remark)
    return text


def _refuse_unless(current: Attempt, differences: tuple[str, ...]) -> None:
    if differences:
        raise NoRollbackError(current.stem, ["the generated one does not lead back", *differences[:10]])


def _but_for_steps_apart(difference: Difference) -> Difference:
    """Without what the steps outside of a transaction are still to build or drop."""

    def counts(fact: Fact) -> bool:
        of = fact.identity.of
        about = of.kind if of is not None and fact.kind == "comment" else fact.kind
        return about not in ("index", "subscription")

    return difference.part(counts)


def _prove(job: Job, current: Attempt, goal: Goal, before: Facts) -> Facts:
    """Compare with what has to be; mend what may be mended; fail with the SQL that would mend the rest.

    Returns the catalog as it is then, with what holds data.
    """
    now = mend(job, current, goal, job.guard.read_facts("held"))
    job.keep_snapshot(current, "rolled_back", now)
    lines = (*describe(goal.difference(now)), *(f"{line}{_IN_DOUBT}" for line in goal.in_doubt(now)))
    along = goal.went_along(now)
    meanwhile = goal.changed_meanwhile(now)
    others = (*goal.others, *meanwhile)
    sql = mending_sql(goal, now) if lines else ""
    # Of one that was verified, perhaps days ago, the state before is not the measure.
    is_as_before = current.verified_at is None and not (others or along or goal.changed_since)
    proof = RollbackProof(
        "catalog facts as before" if is_as_before else "its own changes are gone, and no others",
        ProofOutcome.FAILED if lines else ProofOutcome.PASSED,
        len(now.facts),
        now.fingerprint,
        lines,
        goal.changed_since,
        others,
        along,
        sql,
    )
    job.record(current, Kind.ROLLBACK_PROOF, proof)
    _say_changed_by_others(job, meanwhile)
    for line in along:
        job.log.warning("went with what the migration had made: %s", line)
    if lines:
        for line in lines:
            job.log.error("  ✗ %s", line)
        job.log.error("this SQL would mend it:")
        for line in sql.splitlines():
            job.log.error("    %s", line)
        raise RollbackNotProvenError(current.stem, lines)
    what = "are as if the migration had not been" if compare(before, now) else "equal the snapshot"
    job.log.info("  ✓ %d catalog facts %s, fingerprint %s", len(now.facts), what, now.fingerprint[:12])
    return now


def _lost(gone: Set[Key], goal: Goal) -> list[str]:
    """The objects that this rollback has just removed although they were not made by the migration."""
    lost = gone & goal.protected
    # A right or a comment that differs is a difference; only an object that is gone is a loss.
    return sorted(f"{kind} {identity}" for kind, identity in lost if goal.start is None or kind not in PROPERTIES)


def _refuse_dropping_what_was_there(current: Attempt, segment: Segment, goal: Goal, *, anywhere: bool) -> None:
    """A statement outside a transaction cannot be taken back, so it is judged from its text before it runs."""
    if segment.transactional:
        return
    present: dict[str, set[Identity]] = {}
    for key in goal.protected:
        present.setdefault(key[0], set()).add(identity_of(key))
    # A type and an index may share a name.
    dropped = [(name.name, present.get(name.kind, set())) for each in segment.statements for name in each.drops]
    there = [name for name, alike in dropped if _names(name, alike if anywhere else frozenset()) & alike]
    if there:
        raise RollbackRefusedError(current.stem, there)


def _names(qualified: str, present: Set[Identity]) -> set[str]:
    """The identities that a dropped name may mean: a bare name is in public, or one of `present` if the file sets its search_path."""
    if "." in qualified:
        return {qualified}
    return {qualified, f"public.{qualified}", *(each for each in present if each == f"{each.schema}.{qualified}")}


def _both(current: Attempt, error: PgDeployError) -> str:
    """The first error and this one: a failing rollback never hides why it was needed."""
    if not current.error:
        return str(error)
    # Of several failed rollbacks the last one counts; the ledger's statements hold the errors of all.
    first = current.error.split(_THEN)[0]
    return f"{first}{_THEN}{error}"
