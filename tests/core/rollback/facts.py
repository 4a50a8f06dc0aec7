"""Facts made by hand, for tests of what needs no server."""

from __future__ import annotations

from datetime import datetime, timezone

from pg_deploy.catalog.names import parsed
from pg_deploy.catalog.reader import Fact, Facts


def fact(kind: str, identity: str, **properties: object) -> Fact:
    """A fact of the database with these properties."""
    return Fact(kind, parsed(kind, identity), "{}", "database").with_properties(properties)


def facts(*found: Fact) -> Facts:
    """A whole reading of the catalog."""
    return Facts(frozenset(found), 150000, datetime(2026, 1, 1, tzinfo=timezone.utc))
