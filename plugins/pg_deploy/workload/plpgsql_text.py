"""Reading the text of a PL/pgSQL body word by word.

libpg_query's own reader of such bodies refuses those that declare a variable of a user's type, so it cannot be used here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pg_deploy.grammar.parser import scan

_PARAMETER = re.compile(r"\$(\d+)")
ARGUMENT = "deploy_argument_"
"""What an argument is called that a body names by its number."""
_NAMED = re.compile(rf"\b{ARGUMENT}(\d+)")
_OPEN, _CLOSE = ("(", "["), (")", "]")


class UnreadableBodyError(ValueError):
    """A body that is no PL/pgSQL as we know it."""


@dataclass(frozen=True)
class Words:
    """Some words of a text, from one place up to another; `lower` are the words, small where they are not quoted."""

    text: str
    lower: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    @property
    def sql(self) -> str:
        """The words as they stand in the text."""
        return self.text[self.spans[0][0] : self.spans[-1][1]] if self.spans else ""

    def __getitem__(self, part: slice) -> Words:
        """Some of the words."""
        return Words(self.text, self.lower[part], self.spans[part])

    def __len__(self) -> int:
        """How many there are."""
        return len(self.lower)

    def place_of(self, sought: Iterable[str], start: int = 0) -> int | None:
        """Where the first of these words stands that is in no parentheses: so PL/pgSQL finds the end of an expression."""
        depth, wanted = 0, frozenset(sought)
        for place in range(start, len(self.lower)):
            word = self.lower[place]
            if depth == 0 and word in wanted:
                return place
            if word in _OPEN:
                depth += 1
            elif word in _CLOSE:
                depth -= 1
        return None

    def split(self) -> list[Words]:
        """The parts between commas that are in no parentheses."""
        parts, start = [], 0
        while (comma := self.place_of([","], start)) is not None:
            parts.append(self[start:comma])
            start = comma + 1
        return [each for each in (*parts, self[start:]) if len(each)]

    def without(self, start: int, end: int) -> str:
        """The text with the words from one to another blanked, so that all others stay where they are."""
        first, (_, last) = self.spans[start][0], self.spans[end - 1]
        blank = "".join(letter if letter == "\n" else " " for letter in self.text[first:last])
        return self.text[self.spans[0][0] : first] + blank + self.text[last : self.spans[-1][1]]


def words_of(text: str) -> Words:
    """All words of a body but its comments; an argument that is named by its number has a name in it. Raises ParseError."""
    text = _numbers_named(text)
    tokens = [token for token in scan(text) if token.name not in ("SQL_COMMENT", "C_COMMENT")]
    spans = tuple((token.start, token.end + 1) for token in tokens)
    # Text in quotes is no keyword.
    lower = tuple(text[start:end] if text[start] in "\"'" else text[start:end].lower() for start, end in spans)
    return Words(text, lower, spans)


def _numbers_named(text: str) -> str:
    if "$" not in text:
        return text
    parts, after = [], 0
    for token in scan(text):
        if token.name == "PARAM":
            parts += [text[after : token.start], _PARAMETER.sub(ARGUMENT + r"\1", text[token.start : token.end + 1])]
            after = token.end + 1
    return "".join((*parts, text[after:]))


def numbers_again(text: str) -> str:
    """The text as it stands in the body, where an argument has a number for a name."""
    return _NAMED.sub(r"$\1", text)


class Reader:
    """Goes through the words of a body."""

    def __init__(self, text: str) -> None:
        self.words = words_of(text)
        self.at = 0

    def word(self, ahead: int = 0) -> str:
        """The word here, or further on; "" behind the last."""
        place = self.at + ahead
        return self.words.lower[place] if place < len(self.words) else ""

    def take(self, *expected: str) -> Words:
        """The word here, and go on behind it. Raises UnreadableBodyError where it is another, or the text ends."""
        if not self.word() or (expected and self.word() not in expected):
            raise UnreadableBodyError(f"{' or '.join(expected)} is expected where {self.word() or 'the end'} is")
        self.at += 1
        return self.words[self.at - 1 : self.at]

    def take_if(self, *words: str) -> bool:
        """Whether the word here is one of these; if so, go on behind it."""
        if self.word() in words:
            self.at += 1
            return True
        return False

    def take_until(self, *ends: str) -> Words:
        """The words up to one of these, which must come."""
        place = self.words.place_of(ends, self.at)
        if place is None:
            raise UnreadableBodyError(f"{' or '.join(ends)} does not come")
        found = self.words[self.at : place]
        self.at = place
        return found

    def take_statement(self) -> Words:
        """The words up to the semicolon, and go on behind it."""
        found = self.take_until(";")
        self.at += 1
        return found
