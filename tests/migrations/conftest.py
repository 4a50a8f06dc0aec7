"""A copy of the demo database for each test: the migrations of one test must not be those of the next."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo import cluster
from tests.migrations.runner import Connection, connect, state


@dataclass(frozen=True)
class Copy:
    """A copy of the demo database. The superuser's URL is for planting what the deploying role may not do."""

    url: str
    admin_url: str
    bindir: Path
    connection: Connection

    def state(self) -> str:
        """Schema and cron jobs as comparable text."""
        return state(self.url, self.bindir)

    def plant(self, *statements: str) -> None:
        """Run statements as the superuser."""
        with connect(self.admin_url) as admin:
            for statement in statements:
                admin.execute(statement)


@pytest.fixture
def copy(demo_cluster: cluster.Cluster) -> Iterator[Copy]:
    """A fresh copy, dropped afterwards."""
    name = f"copy_{secrets.token_hex(6)}"
    url = cluster.clone(demo_cluster, name)
    try:
        with connect(url) as connection:
            yield Copy(url, demo_cluster.admin_url(name), demo_cluster.bindir, connection)
    finally:
        cluster.drop(demo_cluster, name)
