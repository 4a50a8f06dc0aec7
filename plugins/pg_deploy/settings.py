"""Settings of the installation, from the environment: what does not belong in a run's conf."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pg_deploy.duration import parse_duration

# The newest migrations get a task group each; the UI's graph stays usable up to about fifty.
GROUPS = 25


@dataclass(frozen=True)
class Settings:
    """Durations in seconds. `contacts` is printed at the end of every red report."""

    good_for: float
    approval_timeout: float
    contacts: str


def settings() -> Settings:
    """The settings in force. Raises InvalidDurationError for a duration without a unit."""
    return Settings(
        good_for=parse_duration(os.environ.get("PG_DEPLOY_GOOD_FOR", "10 min")),
        approval_timeout=parse_duration(os.environ.get("PG_DEPLOY_APPROVAL_TIMEOUT", "24 h")),
        contacts=os.environ.get("PG_DEPLOY_CONTACTS", "Supabase support: https://supabase.com/support"),
    )
