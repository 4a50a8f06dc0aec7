"""The access proof: two databases, one migrated, and the question whether anybody gained or lost anything.

The catalog comes first; then two engines that share as little as possible ask every subject; then PostgreSQL's own
machinery is asked on samples. The word "proved" needs all of them to agree.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from pg_deploy.access.additions import only_adds
from pg_deploy.access.api import SUPABASE, Api
from pg_deploy.access.change import AccessChange
from pg_deploy.access.claims import forced_differences
from pg_deploy.access.datachanges import DataChange, compare_rows
from pg_deploy.access.differences import access_changes
from pg_deploy.access.drilldown import Drill, RowDifference, Suspect, view_differences
from pg_deploy.access.facts import access_facts
from pg_deploy.access.measure import SAMPLE, Measured, build, measure, rows_of_samples
from pg_deploy.access.moved import both, moved_tables
from pg_deploy.access.predicates import PHASES
from pg_deploy.access.real import Cell
from pg_deploy.access.rowsets import Disagreement, choose_subjects, cross_check, cross_check_writes
from pg_deploy.access.sides import Side, drop_scratch, open_side
from pg_deploy.access.subjects import Subject, read_subjects
from pg_deploy.access.universe import RowMap, Universe, incomparable, plan_universes
from pg_deploy.access.untouched import untouched
from pg_deploy.access.verdict import CellVerdict, judge
from pg_deploy.catalog.reader import Facts, read_facts
from pg_deploy.session import Connection

CROSS_CHECK_S = 10.0
"""How long samples are asked of the real machinery on each side, in seconds."""


@dataclass(frozen=True)
class Proof:
    """What is known about access before and after.

    `verdict` is `equal by catalog` (nothing that decides access to what existed before differs: neither the catalog nor,
    where there may have been any, rows), `proved unchanged`, `different`, or `not proved` (no difference was found, and
    `labels` say what was not proved and why). `compared` counts the answers of the real machinery on samples.
    """

    verdict: str
    changes: tuple[AccessChange, ...] = ()
    differences: tuple[RowDifference, ...] = ()
    data: tuple[DataChange, ...] = ()
    cells: tuple[CellVerdict, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    labels: tuple[str, ...] = ()
    subjects: int = 0
    asked: int = 0
    compared: int = 0
    seconds: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)
    kinds: tuple[tuple[str, str], ...] = ()
    """The pairs of role and kind of subject that were asked."""

    @property
    def opened(self) -> tuple[AccessChange, ...]:
        """What is new and within reach of the API: to be declared in access.yaml."""
        return tuple(change for change in self.changes if change.opened and change.decides)

    @property
    def found(self) -> tuple[AccessChange | RowDifference, ...]:
        """Every difference on what existed before, of the catalog and of rows."""
        return (*(change for change in self.changes if change.decides and not change.opened), *self.differences)


def prove(
    old: Connection,
    new: Connection,
    *,
    api: Api = SUPABASE,
    data_may_differ: bool = True,
    budget_s: float = 900.0,
    facts: tuple[Facts, Facts] | None = None,
    keep_scratch: bool = False,
    cross_check_s: float = CROSS_CHECK_S,
) -> Proof:
    """Compare access in two databases made from one template, of which `new` was migrated.

    Both connections are a superuser's in autocommit, and nobody else writes there. Each database gets a scratch schema
    access_proof, dropped at the end. `data_may_differ` is false only for a migration without any DML: then equal access
    facts are enough. Engine R stops asking after `budget_s` seconds and says how many it asked, evenly spread. `facts` are those of the two
    databases, read here where they are not given. `cross_check_s` bounds the samples asked of the real machinery, a side.
    """
    started = time.monotonic()
    before, after = facts if facts is not None else both(read_facts, old, new)
    changes = access_changes(before, after, api)
    equal = access_facts(before, api).fingerprint == access_facts(after, api).fingerprint
    settled = equal or only_adds(before, after, changes, api)
    if settled and not data_may_differ:
        return Proof("equal by catalog", changes, seconds=time.monotonic() - started)
    moved = moved_tables(old, new) - _new_tables(before, after)
    # a job of the scheduler decides nothing, and what mentions the scheduler is no mere addition
    if not {name for name in moved if not name.startswith("cron.")} and only_adds(before, after, changes, api):
        return Proof("equal by catalog", changes, seconds=time.monotonic() - started)
    sides = both(lambda part: open_side(part[0], part[1], api), ("old", old), ("new", new))
    try:
        return _prove_rows(sides, api, changes, moved, budget_s, cross_check_s, started)
    finally:
        for side in sides:
            if not keep_scratch and not side.connection.closed:
                drop_scratch(side)


def _new_tables(before: Facts, after: Facts) -> frozenset[str]:
    """Tables and materialized views that only came: their rows are in nobody's way before."""
    return frozenset(
        fact.identity.replace('"', "")
        for fact in after.facts
        if fact.kind in ("table", "materialized view") and (fact.kind, fact.identity) not in before.by_key
    )


