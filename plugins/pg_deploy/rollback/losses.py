"""What a rollback takes away: rows and columns that only the migration brought, what others built on them, rows it changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pg_deploy.catalog.diff import compare
from pg_deploy.catalog.kinds import PROPERTIES
from pg_deploy.catalog.names import identity_of, parsed, unquoted
from pg_deploy.catalog.reader import Facts
from pg_deploy.deployment.job import Job
from pg_deploy.ledger import evidence
from pg_deploy.ledger.attempt import Attempt
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.rehearsal import Rehearsal
from pg_deploy.ledger.kinds.rows_written import written_of
from pg_deploy.ledger.pins import Pinned
from pg_deploy.postgres.session import Connection
from pg_deploy.rollback.errors import NoRollbackError
from pg_deploy.rollback.generator.order import dependents
from pg_deploy.rollback.generator.row_changes import (
    NOTHING,
    Named,
    RowsWritten,
    find_unnamed,
    read_row_changes,
    tables_named,
)
from pg_deploy.rollback.goal import parts_of

_COUNT_S = 30


@dataclass(frozen=True)
class Lost:
    """A table, materialized view or column that a rollback drops; `count`: its rows, or its values; None: not counted."""

    kind: str
    identity: str
    count: int | None

    def __str__(self) -> str:
        unit = "values" if self.kind == "column" else "rows"
        counted = "too many to count here" if self.count is None else f"{self.count:,} {unit}"
        again = ", which a refresh makes again" if self.kind == "materialized view" else ""
        return f"{self.kind} {self.identity}: {counted}{again}"


def count_losses(connection: Connection, before: Facts, after: Facts, now: Facts) -> tuple[Lost, ...]:
    """Tables, materialized views and columns that the migration made and that are still there, with their rows or values.

    Each count has 30 seconds. Reads only.
    """
    added = {fact.key for fact in compare(before, after).added} & now.by_key.keys()
    if before.objects is not None and after.objects is not None and before.objects.is_of(after.objects):
        # What was there before under another name is not lost: it gets that name again.
        older = before.objects.keys
        added = {key for key in added if after.objects.addresses.get(key) not in older}
    found = [
        Lost(kind, name, _count(connection, name, None))
        for kind in ("table", "materialized view")
        for name in sorted(identity for of, identity in added if of == kind)
    ]
    tables = {lost.identity for lost in found}
    columns = [identity_of(key) for key in sorted(added) if key[0] == "column"]
    return (
        *found,
        *(
            Lost("column", column, _count(connection, column.relation, column.plain_name))
            for column in columns
            if column.relation not in tables and ("table", column.relation) in now.by_key
        ),
    )


def describe_rows_that_stay(
    migration_sql: str, rollback: str | None, named: Named = NOTHING, rows_written: RowsWritten | None = None
) -> list[str]:
    """One sentence for each statement that changed rows which were there before, and that `rollback` does not take back. Pure.

    `rows_written`: what was done to rows, as read_rows_written() has it.
    """
    restored = restored_by(rollback)
    return [
        f"rows changed by line {change.line} ({change.summary}) stay changed: a rollback restores the schema, only the "
        "backup restores data"
        for change in read_row_changes(migration_sql, named)
        if change.table not in restored and change.changed_rows(rows_written)
    ]


def restored_by(rollback: str | None) -> set[str]:
    """The tables whose rows a rollback itself writes. Pure."""
    return {change.table for change in read_row_changes(rollback)} if rollback and rollback.strip() else set()


def find_built_on(before: Facts, after: Facts, now: Facts) -> tuple[str, ...]:
    """Objects of others that need what the migration made: they stop the rollback, or go with it. Pure."""
    added = {fact.key for fact in compare(before, after).added}
    objects = {key for key in added if key[0] not in PROPERTIES}
    needing = dependents(now.by_key, objects) - added - after.by_key.keys()
    along = parts_of([now.by_key[key] for key in needing], added)
    return tuple(
        f"{kind} {identity}, which {'goes with it' if (kind, identity) in along else 'stops the rollback'}"
        for kind, identity in sorted(needing)
    )


def read_rows_written(connection: Connection, current: Attempt, before: Facts) -> RowsWritten | None:
    """What the attempt's transactions did to rows, as they counted. Reads only.

    None if nobody may have counted: the ledger was older than the snapshots that hold addresses.
    """
    if before.objects is None:
        return None
    # What a refresh fills is no row that a statement met.
    filled = {fact.identity.plain for fact in before.facts if fact.kind == "materialized view"}
    found = written_of(evidence.of_attempt(connection, current.id, Kind.ROWS_WRITTEN))
    return {each.table: each.by_verb for each in found if each.table not in filled}


def refuse_if_rows_were_met(job: Job, current: Attempt, pinned: Pinned, before: Facts) -> None:
    """Raise NoRollbackError if a statement that met no row in the rehearsal met one here: the generated rollback leaves such rows.

    Reads only.
    """
    deleted = {change.table for change in read_row_changes(pinned.rollback or "")}
    rows_written = read_rows_written(job.ledger, current, before) or {}
    named = tables_named(before, job.snapshot_of(current, "after"))
    reasons = [
        f"rows of {change.table}: line {change.line} met none in the rehearsal, and here rows were "
        f"{' and '.join(sorted(change.counted(rows_written)))}: {change.summary}"
        for change in read_row_changes(pinned.sql, named)
        if change.counted(rows_written) and not (change.statement and change.table in deleted)
    ]
    rehearsed = {
        table for each in read_rehearsals(job.ledger, current, current.deployment_id) for table in each.written
    }
    reasons += [
        f"rows of {table}: {counted} here and none in the rehearsal, which no statement of the text names"
        for table, counted in find_unnamed(pinned.sql, named, rows_written).items()
        if table not in rehearsed and table not in deleted
    ]
    if reasons:
        raise NoRollbackError(current.stem, reasons)


def read_rehearsals(connection: Connection, current: Attempt, deployment_id: int) -> list[Rehearsal]:
    """What a deployment's rehearsals showed of the attempt's migration, oldest first. Reads only."""
    rows = evidence.of_version(connection, deployment_id, current.version)
    return [Rehearsal.from_row(row) for row in rows if row.kind == Kind.REHEARSAL]


def refuse_unless_inserted(job: Job, current: Attempt, rollback: str) -> None:
    """Raise NoRollbackError unless the attempt itself inserted each row here that a generated rollback deletes.

    `on conflict do nothing` leaves a row that somebody else had made meanwhile. Reads only.
    """
    wanted = Counter(change.table for change in read_row_changes(rollback) if change.summary.startswith("delete"))
    if not wanted:
        return
    rows = evidence.of_attempt(job.ledger, current.id, Kind.ROWS_WRITTEN)
    here = {each.table: each for each in written_of(rows)}
    reasons = []
    for table, number in sorted(wanted.items()):
        found = here.get(parsed("table", table).plain)
        if found is None or (found.inserted, found.updated, found.deleted) != (number, 0, 0):
            counted = ", ".join(f"{count} {verb}" for verb, count in found.by_verb.items()) if found else "none"
            reasons.append(
                f"rows of {table}: {number} were inserted in the rehearsal, and here {counted}: nothing tells which are its own"
            )
    if reasons:
        raise NoRollbackError(current.stem, reasons)


def _count(connection: Connection, relation: str, column: str | None) -> int | None:
    what = sql.SQL("*") if column is None else sql.Identifier(column)
    query = sql.SQL("select count({}) from {}").format(
        what, sql.Identifier(*map(unquoted, parsed("table", relation).parts))
    )
    connection.execute("select set_config('statement_timeout', %s, false)", [f"{_COUNT_S}s"])
    try:
        row = connection.execute(query).fetchone()
    except (psycopg.errors.QueryCanceled, psycopg.errors.InsufficientPrivilege):
        return None
    except (
        psycopg.errors.ObjectNotInPrerequisiteState,  # a materialized view that was never filled
        # Of a set, a newer migration dropped it, with what was in it: there is nothing left to lose.
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
    ):
        return 0
    finally:
        connection.execute("select set_config('statement_timeout', '0', false)")
    return int(row[0]) if row else None
