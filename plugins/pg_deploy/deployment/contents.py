"""What is in the tables of a copy, and how far its sequences are: read before a migration, compared before its undo counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from pg_deploy.parsing.rollback_text import statements_of
from pg_deploy.parsing.statements import Statement
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_text

_EXACT = 8 * 1024 * 1024
"""Up to this size, in bytes, each value of a table counts; of a larger one that a text names, figures by 256 buckets."""
_TABLES = engine_text("""
select n.nspname, c.relname, pg_catalog.pg_relation_size(c.oid),
    array(
        select a.attname from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum
    )
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'deploy_ledger', 'supabase_migrations')
""")
_SEQUENCES = engine_text("""
select n.nspname, c.relname, pg_catalog.sign(s.seqincrement)::int from pg_catalog.pg_class c
join pg_catalog.pg_sequence s on s.seqrelid = c.oid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname not in ('deploy_ledger', 'supabase_migrations')
""")
_STANDING = """
select pg_catalog.pg_relation_filenode({table}::pg_catalog.regclass)::bigint, count(*),
    coalesce(sum(t.xmin::text::bigint), 0)::text, coalesce(sum(pg_catalog.hashtid(t.ctid)::bigint), 0)::text,
    (
        select pg_catalog.string_agg(a.attname || '=' || a.attnum, ' ' order by a.attnum) from pg_catalog.pg_attribute a
        where a.attrelid = {table}::pg_catalog.regclass and a.attnum > 0 and not a.attisdropped
    )
from only {name} t
"""
# What leaves the rows of all tables that were there as they are, whatever it names.
_ROWS_STAY = frozenset(
    f"{verb} {thing}"
    for verb in ("create", "alter", "drop")
    for thing in (
        "function",
        "procedure",
        "index",
        "index concurrently",
        "policy",
        "view",
        "materialized view",
        "trigger",
    )
) | {"analyze", "comment", "create schema", "create table", "grant", "refresh materialized view", "revoke"}

Name = tuple[str, str]
Position = tuple[int, int]
"""The last value that was given out, and 1 if the next one is greater, -1 if it is smaller."""
Standing = tuple[int, int, str, str, str]
"""File, number of rows, sums over who wrote each row last and where it lies, and where each column lies in it.

As it was, if nobody wrote and no column is another one.
"""
Buckets = Mapping[int, tuple[int, int]]
"""By the last eight bits of a value's digest: how many values, and the sum of 32 bits of their digests."""


