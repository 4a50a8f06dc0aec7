"""One difference in access, as a value: who, what, which way, and whether it decides by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Direction = Literal["gained", "lost", "changed"]


@dataclass(frozen=True, order=True)
class AccessChange:
    """A difference in access facts, or in row sets, in words.

    `decides` is false where only row sets can tell whether anybody gained or lost something, as with a rewritten
    policy. `opened` is true for what only came with the migration: where it decides, access.yaml has to declare it.
    """

    direction: Direction
    role: str
    object: str
    commands: tuple[str, ...]
    sentence: str
    decides: bool = True
    opened: bool = False


def words(items: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    listed = list(items)
    return listed[0] if len(listed) == 1 else ", ".join(listed[:-1]) + " and " + listed[-1] if listed else "nothing"
