"""What a function is marked as, where the mark decides: whether it sees what its own statement wrote, whether its answer may be kept.

Engines ask each row in a statement of its own: they cannot see either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pg_deploy.access.facts.functions import header_of
from pg_deploy.access.facts.unsettled import Unsettled
from pg_deploy.catalog.dependencies import Closure, Node, closure_of, text_of
from pg_deploy.catalog.kinds import RELATIONS, ROUTINES
from pg_deploy.catalog.reader import Fact, Facts

_ACTS_ON_WRITES = ("policy", "trigger", "rule", "constraint", "column")
_STEADINESS = re.compile(r" (IMMUTABLE|STABLE)\b")
_WRITES = re.compile(
    r"\b(insert|update|delete|merge|truncate|execute|call|do|create|drop|alter|grant|revoke|lock|notify|copy|share|refresh|setval|nextval)\b"
    r"|\bLANGUAGE (?!sql\b|plpgsql\b)\w",
    re.IGNORECASE,
)
_LEAKPROOF = re.compile(r" LEAKPROOF\b")
# What the server's own names answer another time, or to somebody else; a name that is ours is in the closure.
_OF_SESSION = re.compile(
    r"\b(current_\w+|session_user|user|local(time|timestamp)|now|\w+_timestamp|timeofday|random|gen_random_uuid|nextval|execute)\b",
    re.IGNORECASE,
)


def doubts_about_marks(before: Facts, after: Facts) -> Iterator[Unsettled]:
    """Functions of which another mark decides something that no single question shows."""
    for fact in after.facts:
        old = before.by_key.get(fact.key) if fact.kind in ROUTINES else None
        if old is not None and old != fact:
            yield from _of_function(old, fact, closure_of(after))


def writes_otherwise(old: Fact, new: Fact, closure: Closure) -> bool:
    """Whether a function that may write, itself or through what it calls, was volatile and is not, or the other way round.

    One that is not volatile is refused a write, and does not see those of what it calls.
    """
    if new.kind not in ROUTINES or (_volatility(old) == "volatile") == (_volatility(new) == "volatile"):
        return False
    below = (closure.facts.by_key.get(node) for node in closure.of(new.key) if node[0] in ROUTINES)
    return any(_WRITES.search(_below_first_line(fact)) for fact in below if fact is not None)


def _of_function(old: Fact, new: Fact, closure: Closure) -> Iterator[Unsettled]:
    was, now = _volatility(old), _volatility(new)
    if "volatile" in (was, now) and was != now:
        sees = "no longer sees" if was == "volatile" else "now sees"
        for table in _tables_written_through(closure, new.key):
            yield Unsettled(
                table,
                f'function "{new.identity}", which decides about rows written there, was {was} and is {now}: '
                f"it {sees} the rows of the table that its own statement wrote before",
            )
    if now == "immutable" != was and _answers_otherwise_another_time(closure, new):
        yield Unsettled(
            new.identity,
            f"it was {was} and is {now}, although what it reads may change: "
            "a plan that is kept may answer with what it read for somebody else",
        )
    if _LEAKPROOF.search(header_of(new)) and not _LEAKPROOF.search(header_of(old)):
        yield Unsettled(
            new.identity,
            "it is marked LEAKPROOF now: it may be called with rows before policies hold them back",
        )


def _tables_written_through(closure: Closure, function: Node) -> list[str]:
    """Tables that a function reads, and whose writes call it."""
    return sorted(
        name
        for kind, name in closure.of(function)
        if kind == "table" and any(function in closure.of(part.key) for part in _parts_that_act(closure, name))
    )


def _parts_that_act(closure: Closure, table: str) -> list[Fact]:
    """What decides when rows of a table are written; nothing if policies are all there is and they only let rows be read."""
    parts = [
        part
        for part in closure.parts.get(table, ())
        if part.kind in _ACTS_ON_WRITES and (part.kind != "column" or "default" in part.properties)
    ]
    policies = [part for part in parts if part.kind == "policy"]
    if policies and all(part.properties["command"] == "select" for part in policies):
        return [part for part in parts if part.kind != "policy"]
    return parts


def _answers_otherwise_another_time(closure: Closure, function: Fact) -> bool:
    if _OF_SESSION.search(_below_first_line(function)):
        return True
    below = closure.of(function.key) - {function.key}
    return any(
        kind in RELATIONS
        or (
            kind in ROUTINES
            and (kind, name) in closure.facts.by_key
            and _volatility(closure.facts.by_key[kind, name]) != "immutable"
        )
        for kind, name in below
    )


def _volatility(function: Fact) -> str:
    found = _STEADINESS.search(header_of(function))
    return found[1].lower() if found else "volatile"


def _below_first_line(function: Fact) -> str:
    """A function's definition without `CREATE FUNCTION …`, which names no statement of its own."""
    return text_of(function).partition("\n")[2]
