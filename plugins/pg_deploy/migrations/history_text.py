"""The statement texts that the Supabase CLI stores for a migration.

The CLI cuts a file with a small tokenizer of its own. It differs from PostgreSQL's parser in corner cases: a comment after
the last `;` becomes an entry, the first `)` closes all open parentheses, `\\` outside a string hides a character. The history
is shared with the CLI, so the file is cut here as the CLI 3.1.0 cuts it. The statements that are executed come from
`pg_deploy.parsing.statements`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pg_deploy.parsing.brief_text import brief

# The characters that JavaScript's String.trim() removes. Python's str.strip() differs in U+FEFF, U+0085, U+001C to U+001F.
_SPACE = (
    "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_MARK = re.compile(
    rf"""
    (?P<escaped> (?<![\w$]) [eE]' )
    | (?P<body> (?<![\w$]) begin [{_SPACE}]+ atomic )
    | (?P<word> \w[\w$]* )
    | (?P<dollar> \$ \w* \$ )
    | (?P<skipped> \\ (?s:.) )
    | (?P<line_comment> -- )
    | (?P<block_comment> /\* )
    | (?P<quote> ['"] )
    | (?P<parenthesis> [()] )
    | (?P<semicolon> ; )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LINE_END = re.compile(r"[\r\n]")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_ESCAPED_REST = re.compile(r"(?:[^'\\]|\\.|'')*'", re.DOTALL)
_CONTINUED = re.compile(r"(?:[ \t\f\v]|--[^\r\n]*)*[\r\n](?:\s|--[^\r\n]*[\r\n])*'")


def history_statements(text: str) -> tuple[str, ...]:
    """Return the texts that the Supabase CLI stores in `supabase_migrations.schema_migrations.statements`.

    Each is trimmed and without its `;`; comments before it, and at the end of the file, are kept. Never raises.
    """
    trimmed = (piece.rstrip(";").strip(_SPACE) for piece in _pieces(text))
    return tuple(piece for piece in trimmed if piece)


@dataclass
class _Place:
    """How far the reading of a file has come."""

    begins: int = 0  # since the last `;` or BEGIN ATOMIC only comments have come, up to here
    open_bodies: int = 0  # of BEGIN ATOMIC; one ends with an END that begins a statement, not with the END of a CASE
    in_parentheses: bool = False


def _pieces(whole: str) -> list[str]:
    short = brief(whole)
    text = short.text
    pieces: list[str] = []
    place = _Place()
    start = at = 0
    while (mark := _MARK.search(text, at)) is not None:
        kind, at = mark.lastgroup, mark.end()
        if kind in {"word", "body"}:
            _pass_word(text, mark, place)
        elif kind in {"line_comment", "block_comment"}:
            at = _after_line(text, at) if kind == "line_comment" else _after_comment(text, at)
            if place.open_bodies and not text[place.begins : mark.start()].strip():
                place.begins = at
        elif kind == "parenthesis":
            place.in_parentheses = mark.group() == "("
        elif kind == "semicolon":
            place.begins = at
            if not place.in_parentheses and not place.open_bodies:
                pieces.append(whole[short.place(start) : short.place(at)])
                start = at
        else:
            at = _after_literal(text, mark)
    pieces.append(whole[short.place(start) :])
    return pieces


def _pass_word(text: str, mark: re.Match[str], place: _Place) -> None:
    if place.in_parentheses:
        return
    if mark.lastgroup == "body":
        place.open_bodies += 1
        place.begins = mark.end()
    elif place.open_bodies and mark.group().lower() == "end" and not text[place.begins : mark.start()].strip():
        place.open_bodies -= 1


def _after_literal(text: str, mark: re.Match[str]) -> int:
    kind, opening, at = mark.lastgroup, mark.group(), mark.end()
    if kind == "escaped":
        return _after_escaped(text, at)
    if kind == "quote":
        return _after_quote(text, at, opening)
    if kind == "dollar":
        # The CLI compares the characters that it read last, so the last `$` of the opening tag may be the first of the closing one.
        return _after(text, opening, at - len(opening) + 1)
    return at


def _after(text: str, wanted: str, at: int) -> int:
    found = text.find(wanted, at)
    return len(text) if found < 0 else found + len(wanted)


def _after_line(text: str, at: int) -> int:
    end = _LINE_END.search(text, at)
    return end.end() if end else len(text)


def _after_quote(text: str, at: int, quote: str) -> int:
    while True:
        at = _after(text, quote, at)
        if not text.startswith(quote, at):
            return at
        at += 1


def _after_escaped(text: str, at: int) -> int:
    """Pass over an E'…' string and its continuations on following lines."""
    while (rest := _ESCAPED_REST.match(text, at)) is not None:
        at = rest.end()
        continued = _CONTINUED.match(text, at)
        if continued is None:
            return at
        at = continued.end()
    return len(text)


def _after_comment(text: str, at: int) -> int:
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(text, at)
        if edge is None:
            return len(text)
        depth += 1 if edge.group() == "/*" else -1
        at = edge.end()
    return at
