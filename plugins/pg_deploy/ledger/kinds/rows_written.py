"""How many rows a migration's own transactions wrote, as they counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from pg_deploy.ledger.detail import count_of, parts_of
from pg_deploy.ledger.evidence import Evidence, Kind


@dataclass(frozen=True)
class Written:
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
class RowsWritten:
    """What one segment wrote."""

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

    def to_detail(self) -> dict[str, object]:
        """For the ledger."""
        return {"tables": [asdict(each) for each in self.tables]}


def written_of(rows: Iterable[Evidence]) -> tuple[Written, ...]:
    """The sum of what these rows say that was written, by table; rows of other kinds say nothing."""
    sums: dict[str, Written] = {}
    for row in rows:
        for each in parts_of(row.detail, "tables") if row.kind == Kind.ROWS_WRITTEN else ():
            more = Written(
                str(each["table"]), count_of(each, "inserted"), count_of(each, "updated"), count_of(each, "deleted")
            )
            sums[more.table] = sums[more.table] + more if more.table in sums else more
    return tuple(sums[table] for table in sorted(sums))
