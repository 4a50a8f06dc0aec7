"""Waiting for the target: whoever writes claims it first, and says meanwhile who holds it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from pg_deploy.errors import TargetBusyError
from pg_deploy.ledger import deployment
from pg_deploy.ledger.deployment import Claim
from pg_deploy.session import Connection

IsOver = Callable[[deployment.Deployment], bool]


def never_over(_: deployment.Deployment) -> bool:
    """Where nobody can be asked whether the holder's run has ended: only its time tells."""
    return False


def claim_target(
    connection: Connection,
    wanted: Claim,
    *,
    good_for: float,
    give_up_after: float,
    log: logging.Logger,
    is_over: IsOver = never_over,
) -> deployment.Deployment:
    """Take the target, waiting up to `give_up_after` seconds for another run to end. Raises TargetBusyError.

    `is_over` tells of a holder whether its run has ended without closing its deployment, e.g. by a person's hand.
    """
    started = time.monotonic()
    said = -60.0
    while True:
        try:
            return deployment.claim(connection, wanted, good_for=good_for, is_over=is_over)
        except TargetBusyError as busy:
            waited = time.monotonic() - started
            if waited >= give_up_after:
                raise
            if waited - said >= 10:
                log.info(
                    "run %s holds the target, in phase %s: waiting, for %.0f s so far",
                    busy.airflow_run,
                    busy.phase,
                    waited,
                )
                said = waited
            time.sleep(1)
