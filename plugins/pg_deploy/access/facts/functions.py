"""Which functions decide about access: those that policies call, through any depth, and definer functions of the API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from pg_deploy.catalog.dependencies import words_of
from pg_deploy.catalog.kinds import ROUTINES
from pg_deploy.catalog.reader import Fact, Facts

_CALL = re.compile(r'((?:(?:"(?:[^"]|"")+"|[a-z_][\w$]*)\.)?(?:"(?:[^"]|"")+"|[a-z_][\w$]*))\s*\(', re.IGNORECASE)
_HEADER = re.compile(r"\A(.*?)^\s*(?:AS\s+\$|BEGIN ATOMIC|RETURN\s)", re.DOTALL | re.MULTILINE)


def routines(facts: Facts) -> Mapping[str, tuple[Fact, ...]]:
    """The functions by qualified name without arguments; several where they are overloaded."""
    found: dict[str, list[Fact]] = {}
    for fact in facts.facts:
        if fact.kind in ROUTINES:
            found.setdefault(fact.identity.base, []).append(fact)
    return {name: tuple(same) for name, same in found.items()}


def called_by(texts: Iterable[str], facts: Facts) -> frozenset[Fact]:
    """The functions that these SQL texts call, through any depth.

    A name that a body leaves unqualified counts for every schema that has it: too many rather than too few.
    """
    by_name = routines(facts)
    by_last: dict[str, set[str]] = {}
    for name, same in by_name.items():
        by_last.setdefault(same[0].identity.name, set()).add(name)
    found: set[Fact] = set()
    waiting = list(texts)
    while waiting:
        for name in _names(waiting.pop()):
            for qualified in [name] if "." in name else sorted(by_last.get(name, ())):
                for fact in by_name.get(qualified, ()):
                    if fact not in found:
                        found.add(fact)
                        waiting.append(str(fact.properties.get("definition", "")))
    return frozenset(found)


def _names(text: str) -> Iterator[str]:
    for match in _CALL.finditer(text):
        yield match[1] if '"' in match[1] else match[1].lower()


def is_definer(fact: Fact) -> bool:
    """Whether a function runs with the rights of its owner."""
    definition = str(fact.properties.get("definition", ""))
    header = _HEADER.match(definition)
    return "SECURITY DEFINER" in (header[1] if header else definition)


def policy_texts(facts: Facts) -> tuple[str, ...]:
    """The predicates of all policies."""
    return tuple(
        str(fact.properties[part])
        for fact in facts.facts
        if fact.kind == "policy"
        for part in ("using", "with check")
        if part in fact.properties
    )


def policy_words(facts: Facts) -> frozenset[str]:
    """Every word in the predicates of all policies and in the functions that they call: among them the columns that they read."""
    texts = policy_texts(facts)
    bodies = [str(function.properties.get("definition", "")) for function in called_by(texts, facts)]
    return frozenset(word for text in (*texts, *bodies) for word in words_of(text))
