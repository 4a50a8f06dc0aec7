"""Short ways to look at the demo target from the tests."""

from __future__ import annotations

import pytest

from demo.cluster import Cluster
from tests.demo.asking import Ask, Rows, ask_at


@pytest.fixture
def ask(demo_cluster: Cluster) -> Ask:
    """Query the demo database as supabase_admin, or as a subject of the API. It is not reset."""

    def as_admin(query: str, *parameters: object, **claims: str) -> Rows:
        return ask_at(demo_cluster.admin_url(), query, *parameters, **claims)

    return as_admin
