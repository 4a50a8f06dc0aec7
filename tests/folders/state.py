"""What a database is like: its schema as pg_dump writes it, and a digest of each table's rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests.looking import OUR_SCHEMAS, schema_dump

# What differs between two runs of the same file: moments, random identifiers, salted hashes.
_OF_THE_MOMENT = (
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:?\d\d)?)?",
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    r"\$2[aby]\$[^,)]*",
)


@dataclass(frozen=True)
class State:
    """A database at one moment; two that are equal have the same schema and the same rows."""

    schema: str
    rows: dict[str, str]

    def difference(self, other: State) -> str:
        """The first difference in a few words; empty if there is none."""
        if self.schema != other.schema:
            mine, theirs = self.schema.splitlines(), other.schema.splitlines()
            only = [f"+ {line}" for line in mine if line not in set(theirs)]
            only += [f"- {line}" for line in theirs if line not in set(mine)]
            return f"schema: {'; '.join(only[:4]) or 'other order'}"
        tables = [name for name in sorted({*self.rows, *other.rows}) if self.rows.get(name) != other.rows.get(name)]
        return f"rows of {', '.join(tables[:5])}" if tables else ""


def read_state(bindir: Path, admin_url: str) -> State:
    """Read the database as a superuser, without what is ours."""
    schema = schema_dump(bindir, admin_url, *OUR_SCHEMAS)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        return State(schema, _rows(connection))


def _rows(connection: psycopg.Connection) -> dict[str, str]:
    tables = connection.execute(
        """select n.nspname, c.relname
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'm') and c.relpersistence <> 't' and n.nspname !~ '^pg_'
            and n.nspname <> all (%s) and (c.relkind = 'r' or c.relispopulated)
        order by 1, 2""",
        [["information_schema", *OUR_SCHEMAS]],
    ).fetchall()
    text: sql.Composable = sql.SQL("t::text")
    for pattern in _OF_THE_MOMENT:
        text = sql.SQL("regexp_replace({}, {}, '?', 'g')").format(text, sql.Literal(pattern))
    query = sql.SQL("select count(*) || ' ' || coalesce(sum(hashtextextended({}, 0)::numeric), 0) from {} t")
    found = {}
    for names in tables:
        row = connection.execute(query.format(text, sql.Identifier(*names))).fetchone()
        found[".".join(names)] = str(row[0]) if row else ""
    return found
