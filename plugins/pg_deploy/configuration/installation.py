"""Settings of the installation. They do not belong in a run's conf, so they come from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pg_deploy.configuration.duration import parse_duration
from pg_deploy.configuration.errors import InvalidSettingError

T = TypeVar("T")

# The newest migrations get a task group each; the UI's graph stays usable up to about fifty.
MOST_GROUPS = 25
# If more than this many migrations are pending, those that need no group of their own share one task: docs/decisions/0270.
SHOWN_SINGLY = 10


@dataclass(frozen=True)
class Settings:
    """Durations in seconds.

    `good_for` is how long a task may be silent before another run may take the target. `reattach` is how long a retry
    waits for a build that an earlier, killed try left running in the server. `contacts`, if there are any, end every
    red report. Three limits pause a deployment between segments (see execution/stop_rules.py); None turns one off.
    A migration's file above `largest_file_mb` is refused.
    """

    good_for: float
    approval_timeout: float
    contacts: str
    reattach: float
    max_replica_lag: float | None
    min_free_connections: int | None
    max_wal_mb_per_s: float | None
    largest_file_mb: int


def settings() -> Settings:
    """The settings in force. Raises InvalidSettingError, or InvalidDurationError for a duration without a unit."""
    return Settings(
        good_for=parse_duration(os.environ.get("PG_DEPLOY_GOOD_FOR", "10 min")),
        approval_timeout=parse_duration(os.environ.get("PG_DEPLOY_APPROVAL_TIMEOUT", "24 h")),
        reattach=parse_duration(os.environ.get("PG_DEPLOY_REATTACH", "2 h")),
        max_replica_lag=_optional("PG_DEPLOY_MAX_REPLICA_LAG", parse_duration, "a duration"),
        min_free_connections=_optional("PG_DEPLOY_MIN_FREE_CONNECTIONS", int, "a whole number"),
        largest_file_mb=_optional("PG_DEPLOY_LARGEST_FILE_MB", int, "a whole number") or 64,
        max_wal_mb_per_s=_optional("PG_DEPLOY_MAX_WAL_MB_PER_S", float, "a number"),
        contacts=os.environ.get("PG_DEPLOY_CONTACTS", ""),
    )


def _optional(name: str, convert: Callable[[str], T], wanted: str) -> T | None:
    text = os.environ.get(name)
    try:
        return convert(text) if text else None
    except ValueError:
        raise InvalidSettingError(name, text or "", wanted) from None
