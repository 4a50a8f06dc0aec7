"""Query a database as a person of the API would, or as the role of a URL."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg

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
