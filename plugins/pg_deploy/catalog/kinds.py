"""The kinds of facts: how each is named, and the groups of them that several parts of the engine ask about."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

RELATIONS = ("table", "view", "materialized view", "foreign table")
"""What has columns, and is named in FROM."""
VIEWS = ("view", "materialized view")
"""Relations that show rows of others."""
ROUTINES = ("function", "procedure", "aggregate")
"""What is called, and is told apart by the types of what it takes."""
ON_RELATION = ("column", "constraint", "policy", "trigger", "rule")
"""What belongs to a relation, a constraint also to a domain, and is called by its name within that."""
CALLED_ON = ("policy", "trigger", "rule")
"""Those that SQL calls `own on shop.orders`, and drops by that."""
OF_TYPES = (*ROUTINES, "operator")
"""What is named together with the types of what it takes."""
USING = ("operator class", "operator family")
"""What is named together with an access method."""
TEXT_SEARCH = ("text search configuration", "text search dictionary", "text search parser", "text search template")
"""What full text search is made of."""
IN_SCHEMA = (*RELATIONS, "sequence", "index", "type", "collation", "conversion", "statistics", *TEXT_SEARCH)
"""What is named by its schema and a name in it, and by nothing else."""
OF_THE_DATABASE = (
    "schema", "extension", "foreign data wrapper", "server", "event trigger", "publication", "language", "access method",
)  # fmt: skip
"""What is in no schema: a name of its own in the database."""
RELATION = "relation"
"""No kind of fact: a relation, or the domain of a constraint, of which a name does not say what kind it is."""

RIGHTS = ("grant", "default grant")
"""Who may do what; no objects."""
SAID = ("comment", "security label")
"""What is said about an object, and goes with it."""
DEPENDENCY = "dependency on extension"
"""That an object is dropped with an extension."""
PROPERTIES = frozenset({*RIGHTS, *SAID, "setting", "membership", DEPENDENCY, "publication schema", "unreadable"})
"""Facts that are no objects: one that differs is a difference, and nothing was lost with it."""

_ALONE = ("name",)
_PARTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((*OF_THE_DATABASE, "subscription", "tablespace", "role", "large object", "parameter"), _ALONE),
    **dict.fromkeys((*IN_SCHEMA, RELATION), ("schema", "name")),
    **dict.fromkeys(ON_RELATION, ("schema", "relation", "name")),
    **dict.fromkeys(OF_TYPES, ("schema", "name", "arguments")),
    **dict.fromkeys(USING, ("schema", "name", "method")),
    "cast": ("source", "target"),
    "transform": ("name", "language"),
    "default grant": ("objects", "role", "schema"),
    "membership": ("role", "group"),
    "setting": ("place", "role", "name"),
    "user mapping": ("role", "server"),
    "publication schema": ("schema", "publication"),
    "cron job": ("name", "command"),
}
_LAST: Mapping[str, tuple[str, ...]] = {
    "grant": ("role",),
    "comment": (),
    "security label": ("provider",),
    DEPENDENCY: ("extension",),
}
"""Of kinds that speak of another object, whose kind and parts come first: what follows those."""


@lru_cache(maxsize=1024)
def place_of(kind: str, part: str) -> int | None:
    """Where a part with that name stands among those of a kind, from the end if an object comes first; None: nowhere."""
    after = _LAST.get(kind)
    names = _PARTS.get(kind, _ALONE) if after is None else after
    return None if part not in names else names.index(part) - (len(names) if after is not None else 0)


def parts_of_kind(kind: str) -> tuple[str, ...]:
    """The names of the parts of an identity of that kind, in their order; the name alone of a kind that is not known here."""
    return _PARTS.get(kind, _ALONE)


def parts_after_object(kind: str) -> tuple[str, ...] | None:
    """Of a kind that speaks of another object, the names of the parts behind that; None of any other."""
    return _LAST.get(kind)


# A catalog function of the server names what a comment is on; we name the same things otherwise.
_SPOKEN = {
    "statistics object": "statistics",
    "foreign-data wrapper": "foreign data wrapper",
    "procedural language": "language",
    "domain": "type",
    "table constraint": "constraint",
    "domain constraint": "constraint",
    **{f"{each} column": "column" for each in (*RELATIONS, "composite type", "index")},
}


def kind_spoken_of(words: str) -> str:
    """Our kind for what pg_identify_object calls a kind of object: `column` for "table column"."""
    return _SPOKEN.get(words, words)
