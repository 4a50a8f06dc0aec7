"""SQL that names our ledger or the shared history: a migration that writes them could claim that it is deployed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from pg_deploy.grammar.errors import ParseError
from pg_deploy.grammar.parser import scan
from pg_deploy.parsing.statements import Statement

OURS = ("deploy_ledger", "supabase_migrations")
_BODY = re.compile(r"(\$[\w]*\$)(.*)\1", re.DOTALL)
_ESCAPED = re.compile(r"\\(?:\+00|u)?([0-9a-fA-F]{4})")
_COMMENTS = ("SQL_COMMENT", "C_COMMENT")


def our_schemas_named_in(statements: Iterable[Statement], ours: tuple[str, ...] = OURS) -> tuple[tuple[int, str], ...]:
    """The line and the schema of each statement that names one of our schemas: in code, in a text or in a body. Pure.

    `ours` are the schemas; which ledgers a database holds beside the one of the default name, only a session knows. A name that
    is composed while it runs is not seen here. But the report believes no state without its statements.
    """
    named = ((statement.line, _pattern(ours).search(_code(statement.sql, ours))) for statement in statements)
    return tuple((line, schema[1].lower()) for line, schema in named if schema)


@lru_cache(maxsize=64)
def _pattern(ours: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w$])({'|'.join(map(re.escape, ours))})(?![\w$])", re.IGNORECASE)


def _code(sql: str, ours: tuple[str, ...]) -> str:
    """`sql` without its comments, also without those in bodies in dollar quotes."""
    # Fixed words are searched first: the pattern takes seconds for fifty megabytes of rows.
    lowered = sql.lower()
    if "\\" not in sql and (all(name not in lowered for name in ours) or _pattern(ours).search(sql) is None):
        return ""
    try:
        tokens = [(token.name, sql[token.start : token.end + 1]) for token in scan(sql)]
    except ParseError:
        return sql
    return " ".join(_content(text, ours) for name, text in tokens if name not in _COMMENTS)


def _content(text: str, ours: tuple[str, ...]) -> str:
    body = _BODY.fullmatch(text)
    # An identifier or a text may spell a letter by its number: U&"d\0065ploy_ledger".
    return _code(body[2], ours) if body else _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
