"""Values that occur in the columns that policies and functions name: a claim, a setting or an argument may be one of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest

import psycopg

from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

MOST = 60
"""Values of a column that are kept."""
SAMPLED = 20_000
"""Rows of a table that are looked at."""


def occurring_values(connection: Connection, words: Collection[str]) -> Mapping[str, list[str]]:
    """Values as text, by type, of the columns that `words` name together with their table; up to 60 of a column. Reads only."""
    found: dict[str, list[list[str]]] = {}
    rows = connection.execute(engine_sql("access/named_columns"), [sorted(words), sorted(words)]).fetchall()
    for schema, table, column, kind in rows:
        try:
            values = connection.execute(
                f"select distinct v::text from (select {quote(column)} as v from {quote(schema, table)} limit {SAMPLED}) s"
                f" where v is not null and length(v::text) <= 100 order by 1 limit {MOST}".encode()
            ).fetchall()
        except psycopg.Error:
            continue
        found.setdefault(kind, []).append([value for (value,) in values])
    return {kind: mix_columns(columns) for kind, columns in found.items()}


def mix_columns(columns: Sequence[Sequence[str]]) -> list[str]:
    """List the first value of each column, then the second, and so on: the beginning of the list has some of every column."""
    rounds = zip_longest(*columns)
    return list(dict.fromkeys(value for values in rounds for value in values if value is not None))
