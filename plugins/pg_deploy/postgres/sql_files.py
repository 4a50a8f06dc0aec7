"""The engine's own SQL files, which stand beside the code that runs them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

ENGINE = Path(__file__).resolve().parents[1]


@lru_cache(None)
def engine_sql(name: str) -> bytes:
    """The engine's statement `package/name`: the text of <package>/sql/<name>.sql."""
    package, _, file = name.partition("/")
    return (ENGINE / package / "sql" / f"{file}.sql").read_bytes()
