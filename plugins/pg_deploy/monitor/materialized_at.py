"""The time that a view states itself in its column materialized_at, and the time zone of one that has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from pg_deploy.grammar.errors import ParseError
from pg_deploy.grammar.parser import loaded, parse_sql_json
from pg_deploy.monitor.measures import set_deadlines
from pg_deploy.postgres.session import Connection

Thing = TypeVar("Thing")
Answer = TypeVar("Answer")

# The view and we read the same clock: if its time lies further ahead than this, its zone was placed wrongly.
_AHEAD_S = 5.0
_NOW = ("now", "transaction_timestamp", "statement_timestamp", "clock_timestamp")
_LOCAL = ("SVFOP_LOCALTIMESTAMP", "SVFOP_CURRENT_TIMESTAMP")


def read_zones(connection: Connection, oids: Sequence[int]) -> dict[int, str | None]:
    """The time zone in which each view's definition writes materialized_at, by oid. Reads only.

    It is a name, "" for the zone of the session that refreshes it, or None if the definition does not say. A view whose definition
    cannot be read now is left out.
    """
    return _together_or_each(connection, partial(_read_zones, connection), oids)


def _together_or_each(
    connection: Connection, ask_for: Callable[[Sequence[Thing]], dict[int, Answer]], things: Sequence[Thing]
) -> dict[int, Answer]:
    """The answers for all things: asked together, or one after the other if that fails. A thing that fails alone has none."""
    try:
        return ask_for(things)
    except psycopg.Error:
        if connection.closed or connection.broken:
            raise
    answers: dict[int, Answer] = {}
    for thing in things:
        try:
            answers |= ask_for([thing])
        except psycopg.Error:
            if connection.closed or connection.broken:
                raise
    return answers


def _read_zones(connection: Connection, oids: Sequence[int]) -> dict[int, str | None]:
    with connection.transaction():
        set_deadlines(connection)
        rows = connection.execute(
            "select o.oid::bigint, pg_catalog.pg_get_viewdef(o.oid::oid) from unnest(%s::bigint[]) as o (oid)",
            [list(oids)],
        ).fetchall()
    return {oid: _zone_in(definition or "") for oid, definition in rows}


def _zone_in(definition: str) -> str | None:
    try:
        trees = loaded(parse_sql_json(definition)).get("stmts", ())
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


def _read_ages(
    connection: Connection, views: Sequence[tuple[int, sql.Identifier, str | None]]
) -> dict[int, float | None]:
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
    with connection.transaction():
        rows = connection.execute(asked).fetchall()
    return {oid: None if age is None or age < -_AHEAD_S else max(age, 0.0) for oid, age in rows}


def read_ages(
    connection: Connection, views: Sequence[tuple[int, sql.Identifier, str | None]]
) -> dict[int, float | None]:
    """The age in seconds that each of these views states, by oid; None for one whose time is empty or lies ahead. Reads only.

    Each view is given with the zone of its time, or with None if the type of its column has one. A view that cannot be asked is
    left out.
    """
    return _together_or_each(connection, partial(_read_ages, connection), views)
