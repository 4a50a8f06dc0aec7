"""Roll back: undo a migration that committed, with the text kept in the ledger, and prove that the state before is back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pg_deploy import history
from pg_deploy.catalog import Facts, read_facts, read_facts_in_transaction
from pg_deploy.catalog_diff import compare, describe
from pg_deploy.errors import (
    ConnectionLostError,
    PgDeployError,
    RollbackMissingError,
    RollbackNotProvenError,
    RollbackRefusedError,
)
from pg_deploy.execution import Work, run_segments
from pg_deploy.job import Job
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import plan, snapshot
from pg_deploy.ledger.attempt import Attempt
from pg_deploy.ledger.plan import Pinned
from pg_deploy.old_backends import settle
from pg_deploy.session import Connection
from pg_deploy.statements import Segment, segments, split

_NOTHING_LEFT = "rolled back already by an earlier try"
_NOT_BEGUN = "nothing had been begun, nothing was run"
_THEN = "\nthen the rollback failed: "


@dataclass(frozen=True)
class Undone:
    """How a rollback ended: with statements, or with nothing to do because nothing had taken effect."""

    attempt: Attempt
    statements_run: int
    sentence: str


def roll_back(job: Job, version: str) -> Undone:
    """Undo the newest attempt at `version`, and prove it: the catalog facts must equal the snapshot taken before.

    Ends an old backend of the attempt first. Where no segment took effect nothing is run. Raises RollbackMissingError,
    RollbackRefusedError (it would drop what was there before), RollbackNotProvenError or the error of its statement; the
    attempt is then rollback_failed.
    """
    current = attempts.latest(job.ledger, version)
    if current is None or current.state == "baselined":
        raise RollbackMissingError(version)
    if current.state in ("planned", "snapshotted", "rolled_back"):
        sentence = _NOTHING_LEFT if current.state == "rolled_back" else _NOT_BEGUN
        job.log.info("%s", sentence)
        return Undone(current, 0, sentence)
    pinned = _rollback_in_force(job, current)
    before = snapshot.load(job.ledger, current.id, "before")
    if pinned is None or before is None:
        raise RollbackMissingError(current.stem)
    settle(job.ledger, current.id, log=job.log, patience_s=0)
    current = attempts.by_id(job.ledger, current.id)
    if current.state != "rolling_back":
        current = attempts.move(job.ledger, current, "rolling_back")
    try:
        statements_run = _undo(job, current, pinned, before)
        _prove(job, current, before)
    except ConnectionLostError:
        # Neither undone nor failed: the next try goes on from where the ledger says it stopped.
        raise
    except PgDeployError as error:
        attempts.move(
            job.ledger, attempts.by_id(job.ledger, current.id), "rollback_failed", error=_both(current, error)
        )
        raise
    undone = attempts.move(job.ledger, attempts.by_id(job.ledger, current.id), "rolled_back")
    sentence = (
        "rolled back, the database is as before" if statements_run else "nothing had taken effect, nothing was run"
    )
    job.log.info("%s", sentence)
    return Undone(undone, statements_run, sentence)


def give_up(job: Job, current: Attempt) -> bool:
    """End an attempt of which nothing took effect; False, and nothing is changed, where something did or may have.

    Ends an old backend of the attempt first: it could still commit.
    """
    settle(job.ledger, current.id, log=job.log, patience_s=job.limits.reattach)
    current = attempts.by_id(job.ledger, current.id)
    before = snapshot.load(job.ledger, current.id, "before")
    if current.state != "applying" or before is None or _took_effect(job, current, before):
        return False
    current = attempts.move(job.ledger, current, "rolling_back")
    attempts.move(job.ledger, current, "rolled_back")
    job.log.info("nothing of attempt %d had taken effect: it is given up", current.id)
    return True


def _rollback_in_force(job: Job, current: Attempt) -> Pinned | None:
    """The text as deployed; where that rollback failed, or was cut off, the one that this run pinned: it may be corrected."""
    as_deployed = plan.pinned_version(job.ledger, current.deployment_id, current.version)
    if current.state in ("rolling_back", "rollback_failed"):
        of_this_run = plan.pinned_version(job.ledger, job.deployment_id, current.version)
        if of_this_run is not None and of_this_run.rollback is not None:
            return of_this_run
    return as_deployed


def _undo(job: Job, current: Attempt, pinned: Pinned, before: Facts) -> int:
    """Run the rollback where something took effect; returns the number of statements run."""
    if not _took_effect(job, current, before):
        history.delete(job.ledger, [current.version])
        return 0
    if pinned.rollback is None:
        raise RollbackMissingError(current.stem)
    file = f"{current.stem}/rollback.sql"
    todo = segments(split(pinned.rollback, file=file))
    last = todo[-1].ordinal
    with job.target.session(f"rollback {current.version}") as connection:
        present_at_start = _identities(read_facts(connection))

    def before_commit(connection: Connection, segment: Segment) -> None:
        if segment.transactional:
            lost = _lost(present_at_start, _identities(read_facts_in_transaction(connection)), before)
            if lost:
                raise RollbackRefusedError(current.stem, lost)
        if segment.ordinal == last:
            history.delete(connection, [current.version])

    for segment in todo:
        _refuse_dropping_what_was_there(current, segment, before)
    done = attempts.committed_rollback_segments(job.ledger, current.id, pinned.rollback)
    if done:
        job.log.info("%d of %d segments of this rollback committed before", len(done), len(todo))
    declared = plan.manifest_of(job.ledger, pinned.deployment_id, pinned.version).holds_lock_seconds
    # Undoing takes the same locks; what was declared, and approved, for the change holds for its undoing too.
    limits = replace(job.limits, lock_budget=max(declared or 0.0, job.limits.lock_budget))
    run_segments(
        Work(job.target, job.guard, current.id, "rollback", file, pinned.rollback, limits, job.log, job.observer),
        [segment for segment in todo if segment.ordinal not in done],
        before_commit,
        done=[segment for segment in todo if segment.ordinal in done],
    )
    return sum(len(segment.statements) for segment in todo)


def _took_effect(job: Job, current: Attempt, before: Facts) -> bool:
    """Whether any segment of the attempt changed anything: the ledger knows transactions, the catalog the rest."""
    if attempts.committed_segments(job.ledger, current.id, "apply"):
        return True
    if not attempts.began_outside_transaction(job.ledger, current.id, "apply"):
        return False
    with job.target.session(f"rollback {current.version}") as connection:
        return bool(compare(before, read_facts(connection)))


def _prove(job: Job, current: Attempt, before: Facts) -> None:
    with job.target.session(f"rollback {current.version}") as connection:
        now = read_facts(connection)
    snapshot.save(job.ledger, job.deployment_id, current.id, "rolled_back", now)
    difference = compare(before, now)
    lines = describe(difference)
    job.record(
        current,
        "rollback proof",
        "catalog facts as before",
        "failed" if difference else "passed",
        {"differences": list(lines), "facts": len(now.facts), "fingerprint": now.fingerprint},
    )
    if difference:
        for line in lines:
            job.log.error("  ✗ %s", line)
        raise RollbackNotProvenError(current.stem, lines)
    job.log.info("  ✓ %d catalog facts equal the snapshot, fingerprint %s", len(now.facts), now.fingerprint[:12])


Identities = frozenset[tuple[str, str]]


def _identities(facts: Facts) -> Identities:
    return frozenset((fact.kind, fact.identity) for fact in facts.facts)


def _lost(at_start: Identities, now: Identities, before: Facts) -> list[str]:
    """Objects that were there before the migration and that this rollback has just removed."""
    return sorted(f"{kind} {identity}" for kind, identity in (at_start - now) & _identities(before))


def _refuse_dropping_what_was_there(current: Attempt, segment: Segment, before: Facts) -> None:
    """A statement outside a transaction cannot be taken back, so it is judged from its text before it runs."""
    if segment.transactional:
        return
    present = {identity for _, identity in _identities(before)}
    dropped = [name for statement in segment.statements for name in statement.drops]
    there = [name.name for name in dropped if _names(name.name) & present]
    if there:
        raise RollbackRefusedError(current.stem, there)


def _names(qualified: str) -> set[str]:
    """The identities that a dropped name may stand for: a bare one lives in public unless it says otherwise."""
    return {qualified, f"public.{qualified}"} if "." not in qualified else {qualified}


def _both(current: Attempt, error: PgDeployError) -> str:
    """The first error and this one: a failing rollback never hides why it was needed."""
    if not current.error:
        return str(error)
    # Of several failed rollbacks the last one counts; the ledger's statements hold the errors of all.
    first = current.error.split(_THEN)[0]
    return f"{first}{_THEN}{error}"
