"""What differs between two readings of the catalog, and one readable line for each object that does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pg_deploy.catalog.majors import reduce_to_both
from pg_deploy.catalog.names import Key
from pg_deploy.catalog.reader import Fact, Facts

_WIDTH = 240
_CONTEXT = 40


@dataclass(frozen=True)
class Difference:
    """Facts only after (`added`), only before (`removed`), and both under one identity (`changed`); each sorted."""

    added: tuple[Fact, ...]
    removed: tuple[Fact, ...]
    changed: tuple[tuple[Fact, Fact], ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    @property
    def old_facts(self) -> tuple[Fact, ...]:
        """What is gone or changed, as it read before."""
        return (*self.removed, *(old for old, _ in self.changed))

    @property
    def new_facts(self) -> tuple[Fact, ...]:
        """What is new or changed, as it reads after."""
        return (*self.added, *(new for _, new in self.changed))

    @property
    def keys(self) -> frozenset[Key]:
        """The keys of all that differs."""
        return frozenset(fact.key for fact in (*self.removed, *self.new_facts))

    def part(self, wanted: Callable[[Fact], bool]) -> Difference:
        """The part about facts that are wanted; a changed fact is judged as it was before."""
        return Difference(
            tuple(filter(wanted, self.added)),
            tuple(filter(wanted, self.removed)),
            tuple(pair for pair in self.changed if wanted(pair[0])),
        )


def compare(before: Facts, after: Facts) -> Difference:
    """What turns `before` into `after`; false when they are equal. A renamed object is one removed and one added.

    Facts of two major versions are compared by what both keep.
    """
    before, after = reduce_to_both(before, after)
    old, new = before.by_key, after.by_key
    # What has not changed is mostly the same object, as it was read from the same row: see reader._fact.
    changed = [key for key, fact in old.items() if key in new and fact is not new[key] and fact != new[key]]
    return Difference(
        added=tuple(new[key] for key in sorted(new.keys() - old.keys())),
        removed=tuple(old[key] for key in sorted(old.keys() - new.keys())),
        changed=tuple((old[key], new[key]) for key in sorted(changed)),
    )


def describe(difference: Difference) -> tuple[str, ...]:
    """One line an object: `added index public.x: CREATE INDEX …`, `changed policy public.t.p: using (…) -> (…)`.

    Of a changed object only the properties that differ, of a long text only the part around the first difference.
    """
    return (
        *(f"added {_name(fact)}{_whole(fact)}" for fact in difference.added),
        *(f"changed {_name(new)}: {'; '.join(_changes(old, new))}" for old, new in difference.changed),
        *(f"removed {_name(fact)}{_whole(fact)}" for fact in difference.removed),
    )


def _name(fact: Fact) -> str:
    return f"{fact.kind} {fact.identity}"


def _whole(fact: Fact) -> str:
    properties = fact.properties
    if "definition" in properties:
        return ": " + _shorten(_text(properties["definition"]))
    parts = [
        name if value is True else f"{name} {_text(value)}"
        for name, value in sorted(properties.items(), key=lambda item: item[0] != "type")
        if name != "present"
    ]
    return ": " + _shorten(", ".join(parts)) if parts else ""


def _changes(old: Fact, new: Fact) -> Iterator[str]:
    before, after = old.properties, new.properties
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name} {_change(before, after, name)}"


def _change(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> str:
    either_is_flag = isinstance(before.get(name), bool) or isinstance(after.get(name), bool)
    absent = "no" if either_is_flag else "none"
    old = _text(before[name]) if name in before else absent
    new = _text(after[name]) if name in after else absent
    if old == new:
        return "differs in white space only"
    if max(len(old), len(new)) > _WIDTH:
        old, new = _around_difference(old, new)
    return f"{old} -> {new}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} {_text(item)}" for name, item in value.items()) + "}"
    return re.sub(r"\s+", " ", str(value)).strip()


def _shorten(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1].rstrip() + "…"


def _around_difference(old: str, new: str) -> tuple[str, str]:
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = max(0, start - _CONTEXT)
    return _excerpt(old, start), _excerpt(new, start)


def _excerpt(text: str, start: int) -> str:
    return ("…" if start else "") + _shorten(text[start:])
