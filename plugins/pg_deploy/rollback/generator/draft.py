"""What the parts share: two readings of the catalog as mappings, and a draft that collects statements by phase."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any

from pg_deploy.catalog.kinds import RELATIONS
from pg_deploy.catalog.names import Identity, Key, parsed
from pg_deploy.catalog.reader import Fact

ByKey = Mapping[Key, Fact]

OF_IDENTITY = " (identity)"
"""A sequence's "owned by" ends with it if the column is GENERATED AS IDENTITY."""


class Phase(IntEnum):
    """The order in which statements run: what hides or depends goes first, what needs others comes last."""

    RENAME = 1
    ROWS_OFF = 2
    COMMENT_OFF = 3
    UNSCHEDULE = 4
    DEFAULT_OFF = 5
    IN_PLACE = 6
    DROP = 7
    ALTER = 8
    JOIN = 9
    CREATE = 10
    DEFAULT_ON = 11
    OWNER = 12
    RIGHTS = 13
    COMMENT_ON = 14
    CLUSTER = 15
    SCHEDULE = 16
    CONCURRENTLY = 17


@dataclass(frozen=True, order=True)
class Refusal:
    """One thing that cannot be brought back, and why."""

    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


@dataclass(frozen=True, order=True)
class Loss:
    """Data that the statements would remove: `kind` is table or column."""

    kind: str
    identity: str


@dataclass(frozen=True)
class Step:
    """One statement; `subject` is the object that it is about, `makes` whether it makes that object."""

    phase: Phase
    sql: str
    subject: Key | None = None
    makes: bool = False


class Needs:
    """Who needs whom: `of` an object, what it needs; `by`, what needs it; `clones`: parts that come with the same part of a parent."""

    def __init__(self, edges: Iterable[tuple[Key, Key, str]]) -> None:
        self.of: dict[Key, set[Key]] = {}
        self.by: dict[Key, set[Key]] = {}
        self.clones: set[Key] = set()
        for one, other, why in edges:
            self.of.setdefault(one, set()).add(other)
            self.by.setdefault(other, set()).add(one)
            if why in "PS" and one[0] == other[0] and one[0] in ("trigger", "constraint", "index"):
                self.clones.add(one)

    def dependents(self, keys: Iterable[Key]) -> set[Key]:
        """What needs one of `keys` directly."""
        return {one for key in keys for one in self.by.get(key, ())}