@dataclass(frozen=True)
class Contents:
    """By table: how many rows, and of each column a digest of each value, order-free; by sequence: its position.

    Of large tables that a text names: figures by bucket; of all large ones whether anybody wrote to them.
    """

    rows: Mapping[Name, int]
    values: Mapping[Name, Mapping[str, Counter[int]]]
    large: Mapping[Name, Standing]
    buckets: Mapping[Name, Mapping[str, Buckets]]
    positions: Mapping[Name, Position]
    texts: tuple[str, ...] = ()
    may_touch: bool = False
    """Whether any statement of the texts may change rows."""
    applied: Mapping[Name, Position] | None = None
    """Where the sequences stood once the migration was applied: what checks and proofs drew since is not its doing."""

    @property
    def is_read(self) -> bool:
        """Whether any table had to be read: comparing takes its time, too."""
        return bool(self.rows or self.large)

    def once_applied(self, connection: Connection) -> Contents:
        """The same, with the positions that the migration itself left. To be called before anything else draws. Reads only."""
        return replace(self, applied=_positions(connection))

    def compare(self, connection: Connection) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the open transaction would leave otherwise, with numbers, and the sequences that it leaves further on. Reads only.

        Nothing is lost by the latter, and on a live target nobody turns them back: others may have drawn from them since.
        """
        now = read_contents(connection, *self.texts, before=self)
        moved = list(self._moved(now))
        behind = tuple(line for line, is_behind in moved if is_behind)
        return (*self._differences(now), *behind), tuple(line for line, is_behind in moved if not is_behind)

    def _moved(self, now: Contents) -> Iterator[tuple[str, bool]]:
        for sequence, (position, sign) in sorted(self.positions.items()):
            stands, _ = now.positions.get(sequence, (position, sign))
            is_behind = (stands - position) * sign < 0
            was_left_alone = self.applied is not None and self.applied.get(sequence) == (position, sign)
            if stands != position and (is_behind or not was_left_alone):
                yield f"sequence {'.'.join(sequence)}: it would stand at {stands}, and stood at {position}", is_behind

    def _differences(self, now: Contents) -> Iterator[str]:
        for table in sorted(self.rows):
            yield from _rows(table, self.rows[table], now.rows.get(table, 0))
            if now.rows.get(table, 0) < self.rows[table]:
                continue
            for column, was in self.values[table].items():
                count = (was - now.values.get(table, {}).get(column, Counter())).total()
                if count:
                    yield _others(table, column, f"{count:,}", one=count == 1)
        for table, standing in sorted(self.large.items()):
            found = now.large.get(table)
            if found == standing:
                continue
            yield from _rows(table, standing[1], found[1] if found else 0)
            if found is None or found[1] < standing[1]:
                continue
            if table not in self.buckets:
                yield f"values of {'.'.join(table)}: it was written to, is large and named nowhere, so they were not compared"
                continue
            for column, buckets in self.buckets[table].items():
                least = _at_least(buckets, now.buckets.get(table, {}).get(column, {}))
                if least:
                    yield _others(table, column, f"at least {least:,}", one=least == 1)


def _rows(table: Name, was: int, now: int) -> Iterator[str]:
    name = ".".join(table)
    if now < was:
        yield f"rows of {name}: {was - now:,} of {was:,} would be missing"
    elif now > was:
        yield f"rows of {name}: {now - was:,} more than before"


def _others(table: Name, column: str, count: str, *, one: bool) -> str:
    return f"column {column} of {'.'.join(table)}: {count} {'value' if one else 'values'} would be others"


def _at_least(was: Buckets, now: Buckets) -> int:
    gone = sum(max(0, count - now.get(bucket, (0, 0))[0]) for bucket, (count, _) in was.items())
    return gone or sum(1 for bucket, (count, digest) in was.items() if now.get(bucket) != (count, digest))


def read_contents(connection: Connection, *texts: str, before: Contents | None = None) -> Contents:
    """The tables whose rows the SQL of `texts` may touch. Reads only; what may not be read is left out.

    With `before`, a large table that nobody wrote to since is not read again.
    """
    rows: dict[Name, int] = {}
    values: dict[Name, dict[str, Counter[int]]] = {}
    large: dict[Name, Standing] = {}
    buckets: dict[Name, dict[str, Buckets]] = {}
    if before is not None:
        may_touch = before.may_touch
    else:
        may_touch = any(_touches(statement) for text in texts for statement in statements_of(text, "the migration"))
    for namespace, name, size, columns in connection.execute(_TABLES).fetchall() if may_touch else ():
        table = (namespace, name)
        if size <= _EXACT and (before is None or table not in before.large):
            read = _columns(connection, table, columns)
            if read is not None:
                rows[table], values[table] = read
            continue
        standing = _standing(connection, table)
        if standing is None:
            continue
        large[table] = standing
        is_named = any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for text in texts)
        if is_named and (before is None or before.large.get(table) != standing):
            buckets[table] = {column: _buckets(connection, table, column) for column in columns}
    return Contents(rows, values, large, buckets, _positions(connection), texts, may_touch)


def _touches(statement: Statement) -> bool:
    if statement.kind in ("drop schema", "drop type") and " cascade" not in statement.sql.lower():
        return False
    return statement.kind not in _ROWS_STAY


def _positions(connection: Connection) -> dict[Name, Position]:
    positions = {}
    for namespace, name, sign in connection.execute(_SEQUENCES).fetchall():
        query = sql.SQL("select last_value - case when is_called then 0 else {} end from {}").format(
            sql.Literal(sign), sql.Identifier(namespace, name)
        )
        found = _asked(connection, query)
        if found:
            positions[namespace, name] = (int(found[0][0]), sign)
    return positions


def _columns(connection: Connection, table: Name, columns: Sequence[str]) -> tuple[int, dict[str, Counter[int]]] | None:
    query = sql.SQL("select {} from only {}").format(sql.SQL(", ").join(map(_digest, columns)), sql.Identifier(*table))
    found = _asked(connection, query)
    if found is None:
        return None
    return len(found), {column: Counter(row[number] for row in found) for number, column in enumerate(columns)}


def _standing(connection: Connection, table: Name) -> Standing | None:
    name = sql.Identifier(*table)
    query = sql.SQL(_STANDING).format(table=sql.Literal(name.as_string(connection)), name=name)
    found = _asked(connection, query)
    return found[0] if found else None


def _buckets(connection: Connection, table: Name, column: str) -> Buckets:
    query = sql.SQL(
        "select (d & 255)::int, count(*), sum((d >> 16) & 4294967295)::bigint from (select {} as d from only {}) s group by 1"
    ).format(_digest(column), sql.Identifier(*table))
    return {bucket: (count, digest) for bucket, count, digest in _asked(connection, query) or ()}


def _digest(column: str) -> sql.Composed:
    return sql.SQL("coalesce(pg_catalog.hashtextextended({}::text, 0), 0)").format(sql.Identifier(column))


def _asked(connection: Connection, query: sql.Composed) -> list[Any] | None:
    try:
        with connection.transaction():
            return connection.execute(query).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return None
