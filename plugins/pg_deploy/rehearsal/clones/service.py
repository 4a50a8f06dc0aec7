"""What a service that makes clones must be able to do, and how patient we are with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pg_deploy.postgres.session import Target


@dataclass(frozen=True)
class Patience:
    """Seconds: for a clone to be ready, between two looks, for a lost request to show, and for a removal that is refused."""

    ready_s: float = 1800.0
    look_s: float = 2.0
    lost_s: float = 60.0
    remove_s: float = 120.0


class CloneService(Protocol):
    """Clones by names of ours. Each call raises CloneRefusedError, CloneBusyError, or CloneAnswerLostError."""

    @property
    def label(self) -> str:
        """What it is, for people and the ledger, without a secret; the same as long as it is the same place."""

    def find(self, name: str) -> tuple[str, ...]:
        """The ids of the clones of exactly that name."""

    def create(self, name: str) -> str:
        """Ask for a clone of that name; its id. It need not be ready."""

    def reach(self, clone_id: str) -> Target | None:
        """How to connect to it; None while it is not ready."""

    def remove(self, clone_id: str) -> None:
        """Ask to remove it; harmless if it is gone."""

    def by_hand(self, clone: str) -> str:
        """How a person removes the clone of that id, or name if no id is known, in a clause."""
