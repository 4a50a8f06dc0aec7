"""Draw a sequence: statements that the server takes on a small schema with rows; every second sequence holds a case."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from pg_deploy.errors import PgDeployError
from pg_deploy.parsing.statements import split
from tests.undo_cases.case import Case
from tests.undo_cases.grammar import PLACES, RULES, Rule

SHORTEST, LONGEST = 2, 8
_TRIES = 12
_PLACE = re.compile(r"\{(\w+)\}")
_NEEDS = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True)
class SequenceSeed:
    """From this sequence number `number` is drawn: the same each time, on the same major version."""

    seed: str
    number: int
    case: Case | None

    @property
    def name(self) -> str:
        """The name to draw it again by."""
        return f"{self.seed}-{self.number}"


@dataclass(frozen=True)
class DrawnStatements:
    """The texts, the kind of each, and whether any of them may lose values."""

    texts: tuple[str, ...]
    kinds: tuple[str, ...]
    loses: bool


def draw_all(cases: Sequence[Case], seed: str, count: int) -> Iterator[SequenceSeed]:
    """The seeds of `count` sequences: every second one holds a case, and no case comes twice before all came."""
    order: list[Case] = []
    for number in range(count):
        if number % 2 == 0:
            yield SequenceSeed(seed, number, None)
            continue
        if not order:
            order = list(cases)
            random.Random(f"{seed} cases {number}").shuffle(order)
        yield SequenceSeed(seed, number, order.pop())


def draw(connection: psycopg.Connection[Any], seed: SequenceSeed, case: Case | None) -> DrawnStatements:
    """Statements that the server takes one after the other, each tried in a transaction that is not kept."""
    chance = random.Random(seed.name)
    count = chance.randint(SHORTEST, LONGEST)
    of_case = [Rule(case.kind, text, loses=case.loses) for text in _statements(case.migration)] if case else []
    drawn: list[Rule] = []
    with connection.transaction(force_rollback=True):
        connection.execute("set local search_path = ''")
        first_names = _relation_names(connection)
        while of_case or len(drawn) < count:
            if of_case and (len(drawn) + len(of_case) >= count or chance.random() < 0.5):
                statement = of_case.pop(0)
                if not _is_taken(connection, statement.text):
                    of_case = []  # The rest of a case without its beginning is no case.
                    continue
            else:
                found = _draw_one(connection, chance, first_names)
                if found is None:
                    break
                statement = found
            drawn.append(statement)
    return DrawnStatements(
        tuple(each.text for each in drawn), tuple(each.kind for each in drawn), any(each.loses for each in drawn)
    )


def _statements(migration: str) -> tuple[str, ...]:
    try:
        return tuple(statement.sql.strip().rstrip(";") for statement in split(migration, file="case"))
    except PgDeployError:
        return (migration,)


def _draw_one(connection: psycopg.Connection[Any], chance: random.Random, first_names: frozenset[str]) -> Rule | None:
    """A rule whose places are filled; None if the server took none in so many tries."""
    for _ in range(_TRIES):
        rule = chance.choices(RULES, [each.weight for each in RULES])[0]
        text = _fill_places(connection, chance, rule.text, first_names)
        if text is not None and _is_taken(connection, text):
            return replace(rule, text=text)
    return None


def _fill_places(
    connection: psycopg.Connection[Any], chance: random.Random, text: str, first_names: frozenset[str]
) -> str | None:
    chosen: dict[str, str] = {}
    for place in _PLACE.findall(text):
        if not _choose(connection, chance, place, chosen, first_names):
            return None
    return _PLACE.sub(lambda place: chosen[place[1]], text)


def _choose(
    connection: psycopg.Connection[Any],
    chance: random.Random,
    place: str,
    chosen: dict[str, str],
    first_names: frozenset[str],
) -> bool:
    """Choose what stands there, and before it the places that its query needs; False if there is nothing to choose from."""
    if place in chosen:
        return True
    if not all(_choose(connection, chance, each, chosen, first_names) for each in _NEEDS.findall(PLACES[place])):
        return False
    if place == "freed":
        options = sorted(first_names - _relation_names(connection))
    else:
        try:
            with connection.transaction():
                options = sorted(str(row[0]) for row in connection.execute(PLACES[place].encode(), chosen).fetchall())
        except psycopg.errors.InsufficientPrivilege:
            # An earlier statement gave the schema to another owner.
            return False
    if options:
        chosen[place] = chance.choice(options)
    return bool(options)


def _is_taken(connection: psycopg.Connection[Any], text: str) -> bool:
    """Whether the server takes it; tried without CONCURRENTLY, which no transaction takes."""
    try:
        with connection.transaction():
            connection.execute(re.sub(r"(?i)\bconcurrently\b", "", text).encode())
    except psycopg.Error:
        return False
    return True


def _relation_names(connection: psycopg.Connection[Any]) -> frozenset[str]:
    rows = connection.execute(
        """select format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'v', 'm', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"""
    ).fetchall()
    return frozenset(str(row[0]) for row in rows)
