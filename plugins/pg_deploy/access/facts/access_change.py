"""One difference in access, as a value: who, what, which way, and whether it decides by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["gained", "lost", "changed"]
_NOW = "; it is now "


@dataclass(frozen=True)
class Rewritten:
    """The text of a policy before and after; `name` is the policy with its table."""

    name: str
    was: str
    now: str

    @property
    def sentence(self) -> str:
        """A sentence with both texts."""
        return f"{self.name} was {self.was}{_NOW}{self.now}"

    @property
    def short(self) -> str:
        """A sentence with the new text only."""
        return f"{self.name} is now {self.now}"


@dataclass(frozen=True, order=True)
class AccessChange:
    """A difference in access facts, or in row sets, in words.

    `decides` is false if only row sets can tell whether anybody gained or lost something, as with a rewritten policy.
    `object_is_new` is true if the object came with the migration: a change that decides is then declared in access.yaml
    under `opened`.
    """

    direction: Direction
    role: str
    object: str
    commands: tuple[str, ...]
    sentence: str
    decides: bool = True
    object_is_new: bool = False
    rewritten: Rewritten | None = field(default=None, compare=False)
    """The two texts in the sentence, if it is about a rewritten policy."""

    @property
    def short(self) -> str:
        """The sentence; for a rewritten policy only what the policy says now."""
        return self.rewritten.short if self.rewritten else self.sentence


def shorten_sentence(sentence: str, most: int = 240) -> str:
    """Cut a sentence for a log; if it is about a rewritten policy, the beginning of both texts stays."""
    if len(sentence) <= most:
        return sentence
    was, middle, is_now = sentence.partition(_NOW)
    if not middle:
        return cut(sentence, most)
    half = (most - len(middle)) // 2
    return f"{cut(was, max(half, most - len(middle) - len(is_now)))}{middle}{cut(is_now, half)}"


def cut(text: str, most: int) -> str:
    """Cut a long text to its beginning."""
    return text if len(text) <= most else text[: most - 1] + "…"


def join_with_and(items: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`; `nothing` if there are no items."""
    listed = list(items)
    return listed[0] if len(listed) == 1 else ", ".join(listed[:-1]) + " and " + listed[-1] if listed else "nothing"
