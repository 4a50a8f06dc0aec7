"""Whether two prepared statements are run by one and the same plan, and so have one answer."""

from __future__ import annotations

import re

import psycopg

from pg_deploy.postgres.session import Connection

_NODE = re.compile(r"^(?:\s*->\s+)?(\S.*?)(?: on .*| using .*)?$")
# EXPLAIN (VERBOSE) prints all that these compute. Of others it keeps back a part: a limit's number, the rows of VALUES, a frame.
_TOLD = re.compile(
    r"(?:(?:Partial |Finalize )?(?:Hash|Group)?Aggregate|Nested Loop(?: \w+)? Join|Nested Loop|(?:Hash|Merge)(?: \w+){0,2} Join"
    r"|Hash|Seq Scan|Index Scan(?: Backward)?|Index Only Scan(?: Backward)?|Bitmap (?:Heap|Index) Scan|BitmapAnd|BitmapOr"
    r"|Result|ProjectSet|Append|Subquery Scan|Sort|Materialize|Memoize|Function Scan)"
)


def told_plan(connection: Connection, name: str) -> str | None:
    """The plan of a prepared statement with every expression in it, or None if EXPLAIN keeps anything back.

    Equal texts of one session mean equal answers. Reads only; the connection is in autocommit.
    """
    try:
        rows = connection.execute(f"explain (verbose, costs off) execute {name}".encode()).fetchall()
    except psycopg.Error as error:
        if error.sqlstate is None:
            raise
        return None
    lines = [str(row[0]) for row in rows if not str(row[0]).startswith("Query Identifier:")]
    heads = [line for number, line in enumerate(lines) if number == 0 or line.lstrip().startswith("->")]
    told = all((found := _NODE.match(head)) and _TOLD.fullmatch(found[1].strip()) for head in heads)
    return "\n".join(lines) if told else None
