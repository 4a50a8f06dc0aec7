"""Lend the target to other runs while a person is asked, take it again with the answer, compare it with what it was, and give it up."""

from __future__ import annotations

import logging

from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.reader import Facts, read_facts
from pg_deploy.ledger import deployment, evidence, snapshot
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.guard import Ownership
from pg_deploy.ledger.kinds.approval import Lending, Lent
from pg_deploy.migrations import history
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.preflight.claiming import IsOver, take_back
from pg_deploy.preflight.drift import keep_state

_MOMENT = "asked"
_MOST_LINES = 20


def lend_target(connection: Connection, target: Target, held: Ownership, phase: str) -> None:
    """Keep the state of the database in the ledger, and let others take the target from now on. Commits a few times.

    Raises DeploymentLostError.
    """
    deployment.check_fence(connection, held.deployment_id, held.fence)
    with target.session("asked") as reader:
        facts = read_facts(reader)
        versions = tuple(sorted(history.read(reader)))
    snapshot.save(connection, held.deployment_id, None, _MOMENT, facts)
    evidence.record(connection, held.deployment_id, Kind.LENT, Lent(phase, versions))
    deployment.lend(connection, held.deployment_id, held.fence, phase)


def regain_target(
    connection: Connection,
    target: Target,
    held: Ownership,
    phase: str,
    *,
    give_up_after: float,
    log: logging.Logger,
    is_over: IsOver,
) -> tuple[str, ...]:
    """Take the target again; returns what changed since it was lent, as sentences: who had it, the history, the catalog.

    Raises TargetBusyError if another run has it for longer than `give_up_after` seconds, and DeploymentLostError.
    """
    take_back(connection, held, phase, give_up_after=give_up_after, log=log, is_over=is_over)
    facts_before = snapshot.load_of_deployment(connection, held.deployment_id, _MOMENT)
    lent = [each for each in _read_lendings(connection, held.deployment_id) if each.outcome == Lending.LENT]
    if facts_before is None or not lent:
        return ("what the database was like when it was asked is not in the ledger",)
    with target.session("answered") as reader:
        facts = read_facts(reader)
        versions = set(history.read(reader))
    versions_before = set(lent[-1].history)
    lines = [
        *(f"version {version} is in the history now" for version in sorted(versions - versions_before)),
        *(f"version {version} is no longer in the history" for version in sorted(versions_before - versions)),
        *describe(compare(facts_before, facts)),
    ]
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"and {len(lines) - _MOST_LINES} more"]
    if not lines:
        return ()
    evidence.record(
        connection, held.deployment_id, Kind.LENT, Lent(phase, tuple(sorted(versions)), outcome=Lending.CHANGED)
    )
    later_runs = deployment.later_runs(connection, held.deployment_id)
    return (*(f"meanwhile the target was with {other}" for other in later_runs[-3:]), *lines)


def end_deployment(
    connection: Connection, held: Ownership, state: deployment.State, *, changed_something: bool
) -> None:
    """End a deployment, and if it changed something, keep what it leaves behind for the next run's drift. Commits once.

    Nothing is kept if it no longer holds the target. If it has lent the target, it leaves what was there when it did: what
    somebody changed since is drift.
    """
    facts = _lent_facts(connection, held.deployment_id) or read_facts(connection)
    with connection.transaction():
        if deployment.close(connection, held.deployment_id, held.fence, state) and changed_something:
            keep_state(connection, held.deployment_id, facts)
            # A snapshot does not wait for the disk. The end of a deployment does.
            connection.execute("set local synchronous_commit to default")


def _lent_facts(connection: Connection, deployment_id: int) -> Facts | None:
    mine = deployment.by_id(connection, deployment_id)
    lent = _read_lendings(connection, deployment_id)[-1:]
    # To take it back, or to work, gives the deployment another phase.
    if mine is None or not lent or lent[0].outcome != Lending.LENT or mine.phase != lent[0].name:
        return None
    return snapshot.load_of_deployment(connection, deployment_id, _MOMENT)


def keep_prepared(connection: Connection, deployment_id: int) -> None:
    """Write down that all that a question rests on was made for the database as it is now. Commits once."""
    evidence.record(connection, deployment_id, Kind.LENT, Lent("prepared", (), outcome=Lending.PREPARED))


def is_prepared(connection: Connection, deployment_id: int) -> bool:
    """Whether nothing changed while the target was lent, or all was made anew since: backup, rehearsal, what would be lost. Reads only."""
    said = [each.outcome for each in _read_lendings(connection, deployment_id) if each.outcome != Lending.LENT]
    return not said or said[-1] == Lending.PREPARED


def _read_lendings(connection: Connection, deployment_id: int) -> list[Lent]:
    return [Lent.from_row(row) for row in evidence.of_deployment(connection, deployment_id, Kind.LENT)]
