"""The closure: everything that what a role reaches rests on, found in the catalog's facts by the names in their texts.

One reader for all: which tables need no engine, which differences are in anybody's way, what a trigger or a view reads, what
an old policy means now, which tables policies look up.
It errs on the side of one too many: a name counts for every object that is called so, wherever it is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TypeVar

from pg_deploy.catalog.kinds import ON_RELATION, RELATIONS, ROUTINES, VIEWS
from pg_deploy.catalog.names import Identity, parsed
from pg_deploy.catalog.reach import reached
from pg_deploy.catalog.reader import Fact, Facts

T = TypeVar("T")

Node = tuple[str, str]
"""A fact's kind and identity."""

_WORD = re.compile(r"[^\W\d][\w$]*")
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
_SYMBOL = re.compile(r"[-+*/<>=~!@#%^&|`?]+")
_DYNAMIC = re.compile(r"\bexecute\s+(?!on\b|function\b|procedure\b)", re.IGNORECASE)
_CALLED = re.compile(r"EXECUTE (?:FUNCTION|PROCEDURE) (.*?)\(", re.DOTALL)
_STRING = re.compile(r"'(?:[^']|'')*'")
_DETACHING = " (detach pending)"
_DECIDING = ("policy", *VIEWS, *ROUTINES)
"""What says in SQL which rows there are for whom."""
_NAMING = (*_DECIDING, "trigger", "constraint", "rule", "operator", "cast")
"""What names other objects in SQL, as does a column with a default."""
_BUILT_IN = frozenset(
    [
        "integer",
        "bigint",
        "smallint",
        "text",
        "boolean",
        "numeric",
        "uuid",
        "json",
        "jsonb",
        "date",
        "timestamp",
        "time",
        "interval",
        "character",
        "varying",
        "double",
        "precision",
        "real",
        "bytea",
        "inet",
        "name",
        "oid",
        "xml",
        "point",
    ]
)


