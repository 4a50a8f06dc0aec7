"""What can be reached from somewhere, step by step: parents of parents, what rests on what."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

Thing = TypeVar("Thing", bound=Hashable)


def reached(start: Iterable[Thing], following: Callable[[Thing], Iterable[Thing]]) -> frozenset[Thing]:
    """All of `start`, what follows each of those, what follows that, and so on; each thing is asked once. Pure."""
    found = set(start)
    waiting = list(found)
    while waiting:
        more = set(following(waiting.pop())) - found
        found |= more
        waiting += more
    return frozenset(found)
