"""What a migration did to rows, read from its text: the catalog shows nothing of it."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pg_deploy.inverse.model import Draft, Key, Refusal
from pg_deploy.inverse.names import identifier, own_name
from pg_deploy.parsing.cutting import parse
from pg_deploy.parsing.statements import split
from pg_deploy.parsing.tree import fields, items, opened, text


@dataclass(frozen=True)
class RowChange:
    """A statement of the migration that writes rows which no rollback of the catalog brings back."""

    line: int
    summary: str
    table: str


def read_row_changes(sql: str, made: Iterable[Key] = (), there: Iterable[Key] = ()) -> tuple[RowChange, ...]:
    """The statements that write rows of tables and columns which are not among those that the migration `made`.

    A bare name means the one table of that name that is `there`, where the file moves its search_path.
    """
    made = set(made)
    tables = {key[1] for key in (*there, *made) if key[0] == "table"}
    found = []
    for statement in split(sql, file="migration"):
        if not statement.writes_rows:
            continue
        (raw,) = parse(statement.sql, file="migration")
        name, stmt = opened(raw.tree)
        target = fields(stmt.get("relation"))
        table = _qualified(text(target.get("schemaname")), text(target.get("relname")))
        alike = [each for each in tables if own_name(each) == identifier(text(target.get("relname")))]
        if not text(target.get("schemaname")) and table not in tables and len(alike) == 1:
            table = alike[0]
        if ("table", table) in made:
            continue
        if name == "UpdateStmt":
            columns = [text(fields(each.get("ResTarget")).get("name")) for each in items(stmt.get("targetList"))]
            if columns and all(("column", f"{table}.{identifier(column)}") in made for column in columns):
                continue
        found.append(RowChange(statement.line, statement.summary, table))
    return tuple(found)


def add_row_refusals(draft: Draft, sql: str, going: AbstractSet[Key] = frozenset()) -> None:
    """Refuse what changed rows, and what was dropped and made again; remark on what cannot be read."""
    if not sql.strip():
        return
    for change in read_row_changes(sql, draft.gone | going, draft.before):
        draft.refusals.add(
            Refusal(f"rows of {change.table or 'tables'}", f"line {change.line} changed them: {change.summary}")
        )
    for statement in split(sql, file="migration"):
        unread = statement.kind in ("do", "call", "execute") or (statement.opaque and statement.kind == "select")
        if unread and "cron." not in statement.sql:
            draft.remarks.append(f"what line {statement.line} did to rows cannot be read from it: {statement.summary}")


def _qualified(schema: str, name: str) -> str:
    return f"{identifier(schema or 'public')}.{identifier(name)}" if name else ""
