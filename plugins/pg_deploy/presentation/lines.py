"""A line for a person, and the mark that a verdict has: a tick, a cross, or a dash."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "bad", "plain"]
_SIGNS: Mapping[Tone, str] = {"good": "✓", "bad": "✗", "plain": "–"}


def sign(tone: Tone) -> str:
    """The mark itself."""
    return _SIGNS[tone]


@dataclass(frozen=True)
class Line:
    """One line; one that `is_bad` is logged as an error."""

    text: str
    is_bad: bool = False


def marked(tone: Tone, text: str, *, indent: int = 0) -> Line:
    """A line that begins with the mark of `tone`."""
    return Line(f"{' ' * indent}{sign(tone)} {text}", is_bad=tone == "bad")


def plain_lines(texts: Iterable[str]) -> list[Line]:
    """Lines of no mark."""
    return [Line(text) for text in texts]


def log_lines(lines: Iterable[Line], log: logging.Logger) -> None:
    """Write them, each at its level."""
    for line in lines:
        (log.error if line.is_bad else log.info)("%s", line.text)
