"""Facts that an older version of ours kept, as they would be read from the same objects now."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pg_deploy.catalog.reader import Fact, Scope

_CONSTRUCTOR = re.compile(r"\n LANGUAGE internal\b.*\$(multi)?range_constructor\d\$", re.DOTALL)

Row = tuple[str, str, str, Scope]


def as_read_today(rows: Iterable[Row]) -> frozenset[Fact]:
    """In today's wording, and without what counts as part of another fact since: a range type's own functions and cast, and the
    constraint that stands behind a constraint trigger."""
    facts = [Fact.kept(*row) for row in rows]
    own: set[str] = {
        fact.identity for fact in facts if fact.kind == "function" and _CONSTRUCTOR.search(fact.definition_text)
    }
    return frozenset(fact for fact in facts if not _is_part(fact, own))


def _is_part(fact: Fact, own: set[str]) -> bool:
    if fact.kind == "function":
        return fact.identity in own
    if fact.kind == "cast":
        return fact.properties.get("function") in own
    if fact.kind == "constraint":
        return fact.definition_text.startswith("TRIGGER")
    of = fact.identity.of if fact.kind == "grant" else None
    return of is not None and of.kind == "function" and of in own
