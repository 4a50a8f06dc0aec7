"""How many rows a migration's own transactions wrote, as they counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.ledger.kept_values import Kept


@dataclass(frozen=True)
class Written(Kept):
    """Rows of one table (`schema.name`) that a transaction inserted, updated and deleted."""

    table: str
    inserted: int
    updated: int
    deleted: int

    @property
    def by_verb(self) -> dict[str, int]:
        """The numbers that are not zero, keyed by "inserted", "updated", "deleted"."""
        numbers = {"inserted": self.inserted, "updated": self.updated, "deleted": self.deleted}
        return {verb: number for verb, number in numbers.items() if number}

    def __add__(self, other: Written) -> Written:
        return Written(
            self.table, self.inserted + other.inserted, self.updated + other.updated, self.deleted + other.deleted
        )


@dataclass(frozen=True)
class RowsWritten(Kept):
    """What one segment wrote."""

    row_columns = ("segment",)
    segment: int
    tables: tuple[Written, ...]

    @property
    def name(self) -> str:
        """Which segment."""
        return f"segment {self.segment}"

    @property
    def outcome(self) -> str:
        """How many tables."""
        return f"{len(self.tables)} tables"


def written_of(rows: Iterable[Evidence]) -> tuple[Written, ...]:
    """The sum of what these rows say that was written, by table; rows of other kinds say nothing."""
    sums: dict[str, Written] = {}
    for row in rows:
        for each in row.detail.get("tables") or () if row.kind == Kind.ROWS_WRITTEN else ():
            more = Written.from_detail(each)
            sums[more.table] = sums[more.table] + more if more.table in sums else more
    return tuple(sums[table] for table in sorted(sums))
