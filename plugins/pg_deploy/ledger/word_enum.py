"""Words that the ledger keeps: each is a member of an enum, and is its text wherever it is printed, stored or compared."""

from __future__ import annotations

from enum import Enum


class Word(str, Enum):
    """A member is written as its value; Python 3.10 has no StrEnum."""

    __str__ = str.__str__
