"""What both engines say on one side."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from pg_deploy.access.engines.compared_sides import Side, prepare_scratch
from pg_deploy.access.engines.engine_by_impersonation import Answer, Answers, Cell, RealEngine
from pg_deploy.access.engines.engine_by_joins import SymbolicEngine
from pg_deploy.access.engines.universe import RowMap, Universe, build_universe
from pg_deploy.access.facts.api import Api
from pg_deploy.access.predicates.function_bodies import Refuse
from pg_deploy.access.predicates.subjects import Subject
from pg_deploy.postgres.session import one_line

SAMPLE = 8
"""Users in a sample; everybody who is no user is in it too."""


@dataclass(frozen=True)
class Measured:
    """The answers of both engines by cell and subject; `asked` are the subjects whom engine R asked.

    `refused` holds the cells that engine S does not answer, each with the reason.
    """

    side: Side
    real_engine: RealEngine
    symbolic_engine: SymbolicEngine
    real_answers: Answers
    asked: set[int]
    symbolic_answers: Mapping[Cell, Mapping[int, Answer]]
    refused: Mapping[Cell, str]
    timings: dict[str, float]

    @property
    def when(self) -> str:
        """The side, for people."""
        return "before" if self.side.name == "old" else "after"


def build(
    side: Side, subjects: tuple[Subject, ...], universes: Sequence[Universe]
) -> tuple[dict[str, Universe], dict[str, RowMap], dict[str, str]]:
    """Make the scratch schema; returns the universes and the row maps by table, and why that failed for which tables."""
    prepare_scratch(side, subjects)
    by_table: dict[str, Universe] = {}
    maps: dict[str, RowMap] = {}
    failed: dict[str, str] = {}
    for universe in universes:
        try:
            made, found = build_universe(side, universe)
        except psycopg.Error as error:
            if side.connection.closed:
                raise
            failed.update(dict.fromkeys(universe.tables, one_line(str(error))))
            continue
        maps.update(found)
        by_table.update(dict.fromkeys(universe.tables, made))
    return by_table, maps, failed


def measure(
    side: Side,
    api: Api,
    universes: dict[str, Universe],
    by_rows: set[str],
    subjects: tuple[Subject, ...],
    budget_s: float,
) -> Measured:
    """Run both engines; `by_rows` names the tables whose rows are digested instead of tuples."""
    mark = time.monotonic()
    real_engine = RealEngine(side, api, universes)
    real_engine.compile(by_rows)
    symbolic_engine = SymbolicEngine(side, api)
    symbolic_engine.compile({cell: real_engine.effective[cell] for cell in real_engine.cells})
    timings = {"compile": time.monotonic() - mark}
    mark = time.monotonic()
    symbolic_engine.evaluate(subjects)
    symbolic_answers: dict[Cell, Mapping[int, Answer]] = {}
    refused: dict[Cell, str] = {}
    for cell, question in real_engine.cells.items():
        reason = symbolic_engine.compiled[cell].refused
        try:
            if reason is None:
                symbolic_answers[cell] = symbolic_engine.answer(cell, question, subjects)
        except Refuse as refusal:
            reason = refusal.reason
        if reason is not None:
            refused[cell] = reason
    timings["symbolic"] = time.monotonic() - mark
    mark = time.monotonic()
    real_answers, asked = real_engine.run(_spread(subjects), mark + budget_s)
    timings["real"] = time.monotonic() - mark
    return Measured(side, real_engine, symbolic_engine, real_answers, asked, symbolic_answers, refused, timings)


def _spread(subjects: tuple[Subject, ...]) -> list[Subject]:
    """First those who are no user, then users in a scattered order, so that whoever was asked by a deadline is a fair sample."""
    users = [subject for subject in subjects if subject.user]
    others = [subject for subject in subjects if not subject.user]
    return others + sorted(users, key=lambda subject: (subject.sid * 2654435761) % 2**32)


def rows_of_samples(one: Measured, chosen: Sequence[Subject]) -> tuple[RealEngine, Answers]:
    """Ask engine R once more for some subjects: it digests rows in every table, without stand-ins. The cross-check expects that."""
    engine = RealEngine(one.side, one.real_engine.api, one.real_engine.universes, use_stand_ins=False)
    engine.inliner = one.real_engine.inliner
    engine.compile(set(one.real_engine.universes))
    answers, _ = engine.run(chosen)
    return engine, answers


def same_meaning(old: Measured, new: Measured, cell: Cell) -> bool:
    """Whether both sides' predicates were read to the same form, with the same expressions in it."""
    before, after = old.symbolic_engine.compiled[cell], new.symbolic_engine.compiled[cell]
    return not before.refused and before.text == after.text and _values(old, cell) == _values(new, cell)


def _values(one: Measured, cell: Cell) -> list[tuple[str, str]]:
    return sorted((attribute.role, attribute.text) for attribute in one.symbolic_engine.compiled[cell].attributes)
