"""Cutting a join between tuples and subjects at one equality: both parts are then small, their product is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pg_deploy.access.predicates.alternatives import ROW
from pg_deploy.access.predicates.normal_form import SUBJECT, Alternative, column
from pg_deploy.grammar import ast
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import nodes, qualifier, sides_of


@dataclass(frozen=True)
class Cut:
    """An alternative in two parts that only `tuple_link = subject_link` connects."""

    tuple_side: Alternative
    tuple_link: str
    subject_side: Alternative
    subject_link: str


def find_cuts(alternative: Alternative) -> Iterator[Cut]:
    """The cuts of an alternative, those nearest to the subject first: they leave the fewest links."""
    found = []
    for place, condition in enumerate(alternative.conditions):
        if (sides := sides_of(condition)) is None:
            continue
        others = [other for number, other in enumerate(alternative.conditions) if number != place]
        near_tuple = _reached(ROW, others)
        if SUBJECT in near_tuple:
            continue
        left, right = _aliases(sides[:1]), _aliases(sides[1:])
        near_subject = _reached(SUBJECT, others)
        if left <= near_tuple and right <= near_subject and left and right:
            ends = sides
        elif right <= near_tuple and left <= near_subject and left and right:
            ends = sides[1], sides[0]
        else:
            continue
        rest = {alias for alias, _ in alternative.tables} - near_tuple - near_subject
        cut = Cut(
            _part(alternative, near_tuple | rest, others),
            printed(ends[0]),
            _part(alternative, near_subject, others),
            printed(ends[1]),
        )
        found.append((len(cut.subject_side.tables), cut))
    yield from (cut for _, cut in sorted(found, key=lambda pair: pair[0]))


def is_determined(tuple_side: Alternative, keys: Callable[[str], Sequence[Sequence[str]]]) -> bool:
    """Whether each tuple meets one row of every table at most: each is looked up by a unique key."""
    pairs = [
        (printed(one), other)
        for condition in tuple_side.conditions
        if (sides := sides_of(condition)) is not None
        for one, other in (sides, sides[::-1])
    ]
    known = {ROW}
    while True:
        more = {
            alias
            for alias, table in tuple_side.tables
            if alias not in known
            and any(
                all(
                    any(text == printed(column(alias, name)) and _aliases([other]) <= known for text, other in pairs)
                    for name in key
                )
                for key in keys(table)
            )
        }
        if not more:
            return known >= {alias for alias, _ in tuple_side.tables}
        known |= more


def _part(alternative: Alternative, aliases: set[str], conditions: Iterable[ast.Node]) -> Alternative:
    return Alternative(
        tuple(table for table in alternative.tables if table[0] in aliases),
        tuple(condition for condition in conditions if _aliases([condition]) <= aliases and _aliases([condition])),
    )


def _reached(start: str, conditions: list[ast.Node]) -> set[str]:
    found = {start}
    while True:
        more = {alias for c in conditions if (own := _aliases([c])) & found for alias in own} - found
        if not more:
            return found
        found |= more


def _aliases(trees: Iterable[ast.Node]) -> set[str]:
    return {name for node in nodes(list(trees)) if (name := qualifier(node)) is not None}
