"""Whether the last deployment may be why a query reads more: only if the query reads something that it touched."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pg_deploy.monitor.commands import SqlContents, read_command
from pg_deploy.monitor.refreshers import Routines
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

# So many calls within calls are followed.
_DEPTH = 4


def read_touched_relations(connection: Connection, deployment_id: int) -> frozenset[str]:
    """The relations that a deployment touched, and the views that read them, as `schema.name`. Reads only."""
    rows = connection.execute(engine_sql("monitor/statements/touched"), {"deployment": deployment_id}).fetchall()
    return frozenset(row[0] for row in rows)


def reads_one_of(connection: Connection, text: str, relations: Collection[str]) -> bool:
    """Whether a statement reads one of these relations, directly or through functions that it calls. Reads only."""
    bare = {name.rpartition(".")[2] for name in relations}
    routines = Routines(connection)
    level: list[SqlContents] = [read_command(text)]
    seen: set[int] = set()
    for _ in range(_DEPTH):
        if any(_names_one_of(contents.relations, relations, bare) for contents in level):
            return True
        routines.read(call.name for contents in level for call in contents.calls)
        below = []
        for contents in level:
            for call in contents.calls:
                schemas = [row["schema"] for row in routines.by_name.get(call.name, ())]
                for row in routines.called(call.schema, call.name, call.given, schemas):
                    if row["oid"] not in seen:
                        seen.add(row["oid"])
                        below.append(routines.body(row))
        level = below
    return False


def _names_one_of(named: Iterable[tuple[str, str]], relations: Collection[str], bare: Collection[str]) -> bool:
    return any(f"{schema}.{name}" in relations if schema else name in bare for schema, name in named)
