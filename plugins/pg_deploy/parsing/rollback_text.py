"""Reading a rollback's text as statements, even if it may be unreadable."""

from __future__ import annotations

from pg_deploy.errors import PgDeployError
from pg_deploy.parsing.statements import Statement, split


def statements_of(text: str | None, file: str) -> tuple[Statement, ...]:
    """The statements of a rollback; an empty tuple if it cannot be read, because whoever runs it gets the error. Pure."""
    if not text or not text.strip():
        return ()
    try:
        return split(text, file=file)
    except PgDeployError:
        return ()
