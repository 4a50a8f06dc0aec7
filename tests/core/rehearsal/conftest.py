"""Backups of the demo database to make copies from."""

from __future__ import annotations

from tests.core.backup.conftest import four_migrations, place

__all__ = ["four_migrations", "place"]
