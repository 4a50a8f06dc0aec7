"""One line about a statement, fit for a log: no comments, no secrets."""

from __future__ import annotations

import re

from pg_deploy.grammar import parser
from pg_deploy.presentation.secrecy import without_secrets

_LENGTH = 100
# Characters. A longer statement is a bulk insert, and its tokens would take more memory than they are worth.
_SCANNED_UP_TO = 20_000
_STRINGS = frozenset({"SCONST", "USCONST", "XCONST", "BCONST"})
_SENSITIVE = re.compile(
    r"passw|(?:create|alter)\s+(?:role|user)\s+(?!\S+\s+(?:in\s+database\s+\S+\s+)?set\b)|secret|token|api_?key|private_?key|credential|vault|crypt|conninfo|dblink|://|user\s+mapping|subscription"
    r"|\bserver\b.*\boptions\b|\bhost\s*=",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(r"'(?:[^']|'')*'?|(\$(?:[^\W\d]\w*)?\$).*?(?:\1|\Z)", re.DOTALL)


def summary_of(sql: str) -> str:
    """Return the statement's first 100 characters on one line. All strings are masked if it may hold a secret."""
    if len(sql) > _SCANNED_UP_TO:
        words = re.sub(r"/\*.*?\*/|--[^\n]*", " ", sql[:_LENGTH], flags=re.DOTALL)
        head = re.split(r"['$]|/\*|\bvalues\b", words, maxsplit=1, flags=re.IGNORECASE)[0]
        return f"{' '.join(head.split())} … ({len(sql)} characters)"
    sensitive = _may_hold_a_secret(sql)
    parts: list[str] = []
    done = 0
    for token in parser.scan(sql):
        if token.name in {"SQL_COMMENT", "C_COMMENT"}:
            parts += [sql[done : token.start], " "]
        elif sensitive and token.name in _STRINGS:
            parts += [sql[done : token.start], "'***'"]
        else:
            continue
        done = token.end + 1
    line = " ".join("".join([*parts, sql[done:]]).split())
    return line if len(line) <= _LENGTH else line[: _LENGTH - 1] + "…"


def shown_line(line: str, *, context: str = "") -> str:
    """Return a line of SQL for an error message. Strings are masked if it, or the SQL before it, may hold a secret.

    `context` is the SQL before it, or its end: a string that began there is masked as well.
    """
    if not _may_hold_a_secret(context + line):
        return line
    # The context may begin within a string, so what either reading takes for one is masked.
    readings = zip(line, _masked(line), _masked(context + line)[len(context) :], strict=True)
    return "".join(shown if shown == alone == after else "*" for shown, alone, after in readings)


def _masked(sql: str) -> str:
    return _QUOTED.sub(lambda found: "*" * len(found.group()), sql)


def _may_hold_a_secret(sql: str) -> bool:
    return _SENSITIVE.search(sql) is not None or without_secrets(sql) != sql
