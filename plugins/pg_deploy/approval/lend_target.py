"""The target while a person is asked: given back, taken again with the answer, and compared with what it was when it was asked."""

from __future__ import annotations

import logging

from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.reader import read_facts
from pg_deploy.ledger import deployment, evidence, snapshot
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.guard import Ownership
from pg_deploy.ledger.kinds.approval import Lent
from pg_deploy.migrations import history
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.preflight.claiming import take_back

_MOMENT = "asked"
_MOST = 20


def lend(connection: Connection, target: Target, held: Ownership, phase: str) -> None:
    """Keep what the database is like, and let others have it from now on. Commits a few times.

    Raises DeploymentLostError.
    """
    deployment.check_fence(connection, held.deployment_id, held.fence)
    with target.session("asked") as reader:
        facts = read_facts(reader)
        versions = tuple(sorted(history.read(reader)))
    snapshot.save(connection, held.deployment_id, None, _MOMENT, facts)
    evidence.record(connection, held.deployment_id, Kind.LENT, Lent(phase, versions))
    deployment.lend(connection, held.deployment_id, held.fence, phase)


def regain(
    connection: Connection, target: Target, held: Ownership, phase: str, *, give_up_after: float, log: logging.Logger
) -> tuple[str, ...]:
    """Take the target again; what is not as it was when it was lent, as sentences: who had it, the history, the catalog.

    Raises TargetBusyError where another run has it for longer than `give_up_after` seconds, and DeploymentLostError.
    """
    take_back(connection, held, phase, give_up_after=give_up_after, log=log)
    was = snapshot.load_of_deployment(connection, held.deployment_id, _MOMENT)
    lent = evidence.of_deployment(connection, held.deployment_id, Kind.LENT)
    if was is None or not lent:
        return ("what the database was like when it was asked is not in the ledger",)
    with target.session("answered") as reader:
        facts = read_facts(reader)
        versions = set(history.read(reader))
    known = set(Lent.from_row(lent[-1]).history)
    lines = [
        *(f"version {version} is in the history now" for version in sorted(versions - known)),
        *(f"version {version} is no longer in the history" for version in sorted(known - versions)),
        *describe(compare(was, facts)),
    ]
    if len(lines) > _MOST:
        lines[_MOST:] = [f"and {len(lines) - _MOST} more"]
    others = deployment.others_since(connection, held.deployment_id)
    return (*(f"meanwhile the target was with {other}" for other in others[-3:]), *lines) if lines else ()
