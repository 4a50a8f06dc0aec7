"""The time that a view tells of itself: its column materialized_at, and where one without a time zone lies in time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import psycopg
from pglast.parser import ParseError, parse_sql_json
from psycopg import sql

from pg_deploy.monitor.measures import bounded
from pg_deploy.postgres.session import Connection

Thing = TypeVar("Thing")
Answer = TypeVar("Answer")

# Clocks of one server; a view that claims to come from later than that is not placed rightly.
_AHEAD_S = 5.0
_NOW = ("now", "transaction_timestamp", "statement_timestamp", "clock_timestamp")
_LOCAL = ("SVFOP_LOCALTIMESTAMP", "SVFOP_CURRENT_TIMESTAMP")


def zones_of(connection: Connection, oids: Sequence[int]) -> dict[int, str | None]:
    """The zone in which each view's definition writes materialized_at: its name, "" for the session's own, None where it does
    not say. One whose definition cannot be read now is left out. Reads only.
    """
    return _together_or_each(connection, partial(_zones_of, connection), oids)


def _together_or_each(
    connection: Connection, ask_for: Callable[[Sequence[Thing]], dict[int, Answer]], things: Sequence[Thing]
) -> dict[int, Answer]:
    """The answers for all of them; one after the other where they cannot be had together, and none for what fails alone."""
    try:
        return ask_for(things)
    except psycopg.Error:
        if connection.closed or connection.broken:
            raise
    found: dict[int, Answer] = {}
    for thing in things:
        try:
            found |= ask_for([thing])
        except psycopg.Error:
            if connection.closed or connection.broken:
                raise
    return found


def _zones_of(connection: Connection, oids: Sequence[int]) -> dict[int, str | None]:
    with connection.transaction():
        bounded(connection)
        rows = connection.execute(
            "select o.oid::bigint, pg_catalog.pg_get_viewdef(o.oid::oid) from unnest(%s::bigint[]) as o (oid)",
            [list(oids)],
        ).fetchall()
    return {oid: _zone_in(definition or "") for oid, definition in rows}


def _zone_in(definition: str) -> str | None:
    try:
        trees = json.loads(parse_sql_json(definition)).get("stmts", ())
    except ParseError:
        return None
    for tree in trees:
        for target in tree["stmt"].get("SelectStmt", {}).get("targetList", ()):
            if target.get("ResTarget", {}).get("name") == "materialized_at":
                return _zone(target["ResTarget"].get("val", {}))
    return None


def _zone(node: Mapping[str, Any]) -> str | None:
    if "TypeCast" in node:
        return _zone(node["TypeCast"].get("arg", {}))
    call = node.get("FuncCall", {})
    name = [each["String"]["sval"] for each in call.get("funcname", ()) if "String" in each]
    if name[-1:] == ["timezone"] and len(call.get("args", ())) == 2:
        zone, moment = call["args"]
        while "TypeCast" in zone:
            zone = zone["TypeCast"].get("arg", {})
        named = zone.get("A_Const", {}).get("sval", {}).get("sval")
        return named if named and _zone(moment) == "" else None
    local = node.get("SQLValueFunction", {}).get("op") in _LOCAL
    return "" if local or (name and name[-1] in _NOW) else None


def ask(connection: Connection, views: Sequence[tuple[int, sql.Identifier, str | None]]) -> dict[int, float | None]:
    """The age in seconds that each of these views tells, by oid; None for one whose time cannot be placed. Reads only.

    Each comes with the zone of its time, or None where the type has its own.
    """
    if not views:
        return {}
    asked = sql.SQL(" union all ").join(
        sql.SQL("(select {}::bigint, extract(epoch from clock_timestamp() - {})::float8 from {} v limit 1)").format(
            sql.Literal(oid),
            sql.SQL("v.materialized_at")
            if zone is None
            else sql.SQL("(v.materialized_at at time zone {})").format(sql.Literal(zone)),
            name,
        )
        for oid, name, zone in views
    )
    rows = connection.execute(asked).fetchall()
    return {oid: None if age is None or age < -_AHEAD_S else max(age, 0.0) for oid, age in rows}


def ask_each(
    connection: Connection, views: Sequence[tuple[int, sql.Identifier, str | None]]
) -> dict[int, float | None]:
    """As `ask`, one after the other where they cannot be asked together; what cannot be asked at all is left out."""

    def asked(some: Sequence[tuple[int, sql.Identifier, str | None]]) -> dict[int, float | None]:
        with connection.transaction():
            return ask(connection, some)

    return _together_or_each(connection, asked, views)
