"""The workload: the statements that the application sends, as the server recorded them, and what a migration does to them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pg_deploy.ledger.kept_values import Kept
from pg_deploy.ledger.word_enum import Word


@dataclass(frozen=True)
class RecordedStatement:
    """One statement of one role. `text` is the server's, with its constants as $1, $2, …, and without what looks like a secret.

    `id` names it in migration.yaml and on pages: eight hexadecimal digits of role and text. `key` is `queryid/role's oid`, as the
    monitor keeps it. Times are in ms. `last_seen` is when the monitor last saw a call (ISO 8601), None where it has no samples.
    """

    id: str
    text: str
    role: str
    calls: float = 1.0
    calls_a_day: float | None = None
    mean_ms: float = 0.0
    total_ms: float = 0.0
    key: str = ""
    last_seen: str | None = None
    more_keys: tuple[str, ...] = ()
    """Further keys under which the server counts the same text of the same role, as after an object was made anew."""

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys under which it is counted."""
        return (self.key, *self.more_keys)


class Recording(Word):
    """Whether there is a workload to ask."""

    RECORDED = "recorded"
    NOT_VISIBLE = "not visible"
    MISSING = "missing"


@dataclass(frozen=True)
class Workload(Kept):
    """The statements of one database in the moment of the backup, those with the most calls first.

    `notes` say, in sentences, what is missing in it and why. `since` is when the server began to count (ISO 8601).
    """

    name: str = "workload"
    outcome: Recording = Recording.RECORDED
    statements: tuple[RecordedStatement, ...] = ()
    notes: tuple[str, ...] = ()
    taken_at: str = ""
    since: str | None = None

    def to_detail(self) -> dict[str, Any]:
        """For the ledger. The statements are packed: thousands of texts are read by who asks for them alone."""
        return {
            "packed": packed([asdict(each) for each in self.statements]),
            "count": len(self.statements),
            "notes": list(self.notes),
            "taken_at": self.taken_at,
            "since": self.since,
        }

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> Workload:
        """Back from the ledger."""
        return cls(
            detail["name"],
            Recording(detail["outcome"]),
            tuple(
                RecordedStatement(**{**each, "more_keys": tuple(each.get("more_keys", ()))})
                for each in unpacked(detail["packed"])
            ),
            tuple(detail["notes"]),
            detail["taken_at"],
            detail["since"],
        )


class Effect(Word):
    """What a migration does to a statement, a body or a job; the worst first."""

    BROKEN = "broken"
    FORBIDDEN = "forbidden"
    INSERT_REFUSED = "insert refused"
    BODY_BROKEN = "body broken"
    JOB_BROKEN = "job broken"
    SLOWER = "slower"
    SHAPE_CHANGED = "shape changed"
    NO_STATISTICS = "no statistics"
    MAY_BE_REFUSED = "may be refused"
    COSTLIER = "costlier"
    NOT_ASKABLE = "not askable"
    CHEAPER = "cheaper"
    AS_BEFORE = "as before"


GATING = (
    Effect.BROKEN,
    Effect.FORBIDDEN,
    Effect.INSERT_REFUSED,
    Effect.BODY_BROKEN,
    Effect.JOB_BROKEN,
    Effect.SLOWER,
)
"""What fails the rehearsal of a migration with a companion, unless it is declared."""


@dataclass(frozen=True)
class WorkloadFinding(Kept):
    """One statement, body or job that a migration changes something for.

    `subject` is the recorded statement's text, or what the body belongs to (`function public.f(integer)`, `cron job nightly`).
    `sentence` says what is wrong, in one sentence. `token` is the word of the text that the server points at, and `line` and `caret`
    the line of the text with it and how far it is indented. `objects` are what the migration changed and the statement names, as
    `public.orders` or `public.orders.note`. Plans are EXPLAIN's JSON as text. `declared` is the author's reason.
    """

    row_columns = ()
    effect: Effect
    subject: str
    sentence: str
    id: str = ""
    roles: tuple[str, ...] = ()
    calls_a_day: float | None = None
    sqlstate: str | None = None
    token: str = ""
    line: str = ""
    caret: int | None = None
    objects: tuple[str, ...] = ()
    is_drop: bool = False
    """Whether it broke because something is gone: then it must have been quiet to be declared."""
    before_ms: float | None = None
    after_ms: float | None = None
    before_plan: str | None = None
    after_plan: str | None = None
    remedy: str = ""
    declared: str | None = None

    @classmethod
    def about(cls, statement: RecordedStatement, effect: Effect, sentence: str, **more: Any) -> WorkloadFinding:
        """A finding about a recorded statement; `more` are the other fields."""
        return cls(
            effect,
            statement.text,
            sentence,
            id=statement.id,
            roles=(statement.role,),
            calls_a_day=statement.calls_a_day,
            **more,
        )

    @property
    def counts(self) -> bool:
        """Whether it fails the rehearsal of a migration with a companion."""
        return self.effect in GATING and self.declared is None


class WorkloadOutcome(Word):
    """How the proof of one migration ended."""

    AS_BEFORE = "as before"
    DECLARED = "breaks as declared"
    BREAKS = "breaks"
    NOT_ASKED = "not asked"


@dataclass(frozen=True)
class Tally(Kept):
    """How many statements had an effect, and how many calls a day these are."""

    row_columns = ()
    effect: Effect
    statements: int
    calls_a_day: float


@dataclass(frozen=True)
class WorkloadProof(Kept):
    """What one migration does to the workload, seen on the copy or on the target. Findings are the worst first."""

    row_columns = ("name",)
    name: str
    outcome: WorkloadOutcome
    headline: str = ""
    tallies: tuple[Tally, ...] = ()
    findings: tuple[WorkloadFinding, ...] = ()
    notes: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    """What fails the migration, in sentences."""
    asked: int = 0
    recorded: int = 0
    calls_askable: float = 0.0
    """The share of all recorded calls that could be asked, from 0 to 1."""
    seconds: float = 0.0
    answers: str = ""
    """What the server answered afterwards, packed by `packed`: the target must answer the same."""

    @property
    def answered(self) -> frozenset[str]:
        """The ids of the statements whose answers are kept."""
        return frozenset(each[0] for each in unpacked(self.answers)) if self.answers else frozenset()


def packed(value: object) -> str:
    """A JSON value as a short text, for what is kept and seldom read."""
    return base64.b64encode(zlib.compress(json.dumps(value).encode())).decode()


def unpacked(text: str) -> Any:
    """Back from `packed`."""
    return json.loads(zlib.decompress(base64.b64decode(text)))