@dataclass(frozen=True)
class Closure:
    """What of one side's facts rests on what. `before` and `after` are compared by whoever asks, node by node."""

    facts: Facts
    _seen: dict[tuple[Node, bool], frozenset[Node]] = field(default_factory=dict, repr=False, compare=False)
    _direct: dict[Node, tuple[Node, ...]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _named(self) -> Mapping[str, tuple[Node, ...]]:
        """Objects by the last part of their name, in lower case."""
        kinds = (*RELATIONS, *ROUTINES, "type", "sequence")
        return _grouped((fact.identity.plain_name.lower(), fact.key) for fact in self.facts.facts if fact.kind in kinds)

    @cached_property
    def parts(self) -> Mapping[str, tuple[Fact, ...]]:
        """Columns, constraints, triggers, policies and rules by the relation or domain that they belong to."""
        return _grouped((fact.identity.relation, fact) for fact in self.facts.facts if fact.kind in ON_RELATION)

    @cached_property
    def _children(self) -> Mapping[str, tuple[Node, ...]]:
        return _grouped(
            (str(parent), fact.key)
            for fact in self.facts.facts
            if fact.kind in RELATIONS
            for parent in fact.properties.get("inherits", ())
        )

    @cached_property
    def _operators(self) -> Mapping[str, tuple[Node, ...]]:
        return _grouped((fact.identity.name, fact.key) for fact in self.facts.facts if fact.kind == "operator")

    @cached_property
    def _casts(self) -> Mapping[str, tuple[Node, ...]]:
        """Casts by the types that they speak of; under no name those between types of the server's own."""
        return _grouped(
            (name, fact.key)
            for fact in self.facts.facts
            if fact.kind == "cast"
            for name in frozenset().union(*map(words_of, fact.identity.parts)) - _BUILT_IN - {"public"} or {""}
        )

    def of(self, node: Node, *, policies: bool = True) -> frozenset[Node]:
        """All that a fact rests on, itself included; without `policies` those of tables, and what only they rest on, are left out."""
        key = (node, policies)
        if key not in self._seen:
            self._seen[key] = self._reached([node], policies=policies)
        return self._seen[key]

    def of_text(self, text: str, *, without: Container[Node] = ()) -> frozenset[Node]:
        """All that a text rests on; `without` these, and what only they rest on."""
        return self._reached(self._named_in(text), without=without)

    @cached_property
    def of_all_policies(self) -> frozenset[Node]:
        """All that any policy rests on, the policies included."""
        return self._reached(fact.key for fact in self.facts.facts if fact.kind == "policy")

    def _reached(
        self, nodes: Iterable[Node], *, policies: bool = True, without: Container[Node] = ()
    ) -> frozenset[Node]:
        return reached(
            (node for node in nodes if node not in without),
            lambda one: (each for each in self._next(one) if each not in without and (policies or each[0] != "policy")),
        )

    def texts_of(self, nodes: Iterable[Node]) -> list[str]:
        """What the policies, views and functions among these say."""
        return [
            text_of(self.facts.by_key[node]) for node in nodes if node[0] in _DECIDING and node in self.facts.by_key
        ]

    @cached_property
    def said(self) -> frozenset[str]:
        """Every word of what names other objects: a new object that is called so could be taken for another."""
        return frozenset().union(
            *(
                words_of(text_of(fact))
                for fact in self.facts.facts
                if fact.kind in _NAMING or (fact.kind == "column" and "default" in fact.properties)
            )
        )

    @cached_property
    def dynamic(self) -> frozenset[Node]:
        """Functions that compose statements when they run: what these read is in no text."""
        return frozenset(
            fact.key for fact in self.facts.facts if fact.kind in ROUTINES and _DYNAMIC.search(text_of(fact))
        )

    def _next(self, node: Node) -> tuple[Node, ...]:
        if node not in self._direct:
            self._direct[node] = tuple(dict.fromkeys(self._reading(node)))
        return self._direct[node]

    def _reading(self, node: Node) -> Iterator[Node]:
        fact = self.facts.by_key.get(node)
        if fact is None:
            return
        if fact.kind in RELATIONS:
            for part in self.parts.get(fact.identity, ()):
                if part.kind == "policy":
                    yield part.kind, part.identity
                elif part.kind == "column":
                    yield from self._named_in(str(part.properties.get("type", "")), ("type",))
            yield from self._children.get(fact.identity, ())
            if fact.kind == "table":
                return
        if fact.kind == "type":
            for part in self.parts.get(fact.identity, ()):
                yield part.kind, part.identity
        if fact.kind == "trigger":
            # that it says what it is on makes it rest on none of that table's policies: its function would have to read it
            own = fact.identity.relation
            yield from (each for each in self._named_in(text_of(fact)) if each[0] not in RELATIONS or each[1] != own)
            return
        yield from self._named_in(text_of(fact))

    def _named_in(self, text: str, kinds: tuple[str, ...] = ()) -> Iterator[Node]:
        for word in words_of(text):
            for node in self._named.get(word, ()):
                if not kinds or node[0] in kinds:
                    yield node
            yield from self._casts.get(word, ())
        yield from self._casts.get("", ())
        if self._operators:
            for symbol in set(_SYMBOL.findall(text)):
                yield from self._operators.get(symbol, ())


def _grouped(pairs: Iterable[tuple[str, T]]) -> dict[str, tuple[T, ...]]:
    found: dict[str, list[T]] = defaultdict(list)
    for name, each in pairs:
        found[name].append(each)
    return {name: tuple(every) for name, every in found.items()}


@lru_cache(maxsize=4)
def closure_of(facts: Facts) -> Closure:
    """The closure's reader over these facts."""
    return Closure(facts)


# Thousands of tables have one policy's text, on both sides.
@lru_cache(maxsize=2048)
def words_of(text: str) -> frozenset[str]:
    """Every name in a text, in lower case and without quotes; a dollar quote that touches a name is no part of it."""
    quoted = (name.replace('""', '"').lower() for name in _QUOTED.findall(text))
    words = {word.lower() for word in _WORD.findall(text)}
    return frozenset(words | {part for word in words if "$" in word for part in word.split("$") if part} | set(quoted))


def text_of(fact: Fact) -> str:
    """All that a fact says in SQL, without the names that we give its properties."""
    if fact.kind in ROUTINES and "definition" in fact.properties:
        return str(fact.properties["definition"])
    return "\n".join(_values(fact.properties))


def parents_of(fact: Fact) -> tuple[str, ...]:
    """What a table inherits from or is a partition of, as the catalog writes it; a partition that is being detached still is one."""
    return tuple(str(parent).removesuffix(_DETACHING) for parent in fact.properties.get("inherits") or ())


def function_of_trigger(definition: str) -> Identity | None:
    """The function that a trigger calls; None if the text is no trigger's definition."""
    called = _CALLED.search(_STRING.sub("''", definition))
    return parsed("function", f"{called[1]}()") if called else None


def _values(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _values(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _values(inner)
    elif isinstance(value, str):
        yield value
