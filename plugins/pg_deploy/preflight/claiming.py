"""Whoever writes to a target claims it first. While another run holds it, we wait and log which run that is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from pg_deploy.configuration.conf import BaselineConf, DeployConf, RollbackConf
from pg_deploy.ledger import deployment, schema
from pg_deploy.ledger.deployment import Claim
from pg_deploy.ledger.errors import TargetBusyError
from pg_deploy.ledger.guard import Ownership
from pg_deploy.migrations import history
from pg_deploy.postgres.polling import looks
from pg_deploy.postgres.session import Connection, Target

_Result = TypeVar("_Result")
IsOver = Callable[[deployment.Deployment], bool]
WritingConf = DeployConf | BaselineConf | RollbackConf


def never_over(_: deployment.Deployment) -> bool:
    """For callers that cannot ask whether the holder's run has ended: then only its time limit counts."""
    return False


@dataclass(frozen=True)
class Identity:
    """Which Airflow run asks, and who triggered it."""

    dag_id: str
    airflow_run: str
    actor: str
    is_over: IsOver = never_over
    origin: str = ""
    """Which Airflow it is, and when the run was made: a run of another Airflow may have the same name."""
    commit: str = ""
    """The version of the DAG bundle that the run is bound to; empty if the bundle has none."""


@contextmanager
def claimed_target(
    target: Target,
    identity: Identity,
    conf: WritingConf,
    *,
    folder: str,
    versions: Iterable[str] = (),
    purpose: str,
    good_for: float,
    log: logging.Logger,
) -> Iterator[tuple[Connection, deployment.Deployment]]:
    """Make the ledger if there is none, and claim the target. If the block raises, the deployment is closed as failed.

    `folder` and `versions` are the stamp and the versions that the run sees. Raises TargetBusyError after
    conf.give_up_after.
    """
    wanted = Claim(
        identity.dag_id,
        identity.airflow_run,
        identity.actor,
        conf.model_dump(mode="json"),
        folder,
        tuple(versions),
        identity.origin,
    )
    with target.session(purpose) as connection:
        schema.ensure(connection)
        history.ensure(connection)
        held = claim_target(
            connection,
            wanted,
            good_for=good_for,
            give_up_after=conf.give_up_after,
            log=log,
            is_over=identity.is_over,
        )
        try:
            yield connection, held
        except BaseException:
            deployment.close(connection, held.id, held.fence, deployment.State.FAILED)
            raise


def claim_target(
    connection: Connection,
    wanted: Claim,
    *,
    good_for: float,
    give_up_after: float,
    log: logging.Logger,
    is_over: IsOver = never_over,
) -> deployment.Deployment:
    """Claim the target; wait up to `give_up_after` seconds for another run to end. Raises TargetBusyError.

    `is_over` says whether the holder's run has ended without closing its deployment, for example because a person stopped it.
    """
    return _wait_until_free(
        lambda: deployment.claim(connection, wanted, good_for=good_for, is_over=is_over),
        give_up_after=give_up_after,
        log=log,
    )


def take_back(
    connection: Connection,
    held: Ownership,
    phase: str,
    *,
    give_up_after: float,
    log: logging.Logger,
    is_over: IsOver,
) -> None:
    """Take back the target that was lent while a person was asked (see `deployment.take_back`). Waits as `claim_target` does."""
    _wait_until_free(
        lambda: deployment.take_back(
            connection, held.deployment_id, held.fence, phase, good_for=held.good_for, is_over=is_over
        ),
        give_up_after=give_up_after,
        log=log,
    )


def _wait_until_free(take: Callable[[], _Result], *, give_up_after: float, log: logging.Logger) -> _Result:
    tries = looks(1, say_every_s=10)
    while True:
        waited, is_due = next(tries)
        try:
            return take()
        except TargetBusyError as busy:
            if waited >= give_up_after:
                raise
            if is_due:
                log.info(
                    "run %s holds the target, in phase %s: waiting, for %.0f s so far",
                    busy.airflow_run,
                    busy.phase,
                    waited,
                )
