"""Statements from a file of SQL or a log: for teams without pg_stat_statements, and for the statements of a release to come.

Read are plain SQL, PostgreSQL's own logs of statements (stderr, csvlog, jsonlog), and pgBadger's JSON.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pg_deploy.grammar.errors import ParseError, TooDeepError
from pg_deploy.grammar.parser import normalized
from pg_deploy.ledger.kinds.workload import RecordedStatement, Workload
from pg_deploy.parsing.splitting import parse
from pg_deploy.presentation.secrecy import without_certain_secrets
from pg_deploy.workload.record import is_of_application, statement_id

Sent = tuple[str, str, int]
"""A text, the role that sent it ("" if the file does not say), and how often."""

_MESSAGE = re.compile(
    r"^(?:duration: [\d.]+ ms\s+)?(?:statement|execute [^:]*|parse [^:]*|bind [^:]*): (.*)", re.DOTALL
)
_LOGGED = re.compile(r"\b(?:LOG|STATEMENT): {1,2}(.*)", re.DOTALL)
_BEGINS = re.compile(r"^\S.*\b(?:LOG|ERROR|WARNING|NOTICE|DETAIL|HINT|STATEMENT|FATAL|PANIC|CONTEXT|DEBUG\d?|INFO): ")
_USER = re.compile(r"\b(?:user=)?([A-Za-z_][\w.-]*)@[\w.-]+\b|\buser=([\w.-]+)")


def workload_from_file(text: str, name: str, role: str) -> Workload:
    """The queries of the file, each once with how often it stands there, its constants as parameters. Pure.

    `role` is who sends what the file names no role for. A note says how many texts cannot be read. Raises SqlSyntaxError, with
    line and caret, if a file of SQL cannot be read.
    """
    counts: Counter[tuple[str, str]] = Counter()
    unreadable = 0
    for sent, by, number in _sent(text, name):
        try:
            shown = without_certain_secrets(normalized(sent.strip().rstrip(";")))
        except (ParseError, TooDeepError):
            unreadable += number
            continue
        if is_of_application(shown):
            counts[by or role, shown] += number
    found = [
        RecordedStatement(statement_id(by, shown), shown, by, float(number)) for (by, shown), number in counts.items()
    ]
    notes = (
        (f"{unreadable:,} texts of {name} cannot be read as one statement: they are not asked",) if unreadable else ()
    )
    return Workload(statements=tuple(sorted(found, key=lambda each: -each.calls)), notes=notes)


def _sent(text: str, name: str) -> Iterator[Sent]:
    begin = text.lstrip()[:1]
    if begin == "{":
        yield from _json_lines(text)
    elif _BEGINS.search(text[:2000]) or any(_BEGINS.match(line) for line in text.splitlines()[:50]):
        yield from _stderr(text)
    elif re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^,]*,", text.lstrip()):
        yield from _csv(text)
    else:
        for statement in parse(text, file=name):
            yield statement.sql, "", 1


def _json_lines(text: str) -> Iterator[Sent]:
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        whole = None
    if isinstance(whole, dict) and "normalyzed_info" in whole:
        yield from _pgbadger(whole["normalyzed_info"])
        return
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict):
            message = _MESSAGE.match(str(entry.get("message", "")))
            if message:
                yield message[1], str(entry.get("user", "")), 1


def _pgbadger(databases: Mapping[str, Any]) -> Iterator[Sent]:
    for queries in databases.values():
        for query, told in queries.items() if isinstance(queries, dict) else ():
            number = told.get("count", 1) if isinstance(told, dict) else 1
            # pgBadger writes ? for a constant.
            parts = query.split("?")
            yield (
                "".join(f"{part}${place}" for place, part in enumerate(parts[:-1], start=1)) + parts[-1],
                "",
                int(number),
            )


def _csv(text: str) -> Iterator[Sent]:
    for row in csv.reader(io.StringIO(text)):
        message = _MESSAGE.match(row[13]) if len(row) > 13 else None
        if message:
            yield message[1], row[1], 1


def _stderr(text: str) -> Iterator[Sent]:
    """An entry begins at the margin; the lines of its text that follow are indented by a tab."""
    entries: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("\t") and entries:
            entries[-1].append(line[1:])
        else:
            entries.append([line])
    for lines in entries:
        logged = _LOGGED.search("\n".join(lines))
        message = _MESSAGE.match(logged[1]) if logged else None
        if logged and message:
            user = _USER.search(lines[0][: lines[0].find(": ")])
            yield message[1], (user[1] or user[2]) if user else "", 1
