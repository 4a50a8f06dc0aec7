"""What a person was asked and answered, and what was lent meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.ledger.kept_values import Kept
from pg_deploy.ledger.word_enum import Word


class Answer(Word):
    """What an answer counts as."""

    APPROVED = "approved"
    REJECTED = "rejected"
    NOBODY = "nobody answered"
    SAME_PERSON = "refused: approved by who triggered"
    NOT_AN_APPROVER = "refused: not by one of the approvers"
    DATABASE_CHANGED = "not counted: the database has changed since"
    TEXT_CHANGED = "not counted: what was shown has changed since"
    FIRST_TEXT = "not counted: it is to the text that was shown first"


@dataclass(frozen=True)
class Answered(Kept):
    """Who answered what about which bundle; `by` is a name, `by_id` the same person as the sign-in knows them."""

    name: str
    outcome: str
    by: str | None
    by_id: str | None
    bundle_hash: str

    @property
    def is_given(self) -> bool:
        """Whether it is a yes."""
        return self.outcome == Answer.APPROVED


@dataclass(frozen=True)
class Asked(Kept):
    """What was shown to a person, by its hash: an answer counts for this and nothing else."""

    name: str
    bundle_hash: str
    shown: str
    outcome: str = "waits"


class Lending(Word):
    """What became of the target around a question."""

    LENT = "lent"
    CHANGED = "changed meanwhile"
    PREPARED = "prepared again"


@dataclass(frozen=True)
class Lent(Kept):
    """Which versions the history held when the target was lent, or was taken again and had changed; `name` is the phase."""

    name: str
    history: tuple[str, ...]
    outcome: str = Lending.LENT
