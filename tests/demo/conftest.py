"""Short ways to look at the demo target from the tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import cluster, server
from demo.cluster import Cluster
from tests.demo.asking import Ask, Rows, ask_at


@pytest.fixture
def ask(demo_cluster: Cluster) -> Ask:
    """Query the demo database as supabase_admin, or as a subject of the API. It is not reset."""

    def as_admin(query: str, *parameters: object, **claims: str) -> Rows:
        return ask_at(demo_cluster.admin_url(), query, *parameters, **claims)

    return as_admin


@pytest.fixture(scope="session")
def demo_directory() -> Iterator[Path]:
    """A cluster of these tests' own: they stop it, and it may come back on another port than others of the session hold."""
    directory = Path(tempfile.gettempdir()) / f"pg-deploy-test-demo-{os.getpid()}"
    yield directory
    cluster.destroy(directory)


@pytest.fixture(scope="session")
def demo_port() -> int:
    """A port that nobody takes while these tests have their cluster stopped.

    The kernel gives it to no outgoing connection, and no other test looks for a free port from there.
    """
    return server.next_free_port(20_000 + os.getpid() % 10_000)


@pytest.fixture(scope="session")
def _made(demo_directory: Path, demo_port: int) -> Cluster:
    return cluster.ensure(demo_directory, scale=float(os.environ.get("DEMO_SCALE") or "0.02"), port=demo_port)


@pytest.fixture
def demo_cluster(_made: Cluster) -> Cluster:
    """That cluster, filled small, running on its port whatever the test before did."""
    return cluster.ensure(_made.directory, port=_made.port)


@pytest.fixture(scope="module")
def fresh_cluster(_made: Cluster) -> Cluster:
    """That cluster as new, once for a file that only looks."""
    return cluster.reset(cluster.ensure(_made.directory, port=_made.port))
