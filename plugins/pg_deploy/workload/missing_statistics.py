"""What the planner knows nothing of after a migration: tables, columns, indexed expressions without statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pg_deploy.ledger.kinds.workload import Effect, WorkloadFinding
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

_SHOWN = 3


@dataclass(frozen=True)
class PlannerStatistics:
    """Whether the planner has statistics of a table, or of a part of one: a column, an indexed expression, extended statistics.

    `name` is the part's. `table` is quoted where it must be; `readable_as` are the plain names, schema and name with a dot between,
    under which a statement reads it: its own, and those of the tables that it is a partition of.
    """

    kind: str
    name: str
    table_oid: int
    table: str
    readable_as: tuple[str, ...]
    has_rows: bool
    has_statistics: bool

    @property
    def is_missing(self) -> bool:
        """Whether the table has rows and the planner has no statistics of them."""
        return self.has_rows and not self.has_statistics


Statistics: TypeAlias = Mapping[tuple[str, int, int], PlannerStatistics]
"""By kind, oid, and number of the column, 0 where it is about no column."""


def read_statistics(connection: Connection) -> dict[tuple[str, int, int], PlannerStatistics]:
    """All that ANALYZE could tell the planner of, in this database, and whether it did. Reads only; the session must be a superuser's."""
    rows = connection.execute(engine_sql("workload/table_statistics"))
    return {
        (kind, oid, number): PlannerStatistics(
            kind, name, table_oid, table, (plain, *ancestors), has_rows, has_statistics
        )
        for kind, oid, number, name, table_oid, table, plain, ancestors, has_rows, has_statistics in rows
    }


def compare_statistics(
    before: Statistics, after: Statistics, read_by: Mapping[str, float | None]
) -> tuple[WorkloadFinding, ...]:
    """A finding for each table that statements read and that lacks statistics now and did not before.

    `read_by` holds the tables that recorded statements read, as `schema.name`, with their calls a day; None if nobody knows.
    A column that the migration adds is no finding: no statement of today names it.
    """
    missing: dict[str, list[PlannerStatistics]] = {}
    for key, known in after.items():
        earlier = before.get(key)
        is_new_column = known.kind == "column" and earlier is None and ("table", known.table_oid, 0) in before
        was_missing = earlier is not None and earlier.is_missing
        is_read = any(name in read_by for name in known.readable_as)
        if known.is_missing and is_read and not is_new_column and not was_missing:
            missing.setdefault(known.table, []).append(known)
    return tuple(_finding(table, parts, read_by) for table, parts in missing.items())


def _finding(table: str, parts: list[PlannerStatistics], read_by: Mapping[str, float | None]) -> WorkloadFinding:
    calls = [read_by[name] for name in parts[0].readable_as if name in read_by]
    known = [each for each in calls if each is not None]
    return WorkloadFinding(
        Effect.NO_STATISTICS,
        f"table {table}",
        f"the planner has no statistics of {_named(table, parts)} after the migration, and guesses",
        calls_a_day=sum(known) if known else None,
        objects=(parts[0].readable_as[0],),
        remedy=f"analyze {table};",
    )


def _named(table: str, parts: list[PlannerStatistics]) -> str:
    if any(each.kind == "table" for each in parts):
        return table
    shown = [f"{each.kind} {each.name}" for each in parts[:_SHOWN]]
    more = [f"{len(parts) - _SHOWN} more"] if len(parts) > _SHOWN else []
    return f"{', '.join((*shown, *more))} of {table}"
