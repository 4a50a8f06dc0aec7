"""Short ways to look at the demo target from the tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from demo.cluster import Cluster

Rows = list[tuple[Any, ...]]
Ask = Callable[..., Rows]


def ask_at(url: str, query: str, *parameters: object, subject: str | None = None, role: str = "authenticated") -> Rows:
    """Run one query in its own transaction, as the URL's role or, for a subject, as the API would; returns all rows."""
    with psycopg.connect(url) as session:
        if subject is not None:
            session.execute(f"set local role {role}")
            session.execute(
                "select set_config('request.jwt.claims', %s, true)", (json.dumps({"sub": subject, "role": role}),)
            )
        done = session.execute(query, parameters or None)
        return done.fetchall() if done.description else []


@pytest.fixture
def ask(demo_cluster: Cluster) -> Ask:
    """Query the demo database as supabase_admin, or as a subject of the API. It is not reset."""

    def as_admin(query: str, *parameters: object, **claims: str) -> Rows:
        return ask_at(demo_cluster.admin_url(), query, *parameters, **claims)

    return as_admin
