"""Waiting for the target: whoever writes claims it first, and says meanwhile who holds it."""

from __future__ import annotations

import logging
import time

from pg_deploy.errors import TargetBusyError
from pg_deploy.ledger import deployment
from pg_deploy.ledger.deployment import Claim
from pg_deploy.session import Connection


def claim_target(
    connection: Connection, wanted: Claim, *, good_for: float, give_up_after: float, log: logging.Logger
) -> deployment.Deployment:
    """Take the target, waiting up to `give_up_after` seconds for another run to end. Raises TargetBusyError."""
    started = time.monotonic()
    said = -60.0
    while True:
        try:
            return deployment.claim(connection, wanted, good_for=good_for)
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
