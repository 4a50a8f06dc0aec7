"""Several migrations are undone in one go: the undoing of an older one removes what it made, so a newer one leaves that alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from pg_deploy.catalog.diff import compare
from pg_deploy.catalog.names import Key
from pg_deploy.catalog.reader import Facts
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import pins, snapshot
from pg_deploy.ledger.attempt import UNDOABLE, Attempt, State
from pg_deploy.postgres.session import Connection
from pg_deploy.rollback.generator.renames import take_back_names


def read_made(connection: Connection, older: Sequence[Attempt]) -> frozenset[Key]:
    """The keys of all that these attempts made, and not merely renamed or moved. Reads only."""
    return frozenset(key for did in _done(connection, older) for key in did.made)


def read_changed(connection: Connection, newer: Sequence[Attempt]) -> frozenset[Key]:
    """The keys of all that these attempts made, changed or dropped. Reads only."""
    return frozenset(key for did in _done(connection, newer) for key in did.touched)


@dataclass(frozen=True)
class _Done:
    made: frozenset[Key]
    touched: frozenset[Key]


_known: WeakKeyDictionary[Connection, dict[int, _Done | None]] = WeakKeyDictionary()
"""What attempts did, as long as one session to the ledger lasts: each is asked for with every other of its set."""


def _done(connection: Connection, these: Sequence[Attempt]) -> Iterator[_Done]:
    known = _known.setdefault(connection, {})
    for each in these:
        if each.id not in known:
            before = snapshot.load(connection, each.id, "before")
            after = snapshot.load(connection, each.id, "after")
            known[each.id] = _what_was_done(before, after) if before is not None and after is not None else None
        did = known[each.id]
        if did is not None:
            yield did


def _what_was_done(before: Facts, after: Facts) -> _Done:
    did, renaming = compare(before, after), take_back_names(before, after)
    made = frozenset(fact.key for fact in did.added if renaming.key(fact.key) not in before.by_key)
    return _Done(made, did.keys)


def read_older_of_run(connection: Connection, deployment_id: int, current: Attempt) -> tuple[Attempt, ...]:
    """What a run that only undoes will undo after `current`; nothing in a deployment, which keeps what was verified. Reads only."""
    return tuple(each for each in _of_run(connection, deployment_id, current) if each.id < current.id)


def read_newer_of_run(connection: Connection, deployment_id: int, current: Attempt) -> tuple[Attempt, ...]:
    """What a run that only undoes has undone before `current`. Reads only."""
    found = _of_run(connection, deployment_id, current, (State.ROLLED_BACK,))
    return tuple(each for each in found if each.id > current.id)


def _of_run(
    connection: Connection, deployment_id: int, current: Attempt, states: Sequence[str] = UNDOABLE
) -> tuple[Attempt, ...]:
    if current.deployment_id == deployment_id:
        return ()
    pinned = sorted(pins.pinned_versions(connection, deployment_id))
    newest = attempts.latest_by_version(connection, pinned).values()
    return tuple(each for each in newest if each.state in states)
