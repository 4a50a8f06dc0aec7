"""Which of the values that were found each parameter gets, for one set among several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pg_deploy.grammar import ast
from pg_deploy.parsing.expressions import column_names
from pg_deploy.postgres.quoting import array_of
from pg_deploy.workload.new_rows import NewRows
from pg_deploy.workload.source_query import SourceQuery
from pg_deploy.workload.uses import How, Use

Row = tuple[str | None, ...]
Bounds = tuple[str, ...]
_IN_AN_ARRAY = 5
_SHARE = 0.05
"""How much of a table a range takes, where nothing but the range is asked for."""


def choose_values(
    query: SourceQuery,
    rows: Sequence[Row],
    values: Sequence[str | None],
    number: int,
    sets: int,
    new: NewRows,
    bounds: Mapping[int, Bounds],
) -> list[str | None]:
    """The values of the set with this number, with those of the query's uses taken from `rows`. Pure, but for new values."""
    found = list(values)
    first = number * len(rows) // sets

    def row(place: int) -> Row:
        return rows[(first + place) % len(rows)]

    for column, use in enumerate(query.uses):
        kind = query.types[use.number - 1]
        if use.how in (How.LOW, How.HIGH):
            found[use.number - 1] = _bound(query, column, rows, row(0), number, bounds.get(use.number))
        elif use.how in (How.ELEMENTS, How.OTHERS):
            start = 1 if use.how == How.OTHERS else 0
            found[use.number - 1] = _listed([row(start + place)[column] for place in range(_IN_AN_ARRAY)], kind)
        elif use.how == How.NEW:
            name = column_names(use.of)[-1]
            own = row(use.place + (1 if name in new.from_another_row else 0))[column]
            found[use.number - 1] = new.value(name, kind, own, number * 100 + use.place)
        elif use.how == How.NEW_JSON:
            own = row(0)[column]
            found[use.number - 1] = own and new.json(own, number)
        else:
            found[use.number - 1] = row(use.place + (1 if use.how == How.OTHER else 0))[column]
    return found


def _listed(values: Sequence[str | None], kind: str) -> str | None:
    there = [value for value in dict.fromkeys(values) if value is not None]
    if not kind.endswith("[]"):
        # The server records a list of any length as one parameter.
        return there[0] if there else None
    return array_of(there)


def _bound(
    query: SourceQuery, column: int, rows: Sequence[Row], row: Row, number: int, bounds: Bounds | None
) -> str | None:
    """Beside what a row must equal, a bound that the row lies within; else one that leaves a small part of the table."""
    use = query.uses[column]
    rank = len(query.uses) + query.ranges.index(column)
    ordered = [each[column] for each in sorted(rows, key=lambda each: int(each[rank] or 0))]
    step = len(ordered) // 10 + 1
    if query.has_equality:
        at = int(row[rank] or 1) - 1 + (-step if use.how == How.LOW else step)
        return ordered[min(max(at, 0), len(ordered) - 1)]
    values: Sequence[str | None] = bounds or ordered
    span = len(values) - 1
    share = _SHARE * (1 + number / 5)
    if _is_bounded_on_both_sides(query, use):
        start = 0.1 + 0.18 * number
        place = span * start if use.how == How.LOW else max(span * (start + _SHARE), span * start + 1)
    else:
        place = span * (1 - share if use.how == How.LOW else share)
    return values[min(max(round(place), 0), span)]


def _is_bounded_on_both_sides(query: SourceQuery, use: Use) -> bool:
    """Whether the same expression is bounded on its other side as well."""
    return any(
        other.how != use.how
        and other.how in (How.LOW, How.HIGH)
        and isinstance(other.of, ast.Node)
        and other.of == use.of
        for other in query.uses
    )
