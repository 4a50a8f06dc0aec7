"""Which tables hold other rows than before: told by the transaction that wrote each row, not by its contents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pg_deploy.access.facts.only_additions import OURS
from pg_deploy.postgres.ledger_name import ledger_schemas
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import Connection

T = TypeVar("T")


def moved_tables(old: Connection, new: Connection) -> frozenset[str]:
    """The tables and materialized views (`schema.name`) whose rows are not the very same ones in two copies of a template.

    A row that was written again has a later transaction's number and counts as another, also with the same contents. Where
    a column's name stands for another column than before (names were swapped, or it was dropped and made again), every row
    is another, though none was written. Foreign tables count as moved. Both connections are a superuser's, in autocommit. Reads only.
    """
    before, after = both(_marks, old, new)
    was, now = both(_places, old, new)
    written = {
        name for name in before.keys() | after.keys() if before.get(name) is None or before.get(name) != after.get(name)
    }
    replaced = {
        name
        for name in was.keys() & now.keys()
        if any(was[name][column] != now[name][column] for column in was[name].keys() & now[name].keys())
    }
    return frozenset(written | (replaced & (before.keys() | after.keys())))


def _places(connection: Connection) -> Mapping[str, Mapping[str, int]]:
    """For each table the numbers of its columns by name: a number is never given twice."""
    rows = connection.execute(
        "select n.nspname || '.' || c.relname, jsonb_object_agg(a.attname, a.attnum) from pg_catalog.pg_attribute a"
        " join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind = 'r' and a.attnum > 0 and not a.attisdropped and not starts_with(n.nspname, 'pg_')"
        " and n.nspname <> all (%s) group by 1",
        [[*OURS, *ledger_schemas(connection)]],
    ).fetchall()
    return dict(rows)


def _marks(connection: Connection) -> dict[str, tuple[int, int] | None]:
    """For each table the number of its rows and the sum of their transactions: a later one has a larger number."""
    found: dict[str, tuple[int, int] | None] = {}
    for schema, name, kind in connection.execute(
        "select n.nspname::text, c.relname::text, c.relkind::text from pg_catalog.pg_class c"
        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'm', 'f') and c.relispopulated"
        " and not starts_with(n.nspname, 'pg_') and n.nspname <> all (%s)",
        [[*OURS, *ledger_schemas(connection)]],
    ).fetchall():
        row = None
        if kind != "f":
            row = connection.execute(
                f"select count(*), coalesce(sum(xmin::text::bigint), 0)::numeric::text from only {quote(schema, name)}".encode()
            ).fetchone()
        found[f"{schema}.{name}"] = (row[0], int(row[1])) if row else None
    return found


def both(work: Callable[..., T], first: object, second: object) -> tuple[T, T]:
    """The same work for both sides at once: each has its own connection, and the server a process for each."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        one, other = pool.submit(work, first), pool.submit(work, second)
        return one.result(), other.result()
