"""Several migrations undone in one go: what the older ones made goes with them, so nothing is done for it before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pg_deploy.catalog.diff import Difference, compare
from pg_deploy.catalog.reader import Fact
from pg_deploy.inverse.model import Key
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import plan, snapshot
from pg_deploy.ledger.attempt import UNFINISHED, Attempt
from pg_deploy.session import Connection
from pg_deploy.undo.proof import parts_of

_UNDOABLE = ("verified", *UNFINISHED)


def made_by(connection: Connection, older: Sequence[Attempt]) -> frozenset[Key]:
    """The keys of all that these attempts made. Reads only."""
    return frozenset((fact.kind, fact.identity) for did in _done(connection, older) for fact in did.added)


def changed_by(connection: Connection, newer: Sequence[Attempt]) -> frozenset[Key]:
    """The keys of all that these attempts made, changed or dropped. Reads only."""
    return frozenset(
        (fact.kind, fact.identity)
        for did in _done(connection, newer)
        for fact in (*did.added, *did.removed, *(old for old, _ in did.changed))
    )


def _done(connection: Connection, these: Sequence[Attempt]) -> Iterator[Difference]:
    for each in these:
        before = snapshot.load(connection, each.id, "before")
        after = snapshot.load(connection, each.id, "after")
        if before is not None and after is not None:
            yield compare(before, after)


def going(made: frozenset[Key], facts: Iterable[Fact]) -> frozenset[Key]:
    """Those of `facts` that go with what was `made`: its own, and its parts, whoever added them. Pure."""
    every = list(facts)
    return parts_of(every, made) | {(fact.kind, fact.identity) for fact in every if (fact.kind, fact.identity) in made}


def older_of_run(connection: Connection, deployment_id: int, current: Attempt) -> tuple[Attempt, ...]:
    """What a run that only undoes will undo after `current`; nothing in a deployment, where what was verified stays. Reads only."""
    return tuple(each for each in _of_run(connection, deployment_id, current) if each.id < current.id)


def newer_of_run(connection: Connection, deployment_id: int, current: Attempt) -> tuple[Attempt, ...]:
    """What a run that only undoes has undone before `current`. Reads only."""
    found = _of_run(connection, deployment_id, current, ("rolled_back",))
    return tuple(each for each in found if each.id > current.id)


def _of_run(
    connection: Connection, deployment_id: int, current: Attempt, states: Sequence[str] = _UNDOABLE
) -> tuple[Attempt, ...]:
    if current.deployment_id == deployment_id:
        return ()
    pinned = sorted(plan.pinned_versions(connection, deployment_id))
    newest = attempts.latest_of(connection, pinned).values()
    return tuple(each for each in newest if each.state in states)
