"""A clone that was made for one rehearsal: asked for under a name, made, removed, or left over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Evidence, Kind, Location
from pg_deploy.ledger.kept_values import Kept
from pg_deploy.ledger.word_enum import Word
from pg_deploy.postgres.session import Connection


class CloneState(Word):
    """What is known of it."""

    ASKED = "asked for"
    MADE = "made"
    REMOVED = "removed"
    LEFT = "left over"


@dataclass(frozen=True)
class CloneKept(Kept):
    """A clone by its name. `service` has it, under `id` once that is known; how to reach it is never kept."""

    name: str
    outcome: CloneState
    service: str
    id: str = ""
    said: str = ""
    """Why it is left over, and how to remove it."""
    seconds: float | None = None

    @property
    def is_there(self) -> bool:
        """Whether it exists, or may: only what was seen to be gone counts as removed."""
        return self.outcome != CloneState.REMOVED


def record_clone(connection: Connection, deployment_id: int, clone: CloneKept) -> None:
    """Write what is known of a clone now. Commits once."""
    evidence.record(connection, deployment_id, Kind.CLONE, clone, location=Location.COPY)


def clones_of(connection: Connection, deployment_id: int) -> tuple[CloneKept, ...]:
    """The clones of a deployment, each as it was seen last. Reads only."""
    return clones_in(evidence.of_deployment(connection, deployment_id, Kind.CLONE))


def clones_in(rows: Iterable[Evidence]) -> tuple[CloneKept, ...]:
    """The clones that evidence, oldest first, is about, each as it was seen last."""
    return tuple({row.name: CloneKept.from_row(row) for row in rows if row.kind == Kind.CLONE}.values())


def clones_left(connection: Connection) -> tuple[tuple[int, CloneKept], ...]:
    """Every clone that may still exist, with its deployment, oldest first. Reads only."""
    last = {row.name: row for row in evidence.of_kind(connection, Kind.CLONE)}
    kept = [(row.deployment_id, CloneKept.from_row(row)) for row in last.values()]
    return tuple((deployment_id, clone) for deployment_id, clone in kept if clone.is_there)
