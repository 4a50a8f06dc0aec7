"""What depends on what, read from the definitions: the server writes them with an empty search_path, so every name is qualified.

A name in a text may be no dependency (a column called like a type), but no dependency is missed. A function body in quotes makes
none, neither here nor in the server.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache

from pg_deploy.catalog.kinds import ON_RELATION, PROPERTIES, RELATION, RELATIONS, ROUTINES
from pg_deploy.catalog.names import Identity, Key, identity_of, parsed
from pg_deploy.catalog.reader import Fact
from pg_deploy.rollback.generator.draft import ByKey, strings_of

_BODY = re.compile(r"\nAS (\$\w*\$).*\1\s*\Z|\nAS '.*'\s*\Z", re.DOTALL)
_NAME = r'(?:"(?:[^"]|"")+"|[^\s".]+)'
_INDEX_ON = re.compile(rf" ON (?:ONLY )?({_NAME}(?:\.{_NAME})?) USING ")
_TOKEN = re.compile(r"[\w$]+(?:\.[\w$]+)*")
_RANKS = (
    ("schema",),
    ("extension",),
    ("collation", "language", "foreign data wrapper"),
    ("type", "server"),
    ("sequence",),
    ROUTINES,
    ("operator", "cast"),
    ("table", "foreign table"),
    ("column",),
    ("index",),
    ("constraint",),
    ("foreign key",),
    ("view",),
    ("materialized view",),
    ("statistics", "publication"),
    ("trigger", "rule", "policy"),
    ("event trigger", "user mapping"),
)
PartsOf = Callable[[Fact], tuple[Fact, ...]]
"""The parts of a relation that are dropped with it: what they need, it needs."""
_RANK = {kind: number for number, kinds in enumerate(_RANKS) for kind in kinds}


@lru_cache(maxsize=20_000)
def relation_of(fact: Fact) -> Identity | None:
    """The relation that an index, column, constraint, policy, trigger or rule is a part of."""
    if fact.kind in ON_RELATION:
        return fact.identity.relation
    if fact.kind == "index":
        found = _INDEX_ON.search(str(fact.properties["definition"]))
        return parsed(RELATION, found[1]) if found else None
    return None


@lru_cache(maxsize=20_000)
def dependency_text(fact: Fact) -> str:
    """All text of a definition that can make a dependency, after the name of its relation if it is a part of one."""
    own = "\n".join(strings_of(dict(fact.properties)))
    if fact.kind in ("function", "procedure"):
        own = _BODY.sub("", str(fact.properties["definition"]))
    relation = relation_of(fact)
    return f"{relation}\n{own}" if relation else own


def mentions(text: str, key: Key) -> bool:
    """Whether `text` names that object."""
    identity = identity_of(key)
    if identity.kind in (*RELATIONS, *ROUTINES, "sequence", "type", "collation", "index"):
        return _word(identity.base).search(text) is not None
    if identity.kind == "column":
        found = _word(identity.relation).search(text) is not None
        return found and re.search(rf"(?<![\w\"$]){re.escape(identity.name)}(?![\w\"$])", text) is not None
    if identity.kind == "schema":
        return re.search(rf"(?<![\w.\"$]){re.escape(identity)}\.", text) is not None
    if identity.kind == "server":
        return _word(identity.plain_name).search(text) is not None
    return False


def depends_on(fact: Fact, other: Fact) -> bool:
    """Whether `fact` may need `other`."""
    if fact.kind == other.kind and fact.identity == other.identity:
        return False
    if other.kind == "schema":
        return fact.kind not in PROPERTIES and fact.identity.schema == other.identity
    if rank_kind(fact) == "foreign key" and other.kind in ("constraint", "index"):
        return rank_kind(other) != "foreign key" and mentions(
            str(fact.properties["definition"]), ("table", relation_of(other) or "")
        )
    return mentions(dependency_text(fact), other.key)


def rank_kind(fact: Fact) -> str:
    """The kind for ordering: a foreign key comes after the other constraints."""
    if fact.kind == "constraint" and str(fact.properties.get("definition", "")).startswith("FOREIGN KEY"):
        return "foreign key"
    return fact.kind


def order_by_need(
    facts: Iterable[Fact], needs: Mapping[Key, AbstractSet[Key]], parts_of: PartsOf | None = None
) -> list[Fact]:
    """`facts` in an order in which each comes after those that it needs; by kind if they need each other."""
    return _sort(facts, needs, parts_of)[0]


def has_circle(facts: Iterable[Fact], needs: Mapping[Key, AbstractSet[Key]], parts_of: PartsOf | None = None) -> bool:
    """Whether there is a circle among `facts`, so that none of it can come first."""
    return _sort(facts, needs, parts_of)[1]


def _sort(
    facts: Iterable[Fact], needs: Mapping[Key, AbstractSet[Key]], parts_of: PartsOf | None
) -> tuple[list[Fact], bool]:
    waiting = sorted(facts, key=lambda fact: (_RANK.get(rank_kind(fact), 3), fact.kind, fact.identity))
    of_key: dict[Key, set[int]] = {}
    whole = [(fact, *(parts_of(fact) if parts_of else ())) for fact in waiting]
    for number, group in enumerate(whole):
        for part in group:
            of_key.setdefault(part.key, set()).add(number)
    waits_for: list[set[int]] = [
        {other for part in group for key in needs.get(part.key, ()) for other in of_key.get(key, ()) if other != number}
        for number, group in enumerate(whole)
    ]
    numbers, circle = order_numbers(waits_for)
    return [waiting[number] for number in numbers], circle


def order_numbers(waits_for: Sequence[AbstractSet[int]]) -> tuple[list[int], bool]:
    """All numbers, each behind those that it waits for, else in their order; and whether some wait for each other.

    If all that is left waits, the smallest number goes first. Pure.
    """
    later: list[list[int]] = [[] for _ in waits_for]
    for number, firsts in enumerate(waits_for):
        for first in firsts:
            later[first].append(number)
    waits = [len(firsts) for firsts in waits_for]
    ready = [number for number, count in enumerate(waits) if count == 0]
    left = set(range(len(waits)))
    ordered: list[int] = []
    circle = False
    while left:
        circle = circle or not ready
        number = heapq.heappop(ready) if ready else min(left)
        if number not in left:
            continue
        left.remove(number)
        ordered.append(number)
        for other in later[number]:
            waits[other] -= 1
            if waits[other] == 0:
                heapq.heappush(ready, other)
    return ordered, circle


def dependents(facts: ByKey, keys: Iterable[Key]) -> set[Key]:
    """The objects in `facts` that name one of `keys`."""
    return {one for one, _, _ in find_text_needs(facts, keys)}


def find_text_needs(facts: ByKey, keys: Iterable[Key]) -> Iterator[tuple[Key, Key, str]]:
    """Pairs: an object, and one of `keys` that its definition names; "n" as the server calls a normal dependency."""
    by_name: dict[str, set[Fact]] = {}
    quoted: set[Fact] = set()
    for key in keys:
        if key not in facts:
            continue
        for name in _names_of(facts[key]):
            if '"' in name:
                quoted.add(facts[key])
            else:
                by_name.setdefault(name, set()).add(facts[key])
    for key, fact in facts.items():
        # Reading each text for each name would take minutes on a large schema.
        likely = {other for name in _tokens(fact) & by_name.keys() for other in by_name[name]}
        for other in likely | quoted:
            if depends_on(fact, other):
                yield key, other.key, "n"


def _names_of(fact: Fact) -> set[str]:
    """What a text that mentions the object must hold."""
    if fact.kind == "server":
        return {fact.identity.plain_name}
    name = fact.identity.relation if fact.kind == "column" else fact.identity.base
    return {name, relation_of(fact) or name}


@lru_cache(maxsize=20_000)
def _tokens(fact: Fact) -> frozenset[str]:
    found = set()
    for token in _TOKEN.findall(f"{fact.identity}\n{dependency_text(fact)}"):
        pieces = token.split(".")
        found |= {".".join(pieces[:end]) for end in range(1, len(pieces) + 1)}
    return frozenset(found)


@lru_cache(maxsize=4096)
def _word(identity: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.\"$]){re.escape(identity)}(?![\w\"$])")
