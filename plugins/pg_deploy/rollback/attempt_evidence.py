"""What an attempt did, from the ledger and the catalog: its rehearsal, its transactions, its statements."""

from __future__ import annotations

from pg_deploy.catalog.diff import compare
from pg_deploy.catalog.kinds import ON_RELATION
from pg_deploy.catalog.names import Key
from pg_deploy.catalog.objects import read_place
from pg_deploy.catalog.reader import Facts
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import evidence
from pg_deploy.ledger.attempt import Attempt
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.rehearsal import Rehearsal
from pg_deploy.ledger.pins import Pinned
from pg_deploy.parsing.statements import Statement, segments, split
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql
from pg_deploy.rollback.own_changes import Doing

_WRITTEN = engine_sql("rollback/written_by_attempt")


def read_doing(connection: Connection, current: Attempt, pinned: Pinned, before: Facts, after: Facts) -> Doing:
    """What the ledger and the catalog know of the attempt's own effects between two readings. Reads only."""
    statements = _took_effect(connection, current, pinned)
    row = evidence.latest_of_copy(connection, current.deployment_id, Kind.REHEARSAL, current.version)
    changes = Rehearsal.from_row(row).changes if row is not None else None
    written, others, later = _written(connection, current, before, after)
    return Doing(statements, frozenset(changes.all if changes else ()), written, others, later)


def _took_effect(connection: Connection, current: Attempt, pinned: Pinned) -> tuple[Statement, ...]:
    """The statements of segments that committed, and of those that no transaction protects and that were begun."""
    done = attempts.committed_segments(connection, current.id, "apply")
    begun = attempts.begun_outside_transaction(connection, current.id, "apply")
    return tuple(
        statement
        for segment in segments(split(pinned.sql, file=pinned.stem))
        if segment.ordinal in done | begun
        for statement in segment.statements
    )


def _written(
    connection: Connection, current: Attempt, before: Facts, after: Facts
) -> tuple[frozenset[Key], frozenset[Key], frozenset[Key]]:
    """What the attempt's transactions wrote last, what others wrote before it began, and after.

    If this may be another database by now, nothing counts as written by others: whoever restored it wrote all of it.
    """
    identities = [fact.identity for fact in compare(before, after).new_facts]
    rows = connection.execute(
        _WRITTEN,
        {
            "attempt": current.id,
            "kinds": [each.kind for each in identities],
            "identities": [str(each) for each in identities],
            "relations": [str(each.relation) if each.kind in ON_RELATION else None for each in identities],
            "names": [each.plain_name if each.kind in ON_RELATION else None for each in identities],
        },
    ).fetchall()
    by_whom: dict[Key, set[str]] = {}
    for kind, identity, whom in rows:
        by_whom.setdefault((kind, identity), set()).add(whom)
    written, later = (frozenset(key for key, found in by_whom.items() if whom in found) for whom in ("own", "later"))
    with connection.cursor() as cursor:
        here = read_place(cursor)
    if before.objects is None or (before.objects.system, before.objects.database) != here:
        return written, frozenset(), frozenset()
    return written, frozenset(by_whom) - written - later, later - written
