"""Drawing a sequence: a small schema with rows, a case in every second one, and statements that the server takes by then."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
class Drawn:
    """What is drawn as number `number` of a seed: the same each time, on the same major version."""

    seed: str
    number: int
    case: Case | None

    @property
    def name(self) -> str:
        """The name to draw it again by."""
        return f"{self.seed}-{self.number}"


@dataclass(frozen=True)
class Statements:
    """The drawn text, the kinds that it was drawn from, and whether any of them may lose values."""

    texts: tuple[str, ...]
    kinds: tuple[str, ...]
    loses: bool


def draw_all(cases: Sequence[Case], seed: str, count: int) -> Iterator[Drawn]:
    """Every second one holds a case, and each case comes before any comes again."""
    order: list[Case] = []
    for number in range(count):
        if number % 2 == 0:
            yield Drawn(seed, number, None)
            continue
        if not order:
            order = list(cases)
            random.Random(f"{seed} cases {number}").shuffle(order)
        yield Drawn(seed, number, order.pop())


def draw(connection: psycopg.Connection[Any], drawn: Drawn, case: Case | None) -> Statements:
    """Statements that go through one after the other, each tried in a transaction that is not kept."""
    chance = random.Random(drawn.name)
    count = chance.randint(SHORTEST, LONGEST)
    own = list(_statements(case.migration)) if case is not None else []
    texts: list[str] = []
    kinds: list[str] = []
    loses = False
    with connection.transaction(force_rollback=True):
        connection.execute("set local search_path = ''")
        taken = _names(connection)
        while own or len(texts) < count:
            if own and (len(texts) + len(own) >= count or chance.random() < 0.5):
                text = own.pop(0)
                if not _goes(connection, text):
                    own = []  # The rest of a case without its beginning is no case.
                    continue
                texts.append(text)
                kinds.append(case.kind if case is not None else "")
                loses = loses or (case is not None and case.loses)
                continue
            found = _drawn(connection, chance, taken)
            if found is None:
                break
            rule, text = found
            texts.append(text)
            kinds.append(rule.kind)
            loses = loses or rule.loses
    return Statements(tuple(texts), tuple(kinds), loses)


def _statements(migration: str) -> tuple[str, ...]:
    try:
        return tuple(statement.sql.strip().rstrip(";") for statement in split(migration, file="case"))
    except PgDeployError:
        return (migration,)


def _drawn(
    connection: psycopg.Connection[Any], chance: random.Random, taken: frozenset[str]
) -> tuple[Rule, str] | None:
    for _ in range(_TRIES):
        rule = chance.choices(RULES, [each.weight for each in RULES])[0]
        text = _filled(connection, chance, rule.text, taken)
        if text is not None and _goes(connection, text):
            return rule, text
    return None


def _filled(connection: psycopg.Connection[Any], chance: random.Random, text: str, taken: frozenset[str]) -> str | None:
    chosen: dict[str, str] = {}
    for place in _PLACE.findall(text):
        if not _choose(connection, chance, place, chosen, taken):
            return None
    return _PLACE.sub(lambda place: chosen[place[1]], text)


def _choose(
    connection: psycopg.Connection[Any],
    chance: random.Random,
    place: str,
    chosen: dict[str, str],
    taken: frozenset[str],
) -> bool:
    """Choose what stands there, and first what that depends on."""
    if place in chosen:
        return True
    if not all(_choose(connection, chance, each, chosen, taken) for each in _NEEDS.findall(PLACES[place])):
        return False
    if place == "freed":
        options = sorted(taken - _names(connection))
    else:
        try:
            with connection.transaction():
                options = sorted(str(row[0]) for row in connection.execute(PLACES[place].encode(), chosen).fetchall())
        except psycopg.errors.InsufficientPrivilege:
            # A statement before it gave the schema away.
            return False
    if options:
        chosen[place] = chance.choice(options)
    return bool(options)


def _goes(connection: psycopg.Connection[Any], text: str) -> bool:
    """Tried without CONCURRENTLY, which no transaction takes."""
    try:
        with connection.transaction():
            connection.execute(re.sub(r"(?i)\bconcurrently\b", "", text).encode())
    except psycopg.Error:
        return False
    return True


def _names(connection: psycopg.Connection[Any]) -> frozenset[str]:
    rows = connection.execute(
        """select format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'v', 'm', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"""
    ).fetchall()
    return frozenset(str(row[0]) for row in rows)
