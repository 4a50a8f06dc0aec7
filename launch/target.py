"""A database's URL as the fields of an Airflow connection."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from launch.errors import TargetUrlError

DEMO_CONNECTION = "target_db"


@dataclass(frozen=True)
class Target:
    """A database to deploy to, and the id of its Airflow connection."""

    connection_id: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    options: Mapping[str, str]


def parse_target(url: str, connection_id: str | None = None) -> Target:
    """The target behind a postgresql:// URL. Without `connection_id` the id is made of host, port and database.

    Raises TargetUrlError, whose message never holds the URL.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        # Its message quotes the URL, which may hold the password: it is not passed on.
        raise TargetUrlError("has a host or port that cannot be read") from None
    if parts.scheme not in {"postgresql", "postgres"}:
        raise TargetUrlError("does not begin with postgresql://")
    database = unquote(parts.path.removeprefix("/"))
    if not host or not parts.username or not database or "/" in database:
        raise TargetUrlError("lacks its user, host or database")
    return Target(
        connection_id=connection_id or _connection_id(unquote(host), port or 5432, database),
        host=unquote(host),
        port=port or 5432,
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        database=database,
        options=dict(parse_qsl(parts.query)),
    )


def _connection_id(host: str, port: int, database: str) -> str:
    plain = f"target_{host}_{port}_{database}"
    # Only ASCII letters, digits, underscore, dot and hyphen are the same in an id, a URL's path and a log.
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", plain)
    if name == plain and len(name) <= 200:
        return name
    return f"{name[:180]}_{hashlib.sha256(plain.encode()).hexdigest()[:8]}"