@dataclass
class Draft:
    """The statements so far, and what cannot be undone. `before` is the state to reach, `after` the present one."""

    before: ByKey
    after: ByKey
    server_version: int = 0
    """The version of the server that runs them: later ones can do more."""
    gone: set[Key] = field(default_factory=set)
    """Only in `after`: to be dropped."""
    missing: set[Key] = field(default_factory=set)
    """Only in `before`: to be made again."""
    changed: set[Key] = field(default_factory=set)
    """In both, and different."""
    replaced: set[Key] = field(default_factory=set)
    """In both: to be dropped and made again."""
    early_schemas: set[Key] = field(default_factory=set)
    """Schemas to be made again before anything is moved into them."""
    refusals: set[Refusal] = field(default_factory=set)
    losses: set[Loss] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    needs_before: Needs = field(default_factory=lambda: Needs(()))
    needs_after: Needs = field(default_factory=lambda: Needs(()))

    subject: Key | None = None
    """What the statements that are added now are about."""
    remade: set[Key] = field(default_factory=set)
    """In both by name, but another object: the migration dropped the one and made the other."""
    positions: Mapping[str, tuple[int, bool]] = field(default_factory=dict)
    """How far each sequence had come before."""
    retyped: set[Key] = field(default_factory=set)
    """Columns that get another type."""
    on_new_types: set[Key] = field(default_factory=set)
    """What has to be dropped and made again because it uses a type that is made again."""
    built_concurrently: set[Key] = field(default_factory=set)
    """Indexes that are built outside of the transaction."""
    compared: bool = False
    """Whether somebody compares the values before the rollback counts: then a change of type that could lose some may be tried."""
    rows_written: Mapping[str, Mapping[str, int]] | None = None
    """What the migration's transactions did to rows, as `row_changes.RowsWritten`; None: nobody counted."""

    def add(self, phase: Phase, *statements: str, makes: bool = False) -> None:
        """Append statements to a phase, each without its semicolon."""
        self.steps += [Step(phase, each.strip().rstrip(";").rstrip(), self.subject, makes) for each in statements]

    def refuse(self, key: Key, reason: str) -> None:
        """Note that this object cannot be brought back."""
        self.refusals.add(Refusal(f"{key[0]} {key[1]}", reason))

    @property
    def dropped(self) -> set[Key]:
        """Everything that a drop statement removes."""
        return self.gone | self.replaced

    @property
    def made(self) -> set[Key]:
        """Everything that is made again."""
        return self.missing | self.replaced

    @cached_property
    def columns_before(self) -> Mapping[str, list[Fact]]:
        """The columns that each relation had, in their order."""
        return _columns(self.before)

    @cached_property
    def columns_after(self) -> Mapping[str, list[Fact]]:
        """The columns that each relation has, in their order."""
        return _columns(self.after)

    @cached_property
    def referred_again(self) -> frozenset[str]:
        """The tables to which foreign keys refer that are made again; asked once all that is made again is known."""
        definitions = (str(self.before[key].properties["definition"]) for key in self.made if key[0] == "constraint")
        found = (re.search(r" REFERENCES (.+?)\(", each) for each in definitions)
        return frozenset(each[1] for each in found if each)

    @cached_property
    def heirs(self) -> Mapping[str, list[str]]:
        """By table, those that inherit from it or are its partitions, now."""
        return heirs_of(self.after.values())

    @cached_property
    def heirs_before(self) -> Mapping[str, list[str]]:
        """The same, before."""
        return heirs_of(self.before.values())

    def is_made_relation(self, identity: str) -> bool:
        """Whether that relation is made again."""
        return any((kind, identity) in self.missing or (kind, identity) in self.replaced for kind in RELATIONS)

    def is_dropped_relation(self, identity: str) -> bool:
        """Whether that relation is dropped, for good or to be made again."""
        return any((kind, identity) in self.gone or (kind, identity) in self.replaced for kind in RELATIONS)

    def relation_kind(self, identity: str, facts: ByKey) -> str | None:
        """What kind of relation that name is in `facts`, if any."""
        return next((kind for kind in RELATIONS if (kind, identity) in facts), None)


def heirs_of(facts: Iterable[Fact]) -> dict[str, list[str]]:
    """By table, in their order, those that inherit from it or are its partitions."""
    found: dict[str, list[str]] = {}
    for fact in sorted(fact for fact in facts if fact.kind in ("table", "foreign table")):
        for parent in fact.properties.get("inherits", ()):
            found.setdefault(str(parent), []).append(fact.identity)
    return found


def _columns(facts: ByKey) -> dict[str, list[Fact]]:
    found: dict[str, list[Fact]] = {}
    for key, fact in facts.items():
        if key[0] == "column":
            found.setdefault(fact.identity.relation, []).append(fact)
    return {name: sorted(columns, key=lambda fact: int(fact.properties["position"])) for name, columns in found.items()}


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """The names of the properties that differ."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def owned_by(sequence: Fact | None) -> Identity | None:
    """The column that a sequence belongs to, by OWNED BY or as its identity; None of any other fact."""
    owner = str(sequence.properties.get("owned by", "")) if sequence is not None and sequence.kind == "sequence" else ""
    return parsed("column", owner.removesuffix(OF_IDENTITY)) if owner else None


def is_of_identity(sequence: Fact) -> bool:
    """Whether a sequence is what GENERATED AS IDENTITY draws from."""
    return str(sequence.properties.get("owned by", "")).endswith(OF_IDENTITY)


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
