"""Servers of two majors side by side: this machine's own, and one that comes as a wheel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.server import Server, bootstrap, running


@pytest.fixture(scope="session")
def own() -> Iterator[Server]:
    """A server of this machine's version, with Supabase's roles and no table."""
    with running("own") as server:
        bootstrap(server)
        yield server


@pytest.fixture(scope="session")
def newer() -> Iterator[Server]:
    """A server of PostgreSQL 18, with Supabase's roles and no table."""
    with running("18-wheel") as server:
        bootstrap(server)
        yield server
