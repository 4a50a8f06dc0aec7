"""What undoing a migration would take away: rows and columns that only it brought, and data that it changed."""

from __future__ import annotations

import psycopg
from psycopg import sql

from pg_deploy.catalog.diff import compare
from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.migrations.migration import Migration
from pg_deploy.session import Connection


def what_would_be_lost(connection: Connection, migration: Migration, before: Facts, after: Facts) -> list[str]:
    """One sentence for each table and column that the migration added, with its rows now, and for each change of rows.

    On the target whatever is written there meanwhile comes on top. Reads only.
    """
    added = compare(before, after).added
    tables = [fact for fact in added if fact.kind == "table"]
    views = [fact for fact in added if fact.kind == "materialized view"]
    new = {fact.identity for fact in (*tables, *views)}
    new |= {fact.identity for fact in added if fact.kind in ("view", "foreign table")}
    found = [f"table {each.identity}: {_count(connection, each.identity):,} rows" for each in tables]
    found += [
        f"materialized view {each.identity}: {_count(connection, each.identity):,} rows, which a refresh makes again"
        for each in views
    ]
    for column in (fact for fact in added if fact.kind == "column"):
        table, _, name = _split(column)
        if table not in new:
            values = _count(connection, table, name)
            found.append(f"column {column.identity}: {values:,} values")
    found += [
        f"rows changed by line {statement.line} ({statement.summary}) stay changed: a rollback restores the schema, only the "
        "backup restores data"
        for statement in migration.statements
        # What a new table or view is filled with was named above.
        if statement.writes_rows and not statement.kind.startswith("create")
    ]
    return found


def _split(column: Fact) -> tuple[str, str, str]:
    """Of `schema.table.column`, each quoted where needed: the table, a dot, the column."""
    inside = False
    last = 0
    for position, character in enumerate(column.identity):
        if character == '"':
            inside = not inside
        elif character == "." and not inside:
            last = position
    return column.identity[:last], ".", column.identity[last + 1 :]


def _count(connection: Connection, relation: str, column: str | None = None) -> int:
    what = sql.SQL("*") if column is None else sql.SQL(column)
    # The catalog reader wrote these names, quoted where needed.
    query = sql.SQL("select count({}) from {}").format(what, sql.SQL(relation))
    try:
        row = connection.execute(query).fetchone()
    except psycopg.Error:
        return 0
    return int(row[0]) if row else 0
