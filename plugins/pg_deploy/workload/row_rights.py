"""Rights that the server checks when a row is written, and neither PREPARE nor EXPLAIN: on sequences, and policies for new rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql
from pg_deploy.workload.writable_views import Table

_SEQUENCES = engine_sql("workload/kept_sequences")
_TABLES = engine_sql("workload/closed_tables")
_UNWRITABLE = engine_sql("workload/unwritable_tables")


@dataclass(frozen=True)
class RowRights:
    """What is kept from roles: by role, table and column the sequence of its default; by role the tables that take no row.

    `unwritable` are the tables into which a role may not insert at all.
    """

    sequences: Mapping[tuple[str, Table, str], str] = field(default_factory=dict)
    closed: frozenset[tuple[str, Table]] = frozenset()
    unwritable: frozenset[tuple[str, Table]] = frozenset()

    def new_since(self, before: RowRights) -> RowRights:
        """What was not kept from them before."""
        sequences = {key: name for key, name in self.sequences.items() if key not in before.sequences}
        return RowRights(sequences, self.closed - before.closed, self.unwritable - before.unwritable)


def read_row_rights(connection: Connection, roles: Iterable[str]) -> RowRights:
    """Of these roles. Reads only."""
    named = sorted(set(roles))
    sequences = {
        (role, (schema, table), column): sequence
        for role, schema, table, column, sequence in connection.execute(_SEQUENCES, [named])
    }
    closed, unwritable = (
        frozenset((role, (schema, table)) for role, schema, table in connection.execute(question, [named]))
        for question in (_TABLES, _UNWRITABLE)
    )
    return RowRights(sequences, closed, unwritable)
