"""The engine's own SQL: files that stand beside the code that runs them, and texts in the code."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

ENGINE = Path(__file__).resolve().parents[1]


class EngineText(bytes):
    """A statement of the engine's own. In it, and nowhere else, `deploy_ledger` stands for the ledger that the session is for.

    Only a session of `Target.connect` reads it so, see `postgres.ledger_name`. A user's text is never of this type.
    """

    __slots__ = ()


def engine_text(statement: str) -> EngineText:
    """A statement that stands in the engine's code and names the ledger."""
    return EngineText(statement.encode())


def engine_fragment(part: str) -> str:
    """A part of such statements that names the ledger: it may only stand inside a call of `engine_text`."""
    return part


@lru_cache(None)
def engine_sql(name: str) -> EngineText:
    """The engine's statement `package/name`: the text of <package>/sql/<name>.sql."""
    package, _, file = name.partition("/")
    return EngineText((ENGINE / package / "sql" / f"{file}.sql").read_bytes())
