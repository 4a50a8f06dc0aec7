"""SQL that names our ledger or the shared history: who may write them may say of itself that it is deployed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pglast import scan
from pglast.parser import ParseError

from pg_deploy.parsing.statements import Statement

OURS = ("deploy_ledger", "supabase_migrations")
_NAMED = re.compile(rf"(?<![\w$])({'|'.join(OURS)})(?![\w$])", re.IGNORECASE)
_BODY = re.compile(r"(\$[\w]*\$)(.*)\1", re.DOTALL)
_ESCAPED = re.compile(r"\\(?:\+00|u)?([0-9a-fA-F]{4})")
_COMMENTS = ("SQL_COMMENT", "C_COMMENT")


def touched(statements: Iterable[Statement]) -> tuple[tuple[int, str], ...]:
    """The line and the schema of each statement that names one of ours, in code, in a text or in a body. Pure.

    A name that is put together while it runs is not seen; the report believes no state without its statements.
    """
    found = []
    for statement in statements:
        name = _NAMED.search(_code(statement.sql))
        if name:
            found.append((statement.line, name[1].lower()))
    return tuple(found)


def _code(sql: str) -> str:
    """`sql` without its comments, those of bodies in dollar quotes included."""
    # A look for fixed words first: the pattern takes seconds for what may be fifty megabytes of rows.
    lowered = sql.lower()
    if "\\" not in sql and (all(name not in lowered for name in OURS) or _NAMED.search(sql) is None):
        return ""
    try:
        tokens = [(token.name, sql[token.start : token.end + 1]) for token in scan(sql)]
    except ParseError:
        return sql
    return " ".join(_content(text) for name, text in tokens if name not in _COMMENTS)


def _content(text: str) -> str:
    body = _BODY.fullmatch(text)
    # An identifier or a text may spell a letter by its number: U&"d\0065ploy_ledger".
    return _code(body[2]) if body else _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
