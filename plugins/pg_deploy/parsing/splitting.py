"""Cutting a file into statements with PostgreSQL's own parser (libpg_query)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pg_deploy.grammar import parser
from pg_deploy.grammar.errors import ParseError
from pg_deploy.parsing.brief_text import SHORT, brief
from pg_deploy.parsing.characters import first_suspect, visible
from pg_deploy.parsing.errors import CopyDataError, EmptyMigrationError, PsqlCommandError, SqlSyntaxError
from pg_deploy.parsing.foreign_syntax import explain_syntax_error, instead_of, other_commands, other_copies
from pg_deploy.parsing.newer_syntax import newer_syntax
from pg_deploy.parsing.summary import shown_line, summary_of
from pg_deploy.parsing.tree import fields, items, type_and_fields

_BOM = "\ufeff"
_COPY_FROM_CLIENT = re.compile(r"\bcopy\b[^;]*\bfrom\s+(?:stdin|pstdin)\b[^;]*;[^;]*\Z", re.IGNORECASE)
# The parser's message quotes the string at fault, which may be a password. Line and caret show the place anyway.
_QUOTING_A_STRING = re.compile(r""" at or near "(?:[^"]*['$]|(?=.*\n)|.{60}).*\Z""", re.DOTALL)
_RESTRICT = re.compile(r"\\(?:un)?restrict[ \t]+\w+[ \t]*(?=\r?\n|\Z)")


@dataclass(frozen=True)
class RawStatement:
    """A statement's text, the line of its first token (from 1), and its syntax tree.

    `brief` is the text that was parsed: if there are many rows of constants, it holds only the first.
    """

    sql: str
    line: int
    tree: object
    brief: str


def parse(text: str, *, file: str) -> tuple[RawStatement, ...]:
    """Return the file's statements, each text without its `;` and with the comments before it.

    A byte-order mark at the beginning is left out, as the Supabase CLI does. Raises SqlSyntaxError, PsqlCommandError,
    CopyDataError or EmptyMigrationError.
    """
    text = text.removeprefix(_BOM)
    if (nul := text.find("\0")) >= 0:  # the parser would stop there and silently lose what follows
        is_wide = text.count("\0") > len(text) // 4
        wide = "many NUL characters, as UTF-16 without a byte-order mark has them: save it as UTF-8"
        raise _syntax_error(text, nul, wide if is_wide else "a NUL character: delete it", file)
    if (suspect := first_suspect(text)) is not None:
        raise _syntax_error(text, suspect.place, suspect.reason, file)
    statements = (_one_by_one(text) if len(text) > SHORT else None) or _as_a_whole(text, file)
    if not statements:
        raise EmptyMigrationError(file)
    for raw in statements:
        _refuse_client_data(raw, file)
    return tuple(statements)


def _as_a_whole(text: str, file: str) -> list[RawStatement]:
    try:
        text, tree = _tree_of(text)
    except ParseError as error:
        raise _refused(text, error, file) from None
    data = text.encode()
    statements: list[RawStatement] = []
    line, counted, after_previous = 1, 0, 0
    for node in items(tree.get("stmts")):
        start, length = _number(node.get("stmt_location")), _number(node.get("stmt_len"))
        end = start + length if length else len(data)
        before = _after_last_semicolon(data[after_previous:start].decode())
        sql = (before + data[start:end].decode()).strip()
        first = _first_token(data, start)
        line += data.count(b"\n", counted, first)
        counted = first
        after_previous = end + 1
        statements.append(RawStatement(sql, line, node.get("stmt"), sql))
    return statements


def _one_by_one(text: str) -> list[RawStatement] | None:
    """The same for a large text, without bulk rows and one tree at a time: a tree is thirty times as large as its text.

    None if the scanner cuts the text at other places than the parser.
    """
    statements: list[RawStatement] = []
    line, counted = 1, 0
    short = brief(text)
    try:
        # If the scanner takes a semicolon inside a body for an end, the piece before it does not parse.
        for piece in parser.split(short.text):
            sql, tree = _tree_of(short.text[piece])
            nodes = items(tree.get("stmts"))
            if len(nodes) > 1:
                return None
            for node in nodes:
                data = sql.encode()
                first = piece.start + len(data[: _first_token(data, _number(node.get("stmt_location")))].decode())
                line += short.text.count("\n", counted, first)
                counted = first
                whole = text[short.place(piece.start) : short.place(piece.stop)]
                # If no rows were left out, the parsed text is the same, but with psql's lines blanked.
                whole = sql if len(whole) == len(sql) else whole
                statements.append(RawStatement(whole.strip(), line, node.get("stmt"), sql.strip()))
    except ParseError:
        return None
    return statements


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _tree_of(text: str) -> tuple[str, dict[str, object]]:
    """The text with psql's two lines of a dump blanked, and its tree. Raises ParseError."""
    while True:
        try:
            return text, fields(parser.loaded(parser.parse_sql_json(text)))
        except ParseError as error:
            blanked = _without_restrict(text, error)
            if blanked is None:
                raise
            text = blanked


def _without_restrict(text: str, error: ParseError) -> str | None:
    """The text with the line at fault blanked, if it is one that every dump has held since 15.14 and 17.6; else None."""
    place = error.args[1] if len(error.args) > 1 else None
    line = _RESTRICT.match(text, place) if isinstance(place, int) else None
    return f"{text[: line.start()]}{' ' * len(line.group())}{text[line.end() :]}" if line else None


def _after_last_semicolon(gap: str) -> str:
    """Return the part of the text between two statements that belongs to the second: it follows any empty statements."""
    if ";" not in gap:
        return gap
    ends = [token.end + 1 for token in parser.scan(gap) if token.name == "ASCII_59"]
    return gap[ends[-1] :] if ends else gap


def _first_token(data: bytes, start: int) -> int:
    while start < len(data) and data[start : start + 1].isspace():
        start += 1
    return start


def _refuse_client_data(raw: RawStatement, file: str) -> None:
    name, stmt = type_and_fields(raw.tree)
    if name == "CopyStmt" and "filename" not in stmt:
        raise CopyDataError(file, raw.line, summary_of(raw.sql))


def _refused(text: str, error: ParseError, file: str) -> Exception:
    reason = _QUOTING_A_STRING.sub("", str(error.args[0]))
    place = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else len(text.rstrip())
    line = text.count("\n", 0, place) + 1
    if text.startswith("\\", place):
        command = text[place:].split("\n", 1)[0].strip()
        return PsqlCommandError(file, line, shown_line(command[:60]), instead_of(command) + other_commands(text, place))
    if copy := _COPY_FROM_CLIENT.search(text, max(0, place - 2000), place):
        first_line = text.count("\n", 0, copy.start()) + 1
        also = other_copies(text, copy.start())
        return CopyDataError(file, first_line, shown_line(" ".join(copy.group().split(";")[0].split())), also)
    if (newer := newer_syntax(text, place)) is not None:
        return _syntax_error(text, place, newer, file)
    if (known := explain_syntax_error(text, place)) is not None:
        return _syntax_error(text, *known, file)
    return _syntax_error(text, place, f"{reason}, correct it", file)


def _syntax_error(text: str, place: int, reason: str, file: str) -> SqlSyntaxError:
    begin = text.rfind("\n", 0, place) + 1
    source = text[begin:].split("\n", 1)[0].rstrip("\r")
    column = place - begin
    shown = shown_line(source, context=text[max(0, begin - 500) : begin])
    first = max(0, column - 80)  # a minified file can be one line of a million characters
    window = visible(shown[first : first + 120])
    padding = "".join("\t" if char == "\t" else " " for char in visible(shown[first:column]))
    line = text.count("\n", 0, place) + 1
    return SqlSyntaxError(file, line, column + 1, f"{window}\n{padding}^", reason)
