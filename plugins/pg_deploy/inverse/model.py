"""What the parts share: two readings of the catalog as mappings, and a draft that collects statements by phase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from pg_deploy.catalog.reader import Fact

Key = tuple[str, str]
ByKey = Mapping[Key, Fact]

RELATIONS = ("table", "foreign table", "view", "materialized view")
ON_RELATION = ("column", "constraint", "policy", "trigger", "rule")


class Phase(IntEnum):
    """The order in which statements run: what hides or depends goes first, what needs others comes last."""

    RENAME = 1
    COMMENT_OFF = 2
    UNSCHEDULE = 3
    DEFAULT_OFF = 4
    IN_PLACE = 5
    DROP = 6
    ALTER = 7
    CREATE = 8
    DEFAULT_ON = 9
    OWNER = 10
    RIGHTS = 11
    COMMENT_ON = 12
    CLUSTER = 13
    SCHEDULE = 14
    CONCURRENTLY = 15


@dataclass(frozen=True, order=True)
class Refusal:
    """One thing that cannot be brought back, and why."""

    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


@dataclass(frozen=True, order=True)
class Loss:
    """Data that the statements would remove: `kind` table, column, or attribute; countable are the first two."""

    kind: str
    identity: str


@dataclass
class Draft:
    """The statements so far, and what stands against them. `before` is the state to reach, `after` the state that is."""

    before: ByKey
    after: ByKey
    server_version: int = 0
    """Of the server that they run on: later ones can do more."""
    gone: set[Key] = field(default_factory=set)
    """Only in `after`: to be dropped."""
    missing: set[Key] = field(default_factory=set)
    """Only in `before`: to be made again."""
    changed: set[Key] = field(default_factory=set)
    replaced: set[Key] = field(default_factory=set)
    """In both: to be dropped and made again."""
    refusals: set[Refusal] = field(default_factory=set)
    losses: set[Loss] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)
    steps: list[tuple[Phase, str]] = field(default_factory=list)

    def add(self, phase: Phase, *statements: str) -> None:
        """Append statements to a phase, each without its semicolon."""
        self.steps += [(phase, statement.strip().rstrip(";").rstrip()) for statement in statements]

    def refuse(self, key: Key, reason: str) -> None:
        """Say that this object cannot be brought back."""
        self.refusals.add(Refusal(f"{key[0]} {key[1]}", reason))

    @property
    def dropped(self) -> set[Key]:
        """Everything that a drop statement removes."""
        return self.gone | self.replaced

    @property
    def made(self) -> set[Key]:
        """Everything that is made again."""
        return self.missing | self.replaced

    def is_made_relation(self, identity: str) -> bool:
        """Whether that relation is made again."""
        return any((kind, identity) in self.made for kind in RELATIONS)

    def is_dropped_relation(self, identity: str) -> bool:
        """Whether that relation is dropped, for good or to be made again."""
        return any((kind, identity) in self.dropped for kind in RELATIONS)

    def relation_kind(self, identity: str, facts: ByKey) -> str | None:
        """What kind of relation that name is in `facts`, if any."""
        return next((kind for kind in RELATIONS if (kind, identity) in facts), None)


def strings_of(value: object) -> Iterable[str]:
    """Every text in a definition, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings_of(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield str(name)
            yield from strings_of(item)
