"""What of a failed file is in the database: what it wants to make and is there already, the partitions of its table."""

from __future__ import annotations

import json
from collections.abc import Iterable

import psycopg

from pg_deploy.parsing.kinds import ObjectName
from pg_deploy.parsing.statements import Statement
from pg_deploy.parsing.tree import unquoted
from pg_deploy.session import Connection

THERE_ALREADY = ("42P07", "42701", "42710", "42723", "42P06")
"""A table, column, object, function or schema of that name exists."""

_SHOWN = 20
_RELATION = "select pg_catalog.to_regclass(%(name)s) is not null"
_TYPE = "select pg_catalog.to_regtype(%(name)s) is not null"
_FUNCTION = "select pg_catalog.to_regprocedure(%(name)s) is not null"
_PART = "select exists (select from pg_catalog.{} where {} = pg_catalog.to_regclass(%(on)s) and {} = %(bare)s{})"
_LOOKS = {
    **dict.fromkeys(("table", "view", "materialized view", "sequence", "index", "foreign table"), _RELATION),
    **dict.fromkeys(("type", "domain"), _TYPE),
    **dict.fromkeys(("function", "procedure"), _FUNCTION),
    "schema": "select pg_catalog.to_regnamespace(%(name)s) is not null",
    "column": _PART.format("pg_attribute", "attrelid", "attname", " and not attisdropped"),
    "constraint": _PART.format("pg_constraint", "conrelid", "conname", ""),
    "policy": _PART.format("pg_policy", "polrelid", "polname", ""),
    "trigger": _PART.format("pg_trigger", "tgrelid", "tgname", ""),
}


def adopt_or_change(connection: Connection, file: str, statements: Iterable[Statement]) -> str:
    """All that the file makes and that is there, each with its line, and what to do about it.

    `connection` is in autocommit, and sees the state before the file. What cannot be looked up is left out.
    """
    made, there = _looked_up(connection, statements)
    conf = json.dumps({"migrations": [file.split("_", 1)[0]]})
    adopt = f"make baseline CONF='{conf}'"
    if made and len(there) == made:
        return f"all {made} objects that this file makes are in the database already: adopt it instead of running it: {adopt}"
    more = f", and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    listed = (
        f"of the {made} objects that this file makes {len(there)} are there: {', '.join(there[:_SHOWN])}{more}; "
        if len(there) > 1
        else ""
    )
    return (
        f"{listed}where all that this file does is in the database already, adopt it instead of running it: {adopt}; "
        "else say in the file what is to become of what is there"
    )


def partitions_of(connection: Connection, statement: Statement) -> list[str]:
    """The partitions of the table that it makes an index of; none where one is partitioned itself or has a name to quote."""
    on = next((each.on for each in statement.creates if each.on), None)
    rows = connection.execute(
        "select c.relname, c.relkind = 'p' or c.relname <> pg_catalog.quote_ident(c.relname)"
        " from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid"
        " where i.inhparent = pg_catalog.to_regclass(%s) order by 1",
        [on],
    ).fetchall()
    return [] if any(is_other for _, is_other in rows) else [str(name) for name, _ in rows]


def _looked_up(connection: Connection, statements: Iterable[Statement]) -> tuple[int, list[str]]:
    """How many objects are made by statements that refuse one that is there, and those that are, with their lines."""
    made = 0
    there: list[str] = []
    gone: set[tuple[str, str | None]] = set()
    for statement in statements:
        gone.update(_key(each) for each in statement.drops)
        if statement.may_find_it_there:
            continue
        for each in statement.creates:
            if each.kind not in _LOOKS or _key(each) in gone:
                continue
            made += 1
            if _is_there(connection, each):
                there.append(f"{each.kind} {each.name}{f' on {each.on}' if each.on else ''} (line {statement.line})")
    return made, there


def _key(each: ObjectName) -> tuple[str, str | None]:
    return each.name, each.on


def _is_there(connection: Connection, each: ObjectName) -> bool:
    try:
        row = connection.execute(
            _LOOKS[each.kind], {"name": each.name, "on": each.on, "bare": unquoted(each.name)}
        ).fetchone()
    except psycopg.Error:
        # An argument of a type that the file itself would have made.
        return False
    return bool(row and row[0])
