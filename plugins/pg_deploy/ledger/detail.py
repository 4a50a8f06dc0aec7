"""Reading the detail of a row: what an older version did not write is empty, never an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Detail = Mapping[str, Any]


def text_of(detail: Detail, key: str, otherwise: str = "") -> str:
    """One text."""
    found = detail.get(key)
    return otherwise if found is None else str(found)


def texts_of(detail: Detail, key: str) -> tuple[str, ...]:
    """A list of texts."""
    return tuple(map(str, detail.get(key) or ()))


def number_of(detail: Detail, key: str) -> float | None:
    """One number, None where there is none."""
    found = detail.get(key)
    return None if found is None else float(found)


def count_of(detail: Detail, key: str) -> int:
    """How many."""
    return int(detail.get(key) or 0)


def parts_of(detail: Detail, key: str) -> Sequence[Detail]:
    """A list of values that have keys of their own."""
    return tuple(detail.get(key) or ())
