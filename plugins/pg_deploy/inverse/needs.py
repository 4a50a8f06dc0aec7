"""Who needs whom: as the server's catalog says it, or, where only kept definitions are at hand, as their texts do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pg_deploy.catalog.reader import Facts
from pg_deploy.inverse.model import ON_RELATION, RELATIONS, ByKey, Key
from pg_deploy.inverse.names import own_name, owner_of
from pg_deploy.inverse.order import relation_of, text_edges
from pg_deploy.inverse.renames import Renaming, renamed_edges


class Needs:
    """A directed graph over keys: `of` what an object needs, `by` what needs it; `clones`: parts that come with a parent's."""

    def __init__(self, edges: Iterable[tuple[Key, Key, str]]) -> None:
        self.of: dict[Key, set[Key]] = {}
        self.by: dict[Key, set[Key]] = {}
        self.clones: set[Key] = set()
        self.automatic: dict[Key, set[Key]] = {}
        """What is dropped together with something, without cascade."""
        for one, other, why in edges:
            self.of.setdefault(one, set()).add(other)
            self.by.setdefault(other, set()).add(one)
            if why in "PS" and one[0] == other[0] and one[0] in ("trigger", "constraint", "index"):
                self.clones.add(one)
            if why in "aiPS":
                self.automatic.setdefault(one, set()).add(other)

    def dependents(self, keys: Iterable[Key]) -> set[Key]:
        """What needs one of `keys` directly."""
        return {one for key in keys for one in self.by.get(key, ())}


def needs_of(facts: Facts, by_key: ByKey, renaming: Renaming, keys: Iterable[Key]) -> Needs:
    """The graph of `facts`, which read `by_key` once the names are taken back; from texts, what needs one of `keys`."""
    if facts.objects is not None and facts.objects.is_whole:
        return Needs([*_with_relations(renamed_edges(facts.objects, renaming), by_key), *_parts(by_key)])
    return Needs([*_with_relations(text_edges(by_key, keys), by_key), *_parts(by_key)])


def _with_relations(edges: Iterable[tuple[Key, Key, str]], facts: ByKey) -> Iterator[tuple[Key, Key, str]]:
    """What needs a column needs its relation too."""
    relations = {key[1]: key for key in facts if key[0] in RELATIONS}
    for one, other, why in edges:
        yield one, other, why
        if other[0] == "column" and (relation := relations.get(owner_of(other[1]))) not in (None, one):
            yield one, relation, "n"


def _parts(facts: ByKey) -> Iterator[tuple[Key, Key, str]]:
    """A part needs its relation, a column's index the whole table: the catalog says that of the columns only."""
    relations = {key[1]: key for key in facts if key[0] in RELATIONS}
    domains = {key[1]: key for key in facts if key[0] == "type"}
    for key, fact in facts.items():
        if key[0] in (*ON_RELATION, "index"):
            owner = relation_of(fact) or ""
            found = relations.get(owner) or domains.get(owner)
            if found:
                yield key, found, "a"
        elif key[0] == "comment" or key[0] == "grant":
            continue
    for key in facts:
        if key[0] == "constraint":
            index = ("index", f"{owner_of(owner_of(key[1]))}.{own_name(key[1])}")
            if index in facts and relation_of(facts[index]) == owner_of(key[1]):
                yield index, key, "i"
