"""A text without its bulk: if an INSERT has many rows of constants, only the first is kept. The others say nothing new."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

_CONSTANT = r"(?:[-+]?\d+(?:\.\d+)?|'[^']*(?:''[^']*)*'|null|true|false)"
_ROW = rf"\(\s*{_CONSTANT}(?:\s*,\s*{_CONSTANT})*\s*\)"
# Only rows of an INSERT: elsewhere a loop may go through rows of constants, so each of them may count.
_HEAD = r"\binsert\s+into\b[^;()'$]*(?:\([^;()'$]*\)[^;()'$]*)?\bvalues\s*"
_ROWS = re.compile(rf"({_HEAD}{_ROW})((?:\s*,\s*{_ROW})+)", re.IGNORECASE)
SHORT = 20_000
"""A text of at most this many characters is taken as it is."""


@dataclass(frozen=True)
class Brief:
    """`text` is the brief text, with all line breaks of the whole one, so line numbers are the same."""

    text: str
    _left_out: tuple[tuple[int, int, int], ...]
    """For each run of rows that was left out: its place in the brief text, its end in the whole text, and from there on the
    distance between the two."""

    def place(self, at: int) -> int:
        """The place in the whole text of what is at `at` in the brief text, behind any rows that were left out there."""
        runs_before = bisect_right(self._left_out, at, key=lambda run: run[0])
        if not runs_before:
            return at
        _, end, distance = self._left_out[runs_before - 1]
        return max(end, at + distance)


@lru_cache(maxsize=16)
def brief(text: str) -> Brief:
    """The text in brief. Rows in a comment or a body are left out too, but every statement begins and ends as before. Pure."""
    if len(text) <= SHORT:
        return Brief(text, ())
    parts: list[str] = []
    left_out: list[tuple[int, int, int]] = []
    done = length = 0
    for rows in _ROWS.finditer(text):
        kept = text[done : rows.end(1)]
        breaks = text.count("\n", rows.start(2), rows.end(2))
        place = length + len(kept)
        done = rows.end()
        length = place + breaks
        left_out.append((place, done, done - length))
        parts += [kept, "\n" * breaks]
    return Brief("".join([*parts, text[done:]]), tuple(left_out))
