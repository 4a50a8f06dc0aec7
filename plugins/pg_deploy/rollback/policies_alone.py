"""Policies alone, from a snapshot onto the live target: what `psql < backup` was meant to do, and does not."""

from __future__ import annotations

from dataclasses import replace

from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.names import Key
from pg_deploy.catalog.reader import Fact, Facts, read_facts_in_transaction
from pg_deploy.deployment.job import Job
from pg_deploy.execution.segments import Work, run_segments
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import pins, snapshot
from pg_deploy.ledger.attempt import Attempt
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.rollback import ProofOutcome, RollbackProof
from pg_deploy.ledger.pins import Pinned
from pg_deploy.parsing.statements import Segment, segments, split
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_text
from pg_deploy.rollback.errors import NothingToUndoError, RollbackNotProvenError
from pg_deploy.rollback.generator.draft import strings_of
from pg_deploy.rollback.generator.generate import generate_rollback

_FLAGS = ("row level security", "force row level security")


def read_policies(connection: Connection, wanted: str, now: Facts) -> tuple[Attempt, Pinned]:
    """The attempt whose snapshot is meant (its number, or a version), and the SQL that restores its policies. Reads only.

    Functions that those policies call and that are gone, or changed, are restored with them. Raises NothingToUndoError.
    """
    current = _attempt(connection, wanted)
    before = snapshot.load(connection, current.id, "before")
    pinned = pins.pinned_version(connection, current.deployment_id, current.version)
    if before is None or pinned is None:
        raise NothingToUndoError(wanted, "has no snapshot in the ledger", "name another attempt or version")
    found = generate_rollback(_with_policies(now, before), now)
    if found.refusals:
        raise NothingToUndoError(
            wanted, "has policies that cannot be restored", "; ".join(str(refusal) for refusal in found.refusals)
        )
    if not found.sql:
        raise NothingToUndoError(wanted, "has the policies that are in force now", "there is nothing to do")
    return current, replace(pinned, rollback=found.sql, rollback_source="generated")


def restore_policies(job: Job, pinned: Pinned) -> None:
    """Run the pinned SQL; its transaction commits only if the policies are those of the snapshot. If they are, nothing is run."""
    current = attempts.latest(job.ledger, pinned.version)
    before = snapshot.load(job.ledger, current.id, "before") if current else None
    if current is None or before is None or pinned.rollback is None:
        raise NothingToUndoError(pinned.stem, "has no snapshot in the ledger", "name another attempt or version")
    todo = segments(split(pinned.rollback, file="policies"))

    def before_commit(connection: Connection, _: Segment) -> None:
        now = read_facts_in_transaction(connection)
        left = describe(compare(_with_policies(now, before), now))
        if left:
            raise RollbackNotProvenError(current.stem, left)

    now = job.guard.read_facts()
    if compare(_with_policies(now, before), now):
        work = Work(job.target, job.guard, current.id, "mend", "policies", pinned.rollback, job.limits, job.log)
        run_segments(work, todo, before_commit)
        now = job.guard.read_facts()
    else:
        job.log.info("the policies are as in the snapshot already")
    count = sum(fact.kind == "policy" for fact in now.facts)
    proof = RollbackProof("policies as in the snapshot", ProofOutcome.PASSED, len(now.facts))
    job.record(current, Kind.ROLLBACK_PROOF, proof)
    job.log.info("  ✓ %d policies are as in the snapshot of %s", count, current.stem)


def _attempt(connection: Connection, wanted: str) -> Attempt:
    version = wanted.split("_", 1)[0]
    found = attempts.latest(connection, version)
    if found is None and wanted.isdigit() and len(wanted) < 14:
        row = connection.execute(
            engine_text(
                "select version from deploy_ledger.attempt where id = %s and id = (select max(id) from deploy_ledger.attempt o"
                " where o.version = attempt.version)"
            ),
            [int(wanted)],
        ).fetchone()
        found = attempts.latest(connection, row[0]) if row else None
    if found is None:
        raise NothingToUndoError(wanted, "is no attempt and no version in the ledger", "name one that is")
    return found


def _with_policies(now: Facts, before: Facts) -> Facts:
    """The facts of now with the policies, the flags and the functions for policies of then, on tables that are still there."""
    kept: dict[Key, Fact] = {
        key: fact
        for key, fact in now.by_key.items()
        if key[0] != "policy" or ("table", fact.identity.relation) not in before.by_key
    }
    for key, fact in before.by_key.items():
        if key[0] == "policy" and ("table", fact.identity.relation) in now.by_key:
            kept[key] = fact
        elif key[0] == "table" and key in now.by_key:
            kept[key] = _with_flags(now.by_key[key], fact)
    policies = "\n".join(
        text for key, fact in kept.items() if key[0] == "policy" for text in strings_of(fact.properties)
    )
    for key, fact in before.by_key.items():
        if key[0] == "function" and f"{fact.identity.base}(" in policies:
            kept[key] = fact
    return Facts(frozenset(kept.values()), now.server_version, now.read_at)


def _with_flags(now: Fact, then: Fact) -> Fact:
    kept = {name: value for name, value in now.properties.items() if name not in _FLAGS}
    return now.with_properties(kept | {name: value for name, value in then.properties.items() if name in _FLAGS})
