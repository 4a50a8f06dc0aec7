"""What is known about access after a migration, on a copy or on the target, and what its declaration makes of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pg_deploy.ledger.kept_values import Kept
from pg_deploy.ledger.word_enum import Word

_AS_ON_COPY = "on the copy, and the target's access facts changed in the same way"


class Verdict(Word):
    """What a proof, or a look at the target, says of access as a whole."""

    EQUAL = "equal"
    SAME = "the same"
    DIFFERENT = "different"
    NOT_PROVED = "not proved"
    EQUAL_AS_ON_COPY = f"equal {_AS_ON_COPY}"
    SAME_AS_ON_COPY = f"the same {_AS_ON_COPY}"
    DIFFERENT_AS_ON_COPY = f"different {_AS_ON_COPY}"
    NOT_PROVED_AS_ON_COPY = f"not proved {_AS_ON_COPY}"
    OTHER_THAN_ON_COPY = "the target's access facts did not change as in the rehearsal"
    SAMPLED = "sampled, not proven: there was no rehearsal on a copy"
    BY_CATALOG = "not proven: catalog facts only, rows were neither compared nor sampled"

    @property
    def is_settled(self) -> bool:
        """Whether it leaves nothing open."""
        return self.on_copy in (Verdict.EQUAL, Verdict.SAME)

    @property
    def on_copy(self) -> Verdict:
        """Of what was proved on the copy and held on the target, what was proved there; of all others themselves."""
        return _ON_COPY.get(self, self)

    @property
    def as_on_copy(self) -> Verdict:
        """What a proof on a copy is on a target whose access facts changed in the same way."""
        return next((target for target, copy in _ON_COPY.items() if copy == self), self)


_ON_COPY: Mapping[Verdict, Verdict] = {
    Verdict.EQUAL_AS_ON_COPY: Verdict.EQUAL,
    Verdict.SAME_AS_ON_COPY: Verdict.SAME,
    Verdict.DIFFERENT_AS_ON_COPY: Verdict.DIFFERENT,
    Verdict.NOT_PROVED_AS_ON_COPY: Verdict.NOT_PROVED,
}
_SETTLED_BEFORE = ("equal by catalog",)
"""Words of versions before, which had no others that left nothing open."""


class Outcome(Word):
    """What the declaration makes of it: `undeclared` is shown and protects nobody, `different` fails."""

    UNCHANGED = "unchanged"
    AS_DECLARED = "as declared"
    UNDECLARED = "undeclared"
    DIFFERENT = "different"


class CellOutcome(Word):
    """What is known of one command of one role on one table: `equal` is no difference found, and not proved."""

    PROVED = "proved"
    EQUAL = "equal"
    DIFFERENT = "different"


@dataclass(frozen=True)
class KeptCell(Kept):
    """One cell of a proof; `kinds` are the kinds of subjects that differ, empty in rows of before that did not tell them."""

    role: str
    table: str
    phase: str
    verdict: CellOutcome
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeptDifference(Kept):
    """One difference of a proof; `role` may name several, with commas."""

    role: str
    object: str
    commands: tuple[str, ...]
    direction: str
    sentence: str

    @property
    def roles(self) -> tuple[str, ...]:
        """Whom it names."""
        return tuple(self.role.split(", "))


@dataclass(frozen=True)
class AccessFound(Kept):
    """The access evidence of one migration at one place; `verdict` is what `words` say, None for words of another version."""

    row_columns = ("name",)
    name: str
    outcome: str
    words: str
    against: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    unproven: tuple[tuple[str, str], ...] = ()
    subjects: int = 0
    asked: int = 0
    seconds: float = 0.0
    cells: tuple[KeptCell, ...] = ()
    kinds: tuple[tuple[str, str], ...] = ()
    differences: tuple[KeptDifference, ...] = ()

    @property
    def verdict(self) -> Verdict | None:
        """The words as a member."""
        return next((each for each in Verdict if each == self.words), None)

    @property
    def short(self) -> str:
        """The verdict in few words."""
        return self.verdict.on_copy if self.verdict else self.words

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left open."""
        return self.verdict.is_settled if self.verdict else self.words in _SETTLED_BEFORE

    @property
    def undeclared(self) -> tuple[str, ...]:
        """What differs and no declaration covers: shown, and nobody said that it is meant."""
        return self.shown if self.outcome == Outcome.UNDECLARED else ()

    @property
    def errors(self) -> tuple[str, ...]:
        """Of those, what somebody gets an error for now. On the target the ledger has nothing but the sentences to tell it by."""
        return tuple(each for each in self.undeclared if " get an error " in f" {each} ")

    def to_detail(self) -> dict[str, Any]:
        """For the ledger: sentences, figures, and the verdict of each role, table and phase with the kinds of subjects that differ."""
        detail = super().to_detail()
        words, cells = detail.pop("words"), detail.pop("cells")
        return {**detail, "verdict": words, "cells": [[*cell.values()] for cell in cells]}

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> AccessFound:
        """Back from the ledger, also out of the evidence of a rehearsal."""
        cells = [dict(zip(_CELL, each, strict=False)) for each in detail.get("cells") or ()]
        return super().from_detail({**detail, "words": detail.get("verdict") or detail.get("outcome"), "cells": cells})


_CELL = tuple(each.name for each in fields(KeptCell))


@dataclass(frozen=True)
class AskedAgain(Kept):
    """What the sample said when it was asked again after the migration."""

    pairs: int
    subjects: int
    moved: int
    unanswered: int
    seconds: float
    differences: tuple[str, ...]
    name: str = "pairs of subject and row"

    @property
    def outcome(self) -> str:
        """Whether anything differs."""
        return "different" if self.differences else "as before"

    def to_detail(self) -> dict[str, Any]:
        """For the ledger."""
        return {**super().to_detail(), "seconds": round(self.seconds, 2)}
