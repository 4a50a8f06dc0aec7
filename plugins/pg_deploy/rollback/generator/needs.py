"""Who needs whom: from the server's catalog, or from the texts of the definitions if only those were kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pg_deploy.catalog.kinds import ON_RELATION, RELATIONS
from pg_deploy.catalog.names import Key, identity_of
from pg_deploy.catalog.reader import Facts
from pg_deploy.rollback.generator.draft import ByKey, Needs
from pg_deploy.rollback.generator.order import find_text_needs, relation_of
from pg_deploy.rollback.generator.renames import Renaming, list_renamed_needs


def needs_of(facts: Facts, by_key: ByKey, renaming: Renaming, keys: Iterable[Key]) -> Needs:
    """Who needs whom among `facts`, whose old names are those in `by_key`; if only texts tell, who needs one of `keys`."""
    if facts.objects is not None and facts.objects.is_whole:
        return Needs([*_with_relations(list_renamed_needs(facts.objects, renaming), by_key), *_parts(by_key)])
    return Needs([*_with_relations(find_text_needs(by_key, keys), by_key), *_parts(by_key)])


def _with_relations(edges: Iterable[tuple[Key, Key, str]], facts: ByKey) -> Iterator[tuple[Key, Key, str]]:
    """The needs, and for each need of a column one of its relation."""
    relations: dict[str, Key] = {key[1]: key for key in facts if key[0] in RELATIONS}
    for one, other, why in edges:
        yield one, other, why
        if other[0] == "column" and (relation := relations.get(identity_of(other).relation)) not in (None, one):
            yield one, relation, "n"


def _parts(facts: ByKey) -> Iterator[tuple[Key, Key, str]]:
    """A part needs its relation, a column's index the whole table: the catalog says that of the columns only."""
    relations: dict[str, Key] = {key[1]: key for key in facts if key[0] in RELATIONS}
    domains: dict[str, Key] = {key[1]: key for key in facts if key[0] == "type"}
    for key, fact in facts.items():
        if key[0] in (*ON_RELATION, "index"):
            owner = relation_of(fact) or ""
            found = relations.get(owner) or domains.get(owner)
            if found:
                yield key, found, "a"
    for key, fact in facts.items():
        if key[0] == "constraint":
            index = ("index", fact.identity.beside("index"))
            if index in facts and relation_of(facts[index]) == fact.identity.relation:
                yield index, key, "i"
