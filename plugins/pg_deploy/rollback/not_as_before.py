"""What an undo leaves otherwise on the target that no catalog fact shows: rows, values, and the positions of sequences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from pg_deploy.catalog.names import Key, identity_of, parsed
from pg_deploy.catalog.reader import Facts
from pg_deploy.deployment.job import Job
from pg_deploy.ledger import evidence
from pg_deploy.ledger.attempt import Attempt
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.backup import BackupKept
from pg_deploy.ledger.kinds.rollback import RowsNotRestored
from pg_deploy.ledger.pins import Pinned
from pg_deploy.parsing.rollback_text import statements_of
from pg_deploy.postgres.session import Connection
from pg_deploy.rollback.generator.draft import owned_by
from pg_deploy.rollback.generator.row_changes import (
    Named,
    RowsWritten,
    find_unnamed,
    is_unread,
    read_row_changes,
    tables_named,
)
from pg_deploy.rollback.losses import restored_by

SETS_POSITION = re.compile(r"\b(?:setval|restart)\b", re.IGNORECASE)
"""What moves a sequence: no transaction that is not kept takes that back."""


def report_not_as_before(
    job: Job, current: Attempt, pinned: Pinned, before: Facts, now: Facts, rows_written: RowsWritten | None
) -> tuple[str, ...]:
    """What is not as `before` although its facts may be, one phrase each; logged, too, and kept as evidence."""
    after = job.snapshot_of(current, "after")
    tables = tables_named(before, after)
    restored = restored_by(pinned.rollback)
    changed = _find_rows_that_stay(job, current, pinned, tables, restored, rows_written)
    unnamed = {}
    if not any(map(is_unread, statements_of(pinned.rollback, current.stem))):
        unnamed = find_unnamed(pinned.sql, tables, rows_written)
        for table in restored:
            unnamed.pop(parsed("table", table).plain, None)
    others = (
        *(f"rows of {table} ({counted}), which no statement of the text names" for table, counted in unnamed.items()),
        *find_made_again(before, after or now, now),
        *find_moved_sequences(pinned.sql, before, now),
    )
    lines = (*(line for _, line in changed), *others)
    if lines:
        where = _name_backup(job, current)
        for line in lines:
            job.log.warning("not as before: %s", line)
        job.log.warning("what was there before is in %s", where)
        job.record(current, Kind.ROWS_NOT_RESTORED, RowsNotRestored(current.stem, lines, where))
    return (*dict.fromkeys(f"rows of {table or 'tables'}" for table, _ in changed), *others)


def find_made_again(before: Facts, after: Facts, now: Facts) -> Iterator[str]:
    """The tables and columns that the migration dropped and that are there again, without what they held. Pure.

    Without addresses, or in another database, nothing tells.
    """
    was, then, here = before.objects, after.objects, now.objects
    if was is None or then is None or here is None or not (was.is_of(then) and was.is_of(here)):
        return
    again = {
        key
        for key, address in was.addresses.items()
        if address not in then.keys and address not in here.keys and key in here.addresses
    }
    tables = {key[1] for key in again if key[0] == "table"}
    for key in sorted(again):
        if key[0] == "table":
            yield f"rows of {key[1]}, which was made again"
        elif key[0] == "column" and _held_values(before, key) and identity_of(key).relation not in tables:
            yield f"values of {key[1]}, which was made again"


def _held_values(before: Facts, column: Key) -> bool:
    is_of_table = ("table", identity_of(column).relation) in before.by_key
    return is_of_table and "generated" not in before.by_key[column].properties


def find_moved_sequences(sql: str, before: Facts, now: Facts) -> Iterator[str]:
    """The sequences that stand further back than before, or where the text of the migration set them. Pure.

    That one stands further on by itself is what every application does.
    """
    if before.objects is None or now.objects is None:
        return
    sets = "\n".join(each.sql for each in statements_of(sql, "migration") if SETS_POSITION.search(each.sql))
    stands = {name: (value, called) for name, value, called in now.objects.positions}
    for name, value, called in sorted(before.objects.positions):
        fact = before.by_key.get(("sequence", name))
        if fact is None or name not in stands:
            continue
        step = int(fact.properties["increment"])
        was, here = (at if is_called else at - step for at, is_called in ((value, called), stands[name]))
        owner = owned_by(fact)
        names = (fact.identity.plain_name, *([owner.relation.plain_name] if owner else []))
        is_set = any(re.search(rf"(?<!\w){re.escape(each)}(?!\w)", sets) for each in names)
        if here != was and (is_set or (here - was) * step < 0):
            yield f"sequence {name}, which stands at {here} and stood at {was}"


def _find_rows_that_stay(
    job: Job,
    current: Attempt,
    pinned: Pinned,
    tables: Named,
    restored: AbstractSet[str],
    rows_written: RowsWritten | None,
) -> list[tuple[str, str]]:
    """Table, and a line for the log, of each statement that changed rows which the rollback does not write again. Reads only."""
    changes = [
        change
        for change in read_row_changes(pinned.sql, tables)
        if change.table not in restored and change.changed_rows(rows_written)
    ]
    if not changes:
        return []
    with job.target.session(f"rollback {current.version}") as connection:
        return [
            (
                change.table,
                f"line {change.line} changed rows of {change.table}{_key_columns(connection, change.table)}, "
                f"and they stay changed: {change.summary}",
            )
            for change in changes
            if change.table == "" or _exists(connection, change.table)
        ]


def _name_backup(job: Job, current: Attempt) -> str:
    """The backup that the attempt's deployment took, in words."""
    rows = evidence.of_deployment(job.ledger, current.deployment_id, Kind.BACKUP)
    uris = [taken.uri for row in rows if (taken := BackupKept.from_row(row)).uri]
    return f"the backup {uris[-1]}" if uris else "your own backup: that run took none"


def _exists(connection: Connection, table: str) -> bool:
    row = connection.execute("select pg_catalog.to_regclass(%s) is not null", [table]).fetchone()
    return bool(row and row[0])


def _key_columns(connection: Connection, table: str) -> str:
    row = connection.execute(
        """select string_agg(a.attname, ', ' order by array_position(i.indkey::int2[], a.attnum))
        from pg_catalog.pg_index i
        join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
        where i.indrelid = pg_catalog.to_regclass(%s) and i.indisprimary""",
        [table],
    ).fetchone()
    return f" (key: {row[0]})" if row and row[0] else ""
