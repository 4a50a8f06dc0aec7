"""PostgreSQL's table lock modes, and a statement's claim to one."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass


class Lock(enum.IntEnum):
    """PostgreSQL's table lock modes, in its own order, from the weakest to the strongest."""

    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @property
    def sql(self) -> str:
        """The mode as PostgreSQL writes it."""
        return self.name.replace("_", " ")

    @property
    def strong(self) -> bool:
        """Whether the lock makes writers wait."""
        return self >= Lock.SHARE


def lock_of(mode: str) -> Lock:
    """The lock that `pg_catalog.pg_locks` calls `mode`, such as AccessExclusiveLock."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", mode.removesuffix("Lock"))
    return Lock[name.upper()]


@dataclass(frozen=True)
class LockClaim:
    """A lock on a relation, named as in the text. None stands for relations that the text does not name."""

    mode: Lock
    relation: str | None


Claims = Iterator[tuple[Lock, "str | None"]]  # what the readers yield: mode and relation, as in LockClaim