def _prove_rows(
    sides: tuple[Side, Side],
    api: Api,
    changes: tuple[AccessChange, ...],
    moved: frozenset[str],
    budget_s: float,
    cross_check_s: float,
    started: float,
) -> Proof:
    old, new = sides
    timings = {"catalog": time.monotonic() - started}
    subjects = read_subjects([old.connection, new.connection], api)
    settled = untouched(old, new, changes, moved)
    universes = plan_universes(old, new, settled)
    mark = time.monotonic()
    built = both(lambda side: build(side, subjects, universes), old, new)
    timings["universes"] = time.monotonic() - mark
    mark = time.monotonic()
    data, by_rows = _data(old, new, built[0][0], built[0][1], built[1][1])
    timings["rows"] = time.monotonic() - mark
    mark = time.monotonic()
    measured = both(
        lambda part: measure(part[0], api, part[1], by_rows, subjects, budget_s), (old, built[0][0]), (new, built[1][0])
    )
    timings["engines"] = time.monotonic() - mark
    mark = time.monotonic()
    disagreements, compared = _cross_checked(measured, subjects, cross_check_s)
    timings["cross-check"] = time.monotonic() - mark
    mark = time.monotonic()
    cells, suspects = judge(measured[0], measured[1], api, subjects)
    drill = Drill(measured[0], measured[1], {change.table: change for change in data}, changes, subjects)
    differences = [*drill.explain(suspects), *forced_differences(measured[0], measured[1], api, subjects)]
    differences += _lost_rows(data, suspects)
    of_views, unread = view_differences(
        measured[0], measured[1], api, choose_subjects(old, subjects, measured[0].real, SAMPLE)
    )
    differences += of_views
    timings["drill-down"] = time.monotonic() - mark
    labels = dict.fromkeys([*_grouped(cells), *unread])
    for table in sorted(by_rows - {change.table for change in data}):
        labels[f'"{table}" had its columns changed: rows are compared, and rows to be written are not'] = None
    cells += tuple(
        CellVerdict(Cell(table, phase, role), "proved")
        for table in sorted(settled)
        for phase in PHASES
        for role in api.roles
    )
    asked = len(measured[0].asked & measured[1].asked)
    proof = Proof(
        verdict="",
        changes=changes,
        differences=tuple(dict.fromkeys(differences)),
        data=data,
        cells=cells,
        disagreements=tuple(disagreements),
        labels=tuple(labels),
        subjects=len(subjects),
        asked=asked,
        compared=compared,
        kinds=tuple(dict.fromkeys((subject.role, subject.kind) for subject in subjects)),
        timings={
            **timings,
            **{f"{m.side.name} {name}": value for m in measured for name, value in m.timings.items()},
        },
    )
    return _with_verdict(proof, time.monotonic() - started)


def _grouped(cells: tuple[CellVerdict, ...]) -> list[str]:
    """The labels, each reason once, with the first cell that has it and the number of the others."""
    places: dict[str, list[str]] = {}
    for cell in cells:
        for label in cell.labels:
            where, _, reason = label.partition("): ")
            places.setdefault(reason or label, []).append(f"{where})" if reason else "")
    return [
        f"{where[0]}{f' and {len(where) - 1} more' if len(where) > 1 else ''}: {reason}" if where[0] else reason
        for reason, where in places.items()
    ]


def _with_verdict(proof: Proof, seconds: float) -> Proof:
    if proof.found:
        verdict = "different"
    elif proof.disagreements or proof.labels or any(cell.verdict != "proved" for cell in proof.cells):
        verdict = "not proved"
    else:
        verdict = "proved unchanged"
    return Proof(**{**proof.__dict__, "verdict": verdict, "seconds": seconds})


def _data(
    old: Side, new: Side, universes: dict[str, Universe], before: dict[str, RowMap], after: dict[str, RowMap]
) -> tuple[tuple[DataChange, ...], set[str]]:
    changed = []
    by_rows: set[str] = set()
    for table, universe in universes.items():
        if incomparable(old, new, table):
            by_rows.add(table)
        if before[table] != after[table]:
            by_rows.add(table)
            changed.append(compare_rows(old, new, table, universe))
    return tuple(changed), by_rows


def _lost_rows(data: tuple[DataChange, ...], suspects: tuple[Suspect, ...]) -> list[RowDifference]:
    """Rows that a migration deletes are lost to everybody who could read them, bypassing roles included."""
    told = {suspect.cell.table for suspect in suspects}
    return [
        RowDifference.of_data(change)
        for change in data
        if (change.removed or not change.complete) and change.table not in told
    ]


def _cross_checked(
    measured: tuple[Measured, Measured], subjects: tuple[Subject, ...], seconds: float
) -> tuple[list[Disagreement], int]:
    """What the real machinery says otherwise, and how many of its answers were compared."""

    def check(one: Measured) -> tuple[list[Disagreement], int]:
        chosen = choose_subjects(one.side, subjects, one.real, SAMPLE)
        engine, expected = rows_of_samples(one, chosen)
        started = time.monotonic()
        writers = [subject for subject in chosen if subject.role == one.engine.api.signed_in]
        read, reads = cross_check(engine, expected, chosen, started + seconds / 2)
        written, writes = cross_check_writes(
            engine,
            expected,
            writers[:2] + writers[-4:] + [s for s in chosen if s not in writers],
            time.monotonic() + seconds / 2,
        )
        return read + written, reads + writes

    parts = both(check, *measured)
    return [found for part in parts for found in part[0]], sum(part[1] for part in parts)
