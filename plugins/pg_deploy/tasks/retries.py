"""Which failures are tried again, and why that is safe."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pg_deploy.errors import ConnectionFailedError, ConnectionLostError
from pg_deploy.ledger.errors import TwoServersError
from pg_deploy.postgres.errors import NotWritableError
from pg_deploy.tasks.airflow_versions import retry_only

_DELAY = timedelta(seconds=5)
_REASON = "the next try looks at ledger and catalog first, so nothing runs twice"


def retried() -> dict[str, Any]:
    """Arguments of a task that may be tried again: after a lost connection, or after its process was killed.

    Everything else the engine says on purpose, and saying it again would not help.
    """
    return {
        "retries": 5,
        "retry_delay": _DELAY,
        **retry_only((ConnectionLostError, ConnectionFailedError, NotWritableError, TwoServersError), _DELAY, _REASON),
    }


def tried_once_more() -> dict[str, Any]:
    """Arguments of a task that asks a person: it is tried again after the same failures, but a day may pass each time.

    Airflow fails a task whose answer comes while its process still ends: it takes the end for one that nobody expected (3.3).
    """
    return {**retried(), "retries": 1}
