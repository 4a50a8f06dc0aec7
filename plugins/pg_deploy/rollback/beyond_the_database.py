"""What a migration did that no snapshot of its database holds: a rollback leaves that as it is, and says so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pg_deploy.parsing.splitting import parse
from pg_deploy.parsing.statements import split
from pg_deploy.parsing.tree import Fields, function_calls, strings, text, type_and_fields
from pg_deploy.rollback.generator.row_changes import RowsWritten

_LARGE_OBJECTS = ("pg_catalog.pg_largeobject", "pg_catalog.pg_largeobject_metadata")
_CALLED = {
    re.compile(
        r"(pg_catalog\.)?pg_((create|copy|drop)_\w*replication_slot|replication_slot_advance)"
    ): "replication slots",
    re.compile(r"(pg_catalog\.)?pg_replication_origin_(create|drop|advance)"): "replication origins",
    re.compile(r"(\w+\.)?dblink(_exec|_send_query)?|net\.http_\w+"): "what another server holds",
}

_MAY_REACH = re.compile(r"system|database|replication|dblink|http", re.IGNORECASE)
"""One of these words is in each statement that counts: most texts, which may be megabytes, hold none and are not parsed again."""


def find_left_alone(
    sql: str, rollback: str | None, database: str, rows_written: RowsWritten | None = None
) -> tuple[str, ...]:
    """One sentence for each statement of a migration that changed something outside of `database`, and for large objects.

    What `rollback` changes as well counts as taken back. `rows_written` is what the migration's transactions did to rows, as
    they counted; large objects count by it, whoever wrote them. Pure.
    """
    taken_back = {thing for _, thing, _ in _changed_beyond(rollback or "", database)}
    found = [
        f"{thing}, which line {line} changed: {summary}"
        for line, thing, summary in _changed_beyond(sql, database)
        if thing not in taken_back
    ]
    verbs = {verb for table in _LARGE_OBJECTS for verb in (rows_written or {}).get(table, ())}
    if verbs and not re.search(r"\blo_?\w+\s*\(", rollback or ""):
        found.append(f"large objects that were {' and '.join(sorted(verbs))}")
    return tuple(found)


def _changed_beyond(sql: str, database: str) -> Iterator[tuple[int, str, str]]:
    """Line, what it changed outside of `database`, and summary of each such statement."""
    for statement in split(sql, file="migration") if _MAY_REACH.search(sql) else ():
        (raw,) = parse(statement.brief, file="migration")
        name, stmt = type_and_fields(raw.tree)
        things = {
            what
            for function, _ in function_calls(raw.tree)
            for form, what in _CALLED.items()
            if form.fullmatch(function)
        }
        if name == "AlterSystemStmt":
            things.add("settings of the server")
        things |= {f'database "{other}"' for other in _databases(name, stmt) if other != database}
        for thing in sorted(things):
            yield statement.line, thing, statement.summary


def _databases(name: str, stmt: Fields) -> Iterator[str]:
    yield from filter(None, (text(stmt.get(key)) for key in ("dbname", "database")))
    if "OBJECT_DATABASE" in (stmt.get("objtype"), stmt.get("objectType"), stmt.get("renameType")):
        named = stmt.get("objects") if name == "GrantStmt" else [stmt.get("object")]
        yield from filter(None, (*strings(named), text(stmt.get("subname"))))
