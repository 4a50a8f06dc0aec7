"""What a statement allows that ends in an error: one row that raises hides the answers of all others, which are asked without it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from pg_deploy.access.facts.api import Api
from pg_deploy.postgres.session import Connection

MOST_PARTS = 4_000
"""Parts in which the tuples of one alternative are asked for one subject, at most."""
SAMPLED = 100
"""Tuples that raise one by one, spread over all, after which every tuple is taken to raise: the subject is the reason."""


@dataclass(frozen=True)
class AllowedByRows:
    """The numbers of the tuples that are allowed without those that raise.

    `raises` says whether a tuple raises that a row has, or every tuple. Unless `finished`, not every tuple was asked.
    """

    tids: tuple[int, ...]
    raises: bool
    finished: bool


@dataclass
class RaisingRows:
    """Asks one question by parts, of a session that is the role already.

    `statements` are the prepared statements of its alternatives, which take tuples' numbers; `tids` are all numbers, and
    `stored` those that a row has. What raised for one subject is asked alone of the next ones.
    """

    connection: Connection
    api: Api
    statements: Sequence[str]
    tids: Sequence[int]
    stored: frozenset[int]
    deadline: float
    _known: dict[str, list[int]] = field(default_factory=dict)

    def ask(self, sid: int) -> AllowedByRows:
        """What a subject is allowed. Raises psycopg.Error if the server ends the session's statement."""
        allowed: set[int] = set()
        raising: set[int] = set()
        for statement in self.statements:
            hits, raised, finished = self._of_alternative(sid, statement)
            allowed |= hits
            raising |= raised
            if not finished:
                return AllowedByRows((), raises=True, finished=False)
        raises = not self.stored.isdisjoint(raising - allowed) or raising >= set(self.tids)
        return AllowedByRows(tuple(sorted(allowed)), raises, finished=True)

    def _of_alternative(self, sid: int, statement: str) -> tuple[set[int], set[int], bool]:
        """The tuples that it allows, those that raise, and whether all were asked."""
        known = self._known.setdefault(statement, [])
        listed = set(known)
        rest = [tid for tid in self.tids if tid not in listed]
        hits, raised, finished = self._split(sid, statement, rest, most_parts=1)
        if not finished:
            if self._all_raise(sid, statement, self.tids):
                return set(), set(self.tids), True
            hits, raised, finished = self._split(sid, statement, rest, most_parts=MOST_PARTS)
        known.extend(raised)
        if self._all_raise(sid, statement, known):
            return set(hits), set(known), finished
        more, still, asked = self._split(sid, statement, known, most_parts=MOST_PARTS)
        return {*hits, *more}, set(still), finished and asked

    def _all_raise(self, sid: int, statement: str, tids: Sequence[int]) -> bool:
        """Whether each of a sample raises."""
        spread = tids[:: len(tids) // SAMPLED + 1]
        for sample in (spread[:2], spread[2:]):
            _, raising, _ = self._split(sid, statement, sample, one_by_one=True)
            if len(raising) < len(sample):
                return False
        return True

    def _split(
        self, sid: int, statement: str, tids: Sequence[int], *, one_by_one: bool = False, most_parts: int = MOST_PARTS
    ) -> tuple[list[int], list[int], bool]:
        if time.monotonic() > self.deadline:
            return [], [], False
        row = self.connection.execute(
            "select * from access_proof.allowed_by_rows(%s, %s, %s::integer[], %s, %s, %s, %s)",
            [sid, statement, list(tids), one_by_one, most_parts, self.api.claims_setting, self.api.sub_setting],
        ).fetchone()
        return (row[0], row[1], row[2]) if row else ([], [], False)
