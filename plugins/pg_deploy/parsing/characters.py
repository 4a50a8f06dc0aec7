"""Characters that look like others, or like nothing: no-break and zero-width spaces, curly quotes, dashes.

PostgreSQL takes each of them for a letter of a name. So the error comes at another place, or never: `(<U+00A0>id int)`
makes a column whose name begins with U+00A0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pg_deploy.grammar import parser
from pg_deploy.grammar.errors import ParseError

_INVISIBLE = (
    "\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufffc\ufffd"
)
_LOOKALIKES = {
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'", "\u00b4": "'", "\uff07": "'",
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"', "\u00ab": '"', "\u00bb": '"', "\uff02": '"',
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-", "\uff0d": "-",
    "\uff1b": ";", "\u037e": ";", "\uff0c": ",", "\uff08": "(", "\uff09": ")", "\uff1d": "=", "\u2026": "...",
}  # fmt: skip
_SUSPECT = re.compile(f"[{_INVISIBLE}{''.join(_LOOKALIKES)}]")
_SCANNED_UP_TO = 2_000_000  # characters; the tokens of a bulk insert would take more memory than this is worth
_SHOWN = 20
_LINE_END = "\n"
_HIDDEN = re.compile(f"[{_INVISIBLE}]")
# Tokens that may hold any character: texts, comments, names in quotes.
_FREE = frozenset({"SCONST", "USCONST", "XCONST", "BCONST", "SQL_COMMENT", "C_COMMENT", "UIDENT"})


@dataclass(frozen=True)
class Suspect:
    """A character that SQL cannot mean: where it stands, and what to write instead."""

    place: int
    reason: str


def first_suspect(text: str) -> Suspect | None:
    """The first such character outside strings, comments and quoted names; its reason names those that follow. Else None."""
    places = [match.start() for match in _SUSPECT.finditer(text)] if len(text) <= _SCANNED_UP_TO else []
    if not places:
        return None
    try:
        free = [(token.start, token.end) for token in parser.scan(text) if _is_free(text, token.name, token.start)]
    except ParseError:
        # A quote is not closed, and often one of these characters was meant to close it.
        return _described(text, places)
    at = 0
    outside = []
    for place in places:
        while at < len(free) and free[at][1] < place:
            at += 1
        if not (at < len(free) and free[at][0] <= place):
            outside.append(place)
    return _described(text, outside) if outside else None


def _is_free(text: str, token: str, start: int) -> bool:
    return token in _FREE or text.startswith('"', start)


def _described(text: str, places: Sequence[int]) -> Suspect:
    first = _at(text, places[0])
    if not places[1:]:
        return first
    shown = "; ".join(f"{_position(text, place)} {_remedy(text[place])}" for place in places[1:_SHOWN])
    if len(places) > _SHOWN:
        shown += "; …"
    return Suspect(first.place, f"{first.reason}; {len(places) - 1} more like it (line:column): {shown}")


def _position(text: str, place: int) -> str:
    return f"{text.count(_LINE_END, 0, place) + 1}:{place - text.rfind(_LINE_END, 0, place)}"


def _remedy(char: str) -> str:
    code = f"U+{ord(char):04X}"
    return f"{char} ({code}): type {_typed(char)}" if char in _LOOKALIKES else f"{code}: {_instead(char)}"


def _typed(char: str) -> str:
    plain = _LOOKALIKES[char]
    return "' around a text, \" around a name" if plain in ("'", '"') else plain


def _instead(char: str) -> str:
    return "type a plain space" if char.isspace() or char == "\u00a0" else "delete it"


def _at(text: str, place: int) -> Suspect:
    char = text[place]
    code = f"U+{ord(char):04X}"
    if char in _LOOKALIKES:
        return Suspect(
            place,
            f"{char} ({code}) is not {_LOOKALIKES[char]}, though it looks like it (a word processor wrote it): type {_typed(char)}",
        )
    what = {"\u00a0": "a no-break space", "\u200b": "a zero-width space", "\ufeff": "a byte-order mark"}.get(
        char, "a character that is not seen"
    )
    return Suspect(
        place,
        f"{what} ({code}) stands where SQL has a plain space or nothing (copied from a page or a document): {_instead(char)}",
    )


def visible(line: str) -> str:
    """`line` with each invisible character replaced by its number."""
    return _HIDDEN.sub(lambda found: f"<U+{ord(found.group()):04X}>", line)
