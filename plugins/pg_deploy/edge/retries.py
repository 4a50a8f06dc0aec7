"""Which failures are tried again, and why that is safe."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

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
                    exception=f"pg_deploy.errors.{name}", action=RetryAction.RETRY, retry_delay=_DELAY, reason=_REASON
                )
                for name in ("ConnectionLostError", "ConnectionFailedError", "NotWritableError", "TwoServersError")
            ],
            default=RetryAction.FAIL,
        ),
    }
