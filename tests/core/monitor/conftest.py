"""A monitored database, with and without pg_cron."""

from __future__ import annotations

import pytest

from pg_deploy.monitor.thresholds import read_thresholds
from tests.core.monitor.monitoring import Monitor
from tests.looking import Database


@pytest.fixture
def monitor(empty_database: str) -> Monitor:
    """The monitor of a new, empty database, with the limits that the project ships."""
    return Monitor(Database(empty_database), read_thresholds())


@pytest.fixture
def cron_monitor(demo_url: str) -> Monitor:
    """The monitor of the demo database, just reset: the one that has pg_cron."""
    return Monitor(Database(demo_url), read_thresholds())
