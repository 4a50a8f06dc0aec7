"""One difference in access, as a value: who, what, which way, and whether it decides by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["gained", "lost", "changed"]
_NOW = "; it is now "


@dataclass(frozen=True)
class Rewritten:
    """What `where` said, and what it says now."""

    where: str
    was: str
    now: str

    @property
    def sentence(self) -> str:
        """Both texts."""
        return f"{self.where} was {self.was}{_NOW}{self.now}"

    @property
    def short(self) -> str:
        """By what it says now."""
        return f"{self.where} is now {self.now}"


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
    rewritten: Rewritten | None = field(default=None, compare=False)
    """Of a policy that was rewritten, what the sentence says."""

    @property
    def short(self) -> str:
        """The sentence, or of a rewritten policy what it says now."""
        return self.rewritten.short if self.rewritten else self.sentence


def shortened(sentence: str, most: int = 240) -> str:
    """A sentence for a log, as the ledger keeps it: of a rewritten policy the beginning of both texts."""
    if len(sentence) <= most:
        return sentence
    was, middle, is_now = sentence.partition(_NOW)
    if not middle:
        return cut(sentence, most)
    half = (most - len(middle)) // 2
    return f"{cut(was, max(half, most - len(middle) - len(is_now)))}{middle}{cut(is_now, half)}"


def cut(text: str, most: int) -> str:
    """The beginning of a long text."""
    return text if len(text) <= most else text[: most - 1] + "…"


def words(items: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    listed = list(items)
    return listed[0] if len(listed) == 1 else ", ".join(listed[:-1]) + " and " + listed[-1] if listed else "nothing"
