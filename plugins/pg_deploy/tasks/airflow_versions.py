"""What Airflow calls by other names, or does not have yet, in the minors that we support: 3.1 to 3.3. docs/releases.md has the list.

Every difference between these minors is settled here, so that no other module asks for a version.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from inspect import signature
from typing import Any, cast

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowRuntimeError

try:
    from airflow.sdk.exceptions import (
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSkipException,
        AirflowTaskTimeout,
        DownstreamTasksSkipped,
    )
except ImportError:  # 3.1
    from airflow.exceptions import (  # type: ignore[no-redef, attr-defined, unused-ignore]
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSkipException,
        AirflowTaskTimeout,
        DownstreamTasksSkipped,
    )

try:
    from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable
except ImportError:  # 3.1
    from airflow.timetables.assets import AssetOrTimeSchedule  # type: ignore[assignment, unused-ignore]
    from airflow.timetables.trigger import CronTriggerTimetable  # type: ignore[assignment, unused-ignore]

__all__ = [
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowRuntimeError",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "AssetOrTimeSchedule",
    "CronTriggerTimetable",
    "DownstreamTasksSkipped",
    "connection_named",
    "retry_only",
    "waits_at_most",
]


def connection_named(name: str) -> Connection:
    """The connection of that name, in a task and in the API server alike. Raises AirflowNotFoundException or AirflowRuntimeError."""
    if hasattr(sys.modules.get("airflow.sdk.execution_time.task_runner"), "SUPERVISOR_COMMS"):
        return cast("Connection", Connection.get(name))
    # In 3.1 the SDK knows the task's supervisor alone, and the pages have none.
    from airflow.models.connection import Connection as OfTheServer

    return cast("Connection", OfTheServer.get_connection_from_secrets(name))


def waits_at_most(limit: timedelta) -> dict[str, Any]:
    """The argument of an approval that ends its wait for a person after `limit`."""
    # Until Airflow's standard provider 1.12 the deadline of the task was the deadline of the answer too.
    known = "response_timeout" in signature(HITLOperator.__init__).parameters
    return {"response_timeout" if known else "execution_timeout": limit}


def retry_only(errors: tuple[type[Exception], ...], delay: timedelta, reason: str) -> dict[str, Any]:
    """The argument of a task that is tried again after these errors alone; empty before 3.3, where every failure is.

    The engine's own refusals end a task in each minor: they are raised as AirflowFailException. What remains before 3.3 are errors that
    nobody foresaw, and a retry looks before it acts.
    """
    try:
        from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule
    except ImportError:
        return {}
    rules = [
        RetryRule(
            exception=f"{each.__module__}.{each.__qualname__}",
            action=RetryAction.RETRY,
            retry_delay=delay,
            reason=reason,
        )
        for each in errors
    ]
    return {"retry_policy": ExceptionRetryPolicy(rules=rules, default=RetryAction.FAIL)}
