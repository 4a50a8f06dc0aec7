"""What would be if the claims said otherwise: boolean expressions over claims, forced true and false."""

from __future__ import annotations

from itertools import product

from pg_deploy.access.api import Api
from pg_deploy.access.bodies import Refuse
from pg_deploy.access.drilldown import RowDifference
from pg_deploy.access.measure import Measured
from pg_deploy.access.predicates import PHASE_WORDS
from pg_deploy.access.real import Cell
from pg_deploy.access.subjects import Subject

MOST = 4
"""Expressions forced together; of more, each alone."""


def forced_differences(old: Measured, new: Measured, api: Api, subjects: tuple[Subject, ...]) -> list[RowDifference]:
    """Who would gain or lose something under other claims: engine S asked again, with each expression forced."""
    found: dict[tuple[str, str, tuple[tuple[str, bool], ...], int], list[Cell]] = {}
    for cell in sorted(old.symbolic.keys() & new.symbolic.keys()):
        names = sorted(_expressions(old, cell, api) | _expressions(new, cell, api))
        if not names or old.symbols.compiled[cell].text == new.symbols.compiled[cell].text:
            continue
        for values in product((False, True), repeat=min(len(names), MOST)):
            forced = dict(zip(names, values, strict=False))
            try:
                before = old.symbols.answer(cell, old.engine.cells[cell], subjects, _named(old, cell, forced))
                after = new.symbols.answer(cell, new.engine.cells[cell], subjects, _named(new, cell, forced))
            except Refuse:
                continue
            if differing := [sid for sid in before if before[sid] != after.get(sid)]:
                key = (cell.table, cell.role, tuple(sorted(forced.items())), len(differing))
                found.setdefault(key, []).append(cell)
                break
    return [_told(key, cells) for key, cells in found.items()]


def _expressions(one: Measured, cell: Cell, api: Api) -> set[str]:
    return {
        attribute.text
        for attribute in one.symbols.compiled[cell].attributes
        if attribute.text not in api.user_expressions and one.symbols.types.get(attribute.name) == "boolean"
    }


def _named(one: Measured, cell: Cell, forced: dict[str, bool]) -> dict[str, bool]:
    return {
        attribute.name: forced[attribute.text]
        for attribute in one.symbols.compiled[cell].attributes
        if attribute.text in forced
    }


def _told(key: tuple[str, str, tuple[tuple[str, bool], ...], int], cells: list[Cell]) -> RowDifference:
    table, role, forced, number = key
    commands = tuple(dict.fromkeys(PHASE_WORDS[cell.phase] for cell in cells))
    said = " and ".join(f"`{text}` {str(value).lower()}" for text, value in forced)
    return RowDifference(
        table=table,
        role=role,
        commands=commands,
        direction="changed",
        subjects=(),
        how_many=number,
        rows=0,
        keys=(),
        because=(said,),
        sentence=f'claims that make {said} would change which rows of "{table}" {number} subjects of {role} can {" and ".join(commands)}',
    )
