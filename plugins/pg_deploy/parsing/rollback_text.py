"""The statements of a rollback's text."""

from __future__ import annotations

from pg_deploy.errors import PgDeployError
from pg_deploy.parsing.statements import Statement, split


def statements_of(text: str | None, file: str) -> tuple[Statement, ...]:
    """The statements of a rollback; none where it cannot be read, which running it will say. Pure."""
    if not text or not text.strip():
        return ()
    try:
        return split(text, file=file)
    except PgDeployError:
        return ()
