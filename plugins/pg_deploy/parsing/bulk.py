"""A text without its bulk: of an INSERT of many constant rows the first, as the others say nothing more of what it does."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

_CONSTANT = r"(?:[-+]?\d+(?:\.\d+)?|'[^']*(?:''[^']*)*'|null|true|false)"
_ROW = rf"\(\s*{_CONSTANT}(?:\s*,\s*{_CONSTANT})*\s*\)"
# Of an INSERT alone: rows of constants elsewhere may be what a loop goes through.
_HEAD = r"\binsert\s+into\b[^;()'$]*(?:\([^;()'$]*\)[^;()'$]*)?\bvalues\s*"
_ROWS = re.compile(rf"({_HEAD}{_ROW})((?:\s*,\s*{_ROW})+)", re.IGNORECASE)
SHORT = 20_000
"""Characters of a text that is taken as it is."""


@dataclass(frozen=True)
class Brief:
    """`text` is the brief one, with all line breaks of the whole."""

    text: str
    _left_out: tuple[tuple[int, int, int], ...]
    """Of each run of rows where it would follow in the brief text, where it ends in the whole one, and how far that is ahead then."""

    def place(self, at: int) -> int:
        """Where in the whole text stands what is at `at` in the brief one; rows that were left out belong before it."""
        found = bisect_right(self._left_out, at, key=lambda each: each[0])
        if not found:
            return at
        _, end, ahead = self._left_out[found - 1]
        return max(end, at + ahead)


@lru_cache(maxsize=16)
def brief(text: str) -> Brief:
    """The text in brief. What stands in a comment or a body is made brief too; no statement begins or ends elsewhere by that. Pure."""
    if len(text) <= SHORT:
        return Brief(text, ())
    parts: list[str] = []
    left_out: list[tuple[int, int, int]] = []
    done = length = 0
    for rows in _ROWS.finditer(text):
        kept = text[done : rows.end(1)]
        breaks = text.count("\n", rows.start(2), rows.end(2))
        follows = length + len(kept)
        done = rows.end()
        length = follows + breaks
        left_out.append((follows, done, done - length))
        parts += [kept, "\n" * breaks]
    return Brief("".join([*parts, text[done:]]), tuple(left_out))
