"""Rows that a migration inserted by `insert … values`, as one inserts a bucket into storage.buckets: deleted by their key."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pg_deploy.catalog.names import part_of
from pg_deploy.parsing.tree import Fields, fields, items, list_items, text, type_and_fields
from pg_deploy.postgres.quoting import identifier
from pg_deploy.rollback.generator.draft import Draft

_MOST_ROWS = 100
_KEY = re.compile(r"PRIMARY KEY \((?P<columns>[^()]*)\)")
# Types whose values are equal if their texts are.
_COMPARED = re.compile(
    r"(?:text|character varying(?:\(\d+\))?|smallint|integer|bigint|boolean|uuid|date|numeric(?:\(\d+(?:,\d+)?\))?)"
)
_INTEGERS = ("smallint", "integer", "bigint")
_CHANGES_REFERRING = re.compile(r"ON DELETE (?:CASCADE|SET NULL|SET DEFAULT)")


def deletes_of(table: str, stmt: Fields, draft: Draft) -> tuple[str, ...]:
    """A delete for each row of an `insert … values` as it was written; nothing if one of the rows cannot be named by its key.

    Nothing if a delete may change other rows, by a foreign key, a trigger or a rule. The caller checks that each row was really
    inserted: `on conflict do nothing` leaves a row that was there.
    """
    rows = rows_of(stmt)
    columns = [identifier(text(fields(each.get("ResTarget")).get("name"))) for each in items(stmt.get("cols"))]
    action = fields(stmt.get("onConflictClause")).get("action", "ONCONFLICT_NOTHING")
    keys = _primary_key(table, draft)
    if not rows or len(rows) > _MOST_ROWS or stmt.get("withClause") or action != "ONCONFLICT_NOTHING":
        return ()
    if not keys or not set(keys) <= set(columns) or _changes_other_rows(table, draft):
        return ()
    found = [_delete(table, keys, columns, row, draft) for row in rows]
    return tuple(reversed([each for each in found if each])) if all(found) else ()


def rows_of(stmt: Fields) -> list[list[Fields]]:
    """The values of each row of an `insert … values`; none of any other."""
    select = fields(fields(stmt.get("selectStmt")).get("SelectStmt"))
    return [items(list_items(row)) for row in items(select.get("valuesLists"))]


def _delete(table: str, keys: Sequence[str], columns: Sequence[str], row: Sequence[Fields], draft: Draft) -> str:
    if len(row) != len(columns):
        return ""
    conditions = []
    for column, node in zip(columns, row, strict=True):
        value = _literal(node)
        compared = _COMPARED.fullmatch(_type(table, column, draft)) is not None
        if column in keys and (value is None or not compared):
            return ""
        if value is not None and compared:
            conditions.append(f"{column} = {value}")
    # Of identifiers and literals that were quoted here or by the server.
    return " ".join(("delete from", table, "where", " and ".join(conditions)))


def _type(table: str, column: str, draft: Draft) -> str:
    """The column's type before; "" if a value may compare differently now."""
    key = ("column", part_of(table, column))
    was, now = draft.before.get(key), draft.after.get(key)
    types = [str(each.properties.get("type", "")) for each in (was, now) if each is not None]
    alike = len(types) == 2 and (types[0] == types[1] or all(each in _INTEGERS for each in types))
    return types[0] if alike else ""


def _literal(node: Fields) -> str | None:
    """A constant as a text that takes the type of what it is compared with; None for anything else, and for null."""
    kind, content = type_and_fields(node)
    if kind == "TypeCast":
        kind, content = type_and_fields(content.get("arg"))
    if kind != "A_Const" or content.get("isnull"):
        return None
    if "sval" in content:
        value = text(fields(content["sval"]).get("sval"))
    elif "ival" in content:
        value = str(fields(content["ival"]).get("ival", 0))
    elif "fval" in content:
        value = text(fields(content["fval"]).get("fval"))
    elif "boolval" in content:
        value = "true" if fields(content["boolval"]).get("boolval") else "false"
    else:
        return None
    # None with a backslash: what that means depends on standard_conforming_strings.
    return f"'{value.replace(chr(39), chr(39) * 2)}'" if "\\" not in value else None


def _primary_key(table: str, draft: Draft) -> tuple[str, ...]:
    for key, fact in draft.before.items():
        if key[0] == "constraint" and fact.identity.relation == table and key in draft.after:
            found = _KEY.match(str(fact.properties.get("definition", "")))
            if found:
                return tuple(each.strip() for each in found["columns"].split(","))
    return ()


def _changes_other_rows(table: str, draft: Draft) -> bool:
    """Whether a delete from the table may change rows elsewhere."""
    for key, fact in draft.after.items():
        definition = str(fact.properties.get("definition", ""))
        refers = key[0] == "constraint" and f"REFERENCES {table}(" in definition
        is_fired = key[0] in ("trigger", "rule") and fact.identity.relation == table
        if (refers and _CHANGES_REFERRING.search(definition)) or (is_fired and "DELETE" in definition):
            return True
    return False
