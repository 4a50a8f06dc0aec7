"""The order of the statements: by phase, except where one of them needs another one to run first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from pg_deploy.catalog.kinds import RELATIONS
from pg_deploy.catalog.names import Key, identity_of
from pg_deploy.catalog.reach import reached
from pg_deploy.rollback.generator.draft import Draft, Phase, Step, owned_by
from pg_deploy.rollback.generator.drops import comes_before_joining
from pg_deploy.rollback.generator.order import order_numbers, relation_of

_MOVABLE = range(Phase.DEFAULT_OFF, Phase.DEFAULT_ON + 1)


@dataclass
class _Places:
    drops: dict[Key, list[int]]
    makes: dict[Key, list[int]]
    alters: dict[Key, list[int]]
    joins: dict[Key, list[int]]
    """Those of `alters` that give a partition, or an heir, back to its parent."""


def order_steps(draft: Draft) -> list[Step]:
    """All steps in order: dependents are dropped first, what is needed is made first, and nothing is dropped while it is in use."""
    steps = sorted(draft.steps, key=lambda step: step.phase)
    fixed_before = [step for step in steps if step.phase < _MOVABLE.start]
    movable = [step for step in steps if step.phase in _MOVABLE]
    after = [step for step in steps if step.phase >= _MOVABLE.stop]
    return [*fixed_before, *_sorted(movable, draft), *after]


def _sorted(steps: list[Step], draft: Draft) -> list[Step]:
    places = _places(steps)
    waits_for: list[set[int]] = [set() for _ in steps]
    for first, second in _pairs_in_order(places, draft):
        if first != second:
            waits_for[second].add(first)
    # In a circle the phases decide.
    return [steps[number] for number in order_numbers(waits_for)[0]]


def _places(steps: list[Step]) -> _Places:
    places = _Places({}, {}, {}, {})
    for number, step in enumerate(steps):
        # A default that is dropped waits for nothing: its phase puts it first.
        if step.subject is None or step.phase is Phase.DEFAULT_OFF:
            continue
        where = places.alters
        if step.phase is Phase.DROP:
            where = places.drops
        elif step.makes:
            where = places.makes
        where.setdefault(step.subject, []).append(number)
        if step.phase is Phase.JOIN:
            places.joins.setdefault(step.subject, []).append(number)
    return places


def _pairs_in_order(places: _Places, draft: Draft) -> Iterable[tuple[int, int]]:
    """Pairs of steps of which the first must run before the second."""
    for key, numbers in places.drops.items():
        for one in draft.needs_after.by.get(key, ()):
            whole = _dropped_with(one, draft)
            firsts = [
                *places.drops.get(whole, ()),
                *(places.alters.get(one, ()) if one not in draft.dropped else ()),
            ]
            yield from ((first, number) for first in firsts for number in numbers if whole != key)
    freed: dict[str, list[int]] = {}
    for (_, identity), numbers in places.drops.items():
        freed.setdefault(identity, []).extend(numbers)
    for key, numbers in places.makes.items():
        yield from ((first, number) for first in freed.get(key[1], ()) for number in numbers)
        yield from ((number, second) for second in places.alters.get(key, ()) for number in numbers)
        comes_before = comes_before_joining(key, draft)
        for other in draft.needs_before.of.get(key, ()):
            joins = places.joins.get(other, ()) if comes_before else ()
            yield from ((number, second) for second in joins for number in numbers)
            firsts = [*places.makes.get(other, ()), *places.alters.get(other, ())]
            firsts = [first for first in firsts if first not in joins]
            yield from ((first, number) for first in firsts for number in numbers)
    positions: dict[str, list[tuple[int, list[int]]]] = {}
    for key, numbers in places.makes.items():
        if key[0] == "column":
            position = int(draft.before[key].properties["position"])
            positions.setdefault(identity_of(key).relation, []).append((position, numbers))
    for made in positions.values():
        for (_, firsts), (_, seconds) in pairwise(sorted(made)):
            yield from ((first, second) for first in firsts for second in seconds)
    for key, numbers in places.alters.items():
        for other in draft.needs_before.of.get(key, ()):
            yield from ((first, number) for first in places.makes.get(other, ()) for number in numbers)
        for one in draft.needs_after.by.get(key, ()):
            yield from ((first, number) for first in places.drops.get(one, ()) for number in numbers)
    columns: dict[str, list[int]] = {}
    for key, numbers in places.alters.items():
        if key[0] == "column":
            columns.setdefault(identity_of(key).relation, []).extend(numbers)
    for key, numbers in places.joins.items():
        # A table that joins must have the columns of its parent, so the parents' columns are changed back first.
        for parent in reached([key[1]], lambda table: _parents(table, draft)) - {key[1]}:
            yield from ((first, number) for first in columns.get(parent, ()) for number in numbers)


def _dropped_with(key: Key, draft: Draft) -> Key:
    """The key whose drop removes it: its own, or that of the relation or type that it is a part of."""
    fact = draft.after.get(key)
    relation = relation_of(fact) if fact is not None else identity_of(key).relation
    if column := owned_by(fact):
        relation = column.relation
    if relation:
        for kind in (*RELATIONS, "type"):
            if (kind, relation) in draft.dropped:
                return (kind, relation)
    return key


def _parents(table: str, draft: Draft) -> list[str]:
    """The tables that a table inherited from before."""
    found = draft.before.get(("table", table))
    return [str(each) for each in found.properties.get("inherits", ())] if found else []
