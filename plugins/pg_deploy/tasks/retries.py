"""Which failures are tried again, and why that is safe."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from pg_deploy.errors import ConnectionFailedError, ConnectionLostError
from pg_deploy.ledger.errors import TwoServersError
from pg_deploy.postgres.errors import NotWritableError

_DELAY = timedelta(seconds=5)
_REASON = "the next try looks at ledger and catalog first, so nothing runs twice"


def retried() -> dict[str, Any]:
    """Arguments of a task that may be tried again: after a lost connection, or after its process was killed.

    Everything else the engine says on purpose, and saying it again would not help.
    """
    return {
        "retries": 5,
        "retry_delay": _DELAY,
        "retry_policy": ExceptionRetryPolicy(
            rules=[
                RetryRule(
                    exception=f"{each.__module__}.{each.__qualname__}",
                    action=RetryAction.RETRY,
                    retry_delay=_DELAY,
                    reason=_REASON,
                )
                for each in (ConnectionLostError, ConnectionFailedError, NotWritableError, TwoServersError)
            ],
            default=RetryAction.FAIL,
        ),
    }
