"""Facts of two major versions, reduced to what both of them know: a server's upgrade is no change of the database.

What a major keeps besides is a table here: a property, a right, an option, with the version that brought it. What cannot be
translated (a view that one version words differently) is compared in a form that both have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pg_deploy.catalog.reader import Fact, Facts
from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError
from pg_deploy.grammar.parser import parse_sql

PROPERTIES_SINCE: Mapping[tuple[str, str], int] = {
    ("column", "not null constraint"): 18,
    ("type", "not null constraint"): 17,
    ("publication", "pubgencols"): 18,
    ("subscription", "failover"): 17,
    ("collation", "collicurules"): 16,
    ("subscription", "origin"): 16,
    ("subscription", "password required"): 16,
    ("subscription", "run as owner"): 16,
    ("subscription", "two phase"): 15,
    ("subscription", "disable on error"): 15,
    ("database", "locale provider"): 15,
    ("database", "locale"): 15,
}
"""By kind and property of a fact: the major before which there is none."""
RIGHTS_SINCE: Mapping[str, int] = {"MAINTAIN": 17}
_OPTIONS_OF_MEMBERSHIPS_SINCE = 16
_ONE_RELATION_UNQUALIFIED_SINCE = 16
_STREAMING_HAS_THREE_VALUES_SINCE = 16
_COMES_WITH_THE_SERVER: Mapping[str, tuple[str, ...]] = {"extension": ("version",)}


def major_of(facts: Facts) -> int:
    """The major version of the server that the facts were read from."""
    return facts.server_version // 10000


def reduce_to_both(one: Facts, other: Facts) -> tuple[Facts, Facts]:
    """The two as a server would show them that knows only what both servers know; unchanged if the majors are equal."""
    if major_of(one) == major_of(other) or not one.server_version or not other.server_version:
        return one, other
    older, newer = sorted((major_of(one), major_of(other)))
    return _reduced(one, older, newer), _reduced(other, older, newer)


def upgraded(before: Facts, now: Facts) -> str | None:
    """The sentence for people if the server became another major in between."""
    if major_of(before) == major_of(now):
        return None
    return (
        f"the server was PostgreSQL {version_text(before.server_version)} then and is {version_text(now.server_version)} now: "
        "what only one of the two keeps is not compared"
    )


def version_text(number: int) -> str:
    """`17.12` of 170012."""
    return f"{number // 10000}.{number % 10000}"


def _reduced(facts: Facts, older: int, newer: int) -> Facts:
    return Facts(frozenset(_known(fact, older, newer) for fact in facts.facts), facts.server_version, facts.read_at)


def _known(fact: Fact, older: int, newer: int) -> Fact:
    properties: dict[str, Any] = {
        name: value
        for name, value in fact.properties.items()
        if PROPERTIES_SINCE.get((fact.kind, name), 0) <= older and name not in _COMES_WITH_THE_SERVER.get(fact.kind, ())
    }
    if fact.kind in ("grant", "default grant"):
        unknown = {right for right, since in RIGHTS_SINCE.items() if since > older}
        properties = {
            who: held if not isinstance(held, str) else _without(held, unknown) for who, held in properties.items()
        }
    if fact.kind == "membership" and older < _OPTIONS_OF_MEMBERSHIPS_SINCE:
        # Before, one grantor was kept, whoever had granted besides; a restore by another role made it that one.
        admin = any(str(options).split(", ")[0] == "admin" for options in properties.values())
        properties = {"options": "admin" if admin else "no admin"}
    if fact.kind == "subscription" and older < _STREAMING_HAS_THREE_VALUES_SINCE:
        properties["streaming"] = properties.get("streaming") not in ("false", "f")
    if "definition" in properties and older < _ONE_RELATION_UNQUALIFIED_SINCE <= newer:
        worded = _WORDED_ANEW.get(fact.kind)
        properties["definition"] = worded(str(properties["definition"])) if worded else properties["definition"]
    known = fact.with_properties(properties)
    return fact if known == fact else known


def _without(privileges: str, unknown: set[str]) -> str:
    return ", ".join(each for each in privileges.split(", ") if each.removesuffix(" with grant option") not in unknown)


def _of_one_relation(definition: str) -> str:
    """The text without the name before the columns, if only one relation is read; both sides are treated alike."""
    try:
        statement = parse_sql(definition)[0].stmt
    except ParseError:
        return definition
    sources = statement.fromClause if isinstance(statement, ast.SelectStmt) else None
    if not sources or len(sources) != 1 or not isinstance(sources[0], ast.RangeVar):
        return definition
    name = str(sources[0].alias.aliasname if sources[0].alias else sources[0].relname)
    words = {name, '"' + name.replace('"', '""') + '"'}
    return re.sub(rf"(?<![\w.\"])(?:{'|'.join(map(re.escape, sorted(words)))})\.", "", definition)


_WORDED_ANEW: Mapping[str, Callable[[str], str]] = {"view": _of_one_relation, "materialized view": _of_one_relation}
