"""The access proof: two databases, one migrated, and the question whether anybody gained or lost anything.

What differs in the catalog comes first, and in whose closure it lies. What lies in a table's policies two engines ask every
subject about, that share as little as possible; views are read, functions called; then PostgreSQL's own machinery is asked
on samples. Whatever none of these can settle is not proved, and so is a kind of difference that nobody has thought of.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import psycopg

from pg_deploy.access.engines.compared_sides import Side, drop_scratch, open_side
from pg_deploy.access.engines.cross_check import Disagreement, choose_subjects, cross_check, cross_check_writes
from pg_deploy.access.engines.engine_by_impersonation import Cell
from pg_deploy.access.engines.measure import SAMPLE, Measured, build, measure, rows_of_samples
from pg_deploy.access.engines.rewritten_tables import both, moved_tables
from pg_deploy.access.engines.universe import RowMap, Universe, align, incomparable, plan_universes
from pg_deploy.access.facts.access_change import AccessChange
from pg_deploy.access.facts.api import Api, api_of
from pg_deploy.access.facts.differences import access_changes
from pg_deploy.access.facts.only_additions import only_adds
from pg_deploy.access.facts.settled_differences import TOLD_BY_ACCESS_CHANGES, Settlement, settle
from pg_deploy.access.facts.storage_buckets import find_bucket_changes
from pg_deploy.access.facts.unsettled import Unsettled
from pg_deploy.access.predicates.comparisons import conditions_by_column
from pg_deploy.access.predicates.occurring_values import mix_columns, occurring_values
from pg_deploy.access.predicates.predicates import PHASES, READING
from pg_deploy.access.predicates.subjects import MADE, NEVER, Subject, read_subjects
from pg_deploy.access.predicates.witnesses import Constants, constants_of
from pg_deploy.access.proof.calls import call_differences
from pg_deploy.access.proof.data_changes import DataChange, compare_rows
from pg_deploy.access.proof.drilldown import Drill, RowDifference, Suspect
from pg_deploy.access.proof.verdict import CellVerdict, judge
from pg_deploy.access.proof.views import view_differences
from pg_deploy.access.proof.writes import write_differences
from pg_deploy.catalog.dependencies import closure_of, text_of
from pg_deploy.catalog.kinds import RELATIONS, ROUTINES
from pg_deploy.catalog.names import identity_of, parsed
from pg_deploy.catalog.reader import Facts, read_facts
from pg_deploy.ledger.kinds.access import CellOutcome, Verdict
from pg_deploy.postgres.session import Connection, one_line

CROSS_CHECK_S = 10.0
"""How long samples are asked of the real machinery on each side, in seconds."""
VIEWS_S = 60.0
"""How long views are read, and how long functions are called, in seconds."""


@dataclass(frozen=True)
class Proof:
    """What is known about access before and after.

    `verdict` is `equal` (nothing that decides access to what existed before differs: neither what it rests on nor, where
    there may have been any, rows), `the same` (for every row and subject there is, and for the rows, claims and settings
    that could tell the two apart), `different`, or `not proved` (no difference was found, and `unsettled` says what was not
    proved and why). `compared` counts the answers of the real machinery on samples, `asked` the subjects to whom a
    question was put; both are 0 where none was.
    """

    verdict: Verdict
    changes: tuple[AccessChange, ...] = ()
    differences: tuple[RowDifference, ...] = ()
    data: tuple[DataChange, ...] = ()
    cells: tuple[CellVerdict, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    unsettled: tuple[Unsettled, ...] = ()
    notes: tuple[str, ...] = ()
    subjects: int = 0
    asked: int = 0
    compared: int = 0
    answers: int = 0
    seconds: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)
    kinds: tuple[tuple[str, str], ...] = ()
    """The pairs of role and kind of subject that were asked."""

    @property
    def opened(self) -> tuple[AccessChange, ...]:
        """What is new and within reach of the API: to be declared in access.yaml."""
        return tuple(change for change in self.changes if change.object_is_new and change.decides)

    @property
    def found(self) -> tuple[AccessChange | RowDifference, ...]:
        """Every difference on what existed before, of the catalog and of rows."""
        return (*(change for change in self.changes if change.decides and not change.object_is_new), *self.differences)


def prove(
    old: Connection,
    new: Connection,
    *,
    api: Api | None = None,
    data_may_differ: bool = True,
    budget_s: float = 900.0,
    facts: tuple[Facts, Facts] | None = None,
    keep_scratch: bool = False,
    cross_check_s: float = CROSS_CHECK_S,
) -> Proof:
    """Compare access in two databases made from one template, of which `new` was migrated.

    Both connections are a superuser's in autocommit, and nobody else writes there. Each database gets a scratch schema
    access_proof, dropped at the end. `data_may_differ` is false only for a migration without any DML: rows are not looked
    at then. Engine R stops asking after `budget_s` seconds and says how many it asked, evenly spread. `facts` are those of
    the two databases, read here if they are not given. `cross_check_s` bounds the samples asked of the real machinery,
    a side. `api` is found from the facts if it is not given.
    """
    started = time.monotonic()
    before, after = facts if facts is not None else both(read_facts, old, new)
    api = api or api_of(before, after)
    moved = moved_tables(old, new) if data_may_differ else frozenset()
    beside = find_bucket_changes(old, new, moved)
    changes = (*access_changes(before, after, api), *beside)
    # the scheduler's own rows are told of as jobs
    moved = frozenset(name for name in moved - _new_tables(before, after) if not name.startswith("cron."))
    settlement = settle(before, after, api, moved)
    if not moved and only_adds(before, after, changes):
        settlement = replace(settlement, tables=frozenset(), views=frozenset(), functions=frozenset())
    if _tells_for_all(changes):
        every = frozenset(fact.identity for fact in before.facts if fact.kind in RELATIONS)
        settlement = replace(settlement, tables=settlement.tables | every)
    if not (settlement.tables or settlement.views or settlement.functions or settlement.relations_written_otherwise):
        proof = Proof(Verdict.NOT_PROVED, changes, unsettled=settlement.unsettled)
        return _with_verdict(proof, time.monotonic() - started, otherwise=Verdict.EQUAL)
    sides = both(lambda part: open_side(part[0], part[1], api), ("old", old), ("new", new))
    try:
        try:
            return _prove_rows(
                sides, api, (before, after), changes, settlement, moved, budget_s, cross_check_s, started
            )
        except psycopg.Error as error:
            if any(side.connection.closed for side in sides):
                raise
            reason = f"the rows could not be compared: {one_line(str(error))}"
            proof = Proof(Verdict.NOT_PROVED, changes, unsettled=(*settlement.unsettled, Unsettled("*", reason)))
            return _with_verdict(proof, time.monotonic() - started)
    finally:
        for side in sides:
            side.close_sessions()
            if not keep_scratch and not side.connection.closed:
                drop_scratch(side)


def _tells_for_all(changes: Iterable[AccessChange]) -> bool:
    """Whether a change of the catalog may change what everybody gets anywhere, such as a role's membership."""
    return any(change.decides and not change.object_is_new for change in changes)


def _new_tables(before: Facts, after: Facts) -> frozenset[str]:
    """Tables and materialized views that only came: their rows are in nobody's way before."""
    return frozenset(
        fact.identity.plain
        for fact in after.facts
        if fact.kind in ("table", "materialized view") and fact.key not in before.by_key
    )


def _plain(names: Iterable[str]) -> frozenset[str]:
    return frozenset(parsed("table", name).plain for name in names)


def _prove_rows(
    sides: tuple[Side, Side],
    api: Api,
    facts: tuple[Facts, Facts],
    changes: tuple[AccessChange, ...],
    settlement: Settlement,
    moved: frozenset[str],
    budget_s: float,
    cross_check_s: float,
    started: float,
) -> Proof:
    old, new = sides
    timings = {"catalog": time.monotonic() - started}
    for table in old.columns.keys() & new.columns.keys():
        shared = frozenset(old.columns[table]) & frozenset(new.columns[table])
        old.shared[table] = new.shared[table] = shared
    wanted = _plain(settlement.tables)
    settled = frozenset(name for name in old.relations.keys() & new.relations.keys() if name not in wanted)
    by_table = {name: _constants(name, *facts) for name in wanted}
    all_constants = _constants_of_all(settlement, *facts)
    pool = occurring_values(old.connection, _words(settlement, *facts))
    subjects = read_subjects([old.connection, new.connection], api, all_constants, mix_columns(list(pool.values())))
    universes = plan_universes(old, new, settled, lambda table: by_table.get(table, {}))
    mark = time.monotonic()
    built = both(lambda part: build(part[0], subjects, part[1]), (old, universes[0]), (new, universes[1]))
    failed = {**built[0][2], **built[1][2]}
    unsettled = list(settlement.unsettled)
    unsettled += [Unsettled(table, f"its rows could not be compared: {reason}") for table, reason in failed.items()]
    for one in built:
        for table in failed:
            one[0].pop(table, None)
    for universe in {universe.number: universe for universe in built[0][0].values()}.values():
        align(old, new, universe)
    timings["universes"] = time.monotonic() - mark
    mark = time.monotonic()
    data, by_rows = _data(old, new, built[0], built[1])
    timings["rows"] = time.monotonic() - mark
    mark = time.monotonic()
    measured = both(
        lambda part: measure(part[0], api, part[1], by_rows, subjects, budget_s), (old, built[0][0]), (new, built[1][0])
    )
    timings["engines"] = time.monotonic() - mark
    mark = time.monotonic()
    apart = frozenset(change.table for change in data if change.added or not change.complete)
    disagreements, compared = _cross_checked(measured, subjects, cross_check_s, apart)
    timings["cross-check"] = time.monotonic() - mark
    mark = time.monotonic()
    cells, suspects = judge(measured[0], measured[1], api, subjects)
    suspects, unwritten, alike = _without_other_columns(old, new, measured, suspects)
    cells = tuple(replace(cell, verdict=CellOutcome.PROVED, kinds=()) if cell.cell in alike else cell for cell in cells)
    drill = Drill(
        measured[0],
        measured[1],
        {change.table: change for change in data},
        changes,
        subjects,
        tuple(each.sentence for each in settlement.differences if each.node[0] not in TOLD_BY_ACCESS_CHANGES),
    )
    differences = [*drill.explain(suspects), *_lost_rows(data, suspects)]
    timings["drill-down"] = time.monotonic() - mark
    mark = time.monotonic()
    of_views, unread, read = view_differences(
        old,
        new,
        api,
        _plain(settlement.views),
        subjects,
        seconds=VIEWS_S,
        moved=_plain(settlement.views_with_other_rows),
        defined=_plain(settlement.views_defined_otherwise),
    )
    chosen = choose_subjects(subjects, measured[0].real_answers, SAMPLE)
    asking = [*chosen, *_made(subjects)]
    doubts = [each.object for each in unsettled + unwritten] + [each.cell.table for each in disagreements]
    of_calls, uncalled, called = call_differences(
        old, new, api, _to_be_called(settlement, cells, doubts), asking, pool, seconds=VIEWS_S
    )
    timings["views and functions"] = time.monotonic() - mark
    mark = time.monotonic()
    # Where the migration wrote rows, two outcomes would differ by the rows.
    of_writes = write_differences(old, new, api, _plain(settlement.relations_written_otherwise) - moved, chosen)
    timings["writes for real"] = time.monotonic() - mark
    unsettled += [*_of_cells(cells), *unread, *uncalled, *unwritten]
    cells += tuple(
        CellVerdict(Cell(table, phase, role), CellOutcome.PROVED)
        for table in sorted(settled)
        if old.relations[table].is_table
        for phase in PHASES
        for role in api.roles
    )
    asked = len(measured[0].asked & measured[1].asked) if measured[0].real_engine.cells else 0
    proof = Proof(
        verdict=Verdict.NOT_PROVED,
        changes=changes,
        differences=tuple(dict.fromkeys([*differences, *of_views, *of_calls, *of_writes])),
        data=data,
        cells=cells,
        disagreements=tuple(disagreements),
        unsettled=tuple(dict.fromkeys(unsettled)),
        notes=tuple(_notes(cells)),
        subjects=len(subjects),
        asked=asked,
        compared=compared,
        answers=read + called,
        kinds=tuple(dict.fromkeys((subject.role, subject.kind) for subject in subjects)) if asked else (),
        timings={
            **timings,
            **{f"{m.side.name} {name}": value for m in measured for name, value in m.timings.items()},
        },
    )
    return _with_verdict(proof, time.monotonic() - started)


def _made(subjects: Sequence[Subject]) -> list[Subject]:
    """The sessions made up for the proof, and some that never set what is read."""
    return [each for each in subjects if each.kind == MADE] + [each for each in subjects if each.kind == NEVER][:SAMPLE]


def _to_be_called(settlement: Settlement, cells: Sequence[CellVerdict], doubts: Iterable[str]) -> frozenset[str]:
    """All functions but those that answer as their tables do, where both engines answered about each of these tables."""
    doubted = _plain(doubts) | {cell.cell.table for cell in cells if cell.verdict == CellOutcome.EQUAL}
    answered = {cell.cell.table for cell in cells} - doubted
    return settlement.functions - {name for name, read in settlement.carried.items() if _plain(read) <= answered}


def _texts(names: Iterable[tuple[str, str]], facts: Facts) -> list[str]:
    """What all that these rest on says: policies, views, functions."""
    closure = closure_of(facts)
    return closure.texts_of({node for name in names if name in facts.by_key for node in closure.of(name)})


def _constants(table: str, before: Facts, after: Facts) -> Mapping[str, Constants]:
    """By column: what the table's own policies, and the functions that they call with it, compare the column with."""
    sides: list[dict[str, list[str]]] = []
    for facts in (before, after):
        closure = closure_of(facts)
        found: dict[str, list[str]] = {}
        for fact in closure.parts.get(_quoted(table, facts), ()):
            if fact.kind == "policy":
                below = (facts.by_key[node] for node in closure.of(fact.key) if node in facts.by_key)
                bodies = [text_of(each).partition("\nAS ")[2] for each in below if each.kind in ROUTINES]
                for part in ("using", "with check"):
                    if part in fact.properties:
                        for column, texts in conditions_by_column(str(fact.properties[part]), table, bodies).items():
                            found.setdefault(column, []).extend(texts)
        sides.append(found)
    return {
        column: constants_of(sides[0].get(column, ()), sides[1].get(column, ()))
        for column in sides[0].keys() | sides[1].keys()
    }


def _quoted(table: str, facts: Facts) -> str:
    if ("table", table) in facts.by_key:
        return table
    return next(
        (fact.identity for fact in facts.facts if fact.kind == "table" and fact.identity.plain == table),
        table,
    )


def _asked_about(settlement: Settlement, facts: Facts) -> list[tuple[str, str]]:
    wanted = settlement.tables | settlement.views | settlement.functions
    return [fact.key for fact in facts.facts if fact.identity in wanted and fact.kind in (*RELATIONS, *ROUTINES)]


def _constants_of_all(settlement: Settlement, before: Facts, after: Facts) -> Constants:
    return constants_of(*(_texts(_asked_about(settlement, facts), facts) for facts in (before, after)))


def _words(settlement: Settlement, before: Facts, after: Facts) -> frozenset[str]:
    """Every word that what is asked about says, and the names of the tables that it rests on: a policy need not name its own."""
    found: set[str] = set()
    for facts in (before, after):
        closure, asked = closure_of(facts), _asked_about(settlement, facts)
        for text in _texts(asked, facts):
            found.update(re.findall(r"[^\W\d]\w*", text.lower()))
        nodes = {node for name in asked for node in closure.of(name) if node[0] in RELATIONS}
        found.update(identity_of(node).plain_name.lower() for node in nodes)
    return frozenset(found)


def _without_other_columns(
    old: Side, new: Side, measured: tuple[Measured, Measured], suspects: tuple[Suspect, ...]
) -> tuple[tuple[Suspect, ...], list[Unsettled], set[Cell]]:
    """Of tables whose columns are others, rows to be written cannot be compared: equal predicates settle them, else nothing.

    The suspects that count, what is not settled, and the cells that equal predicates settle.
    """
    kept = []
    alike = set()
    unsettled: dict[Unsettled, None] = {}
    for suspect in suspects:
        cell = suspect.cell
        columns = incomparable(old, new, cell.table)
        if not columns or cell.phase in READING:
            kept.append(suspect)
        elif measured[0].real_engine.effective[cell] != measured[1].real_engine.effective[cell]:
            named = ", ".join(columns)
            reason = f"what may be written there depends on {named}, which only one side has or has as another type"
            unsettled[Unsettled(cell.table, reason)] = None
        else:
            alike.add(cell)
    return tuple(kept), list(unsettled), alike


def _of_cells(cells: tuple[CellVerdict, ...]) -> list[Unsettled]:
    """What the engines do not settle: each reason once a table, with the number of roles and commands."""
    places: dict[tuple[str, str], int] = {}
    for cell in cells:
        for label in cell.labels:
            places[cell.cell.table, label] = places.get((cell.cell.table, label), 0) + 1
    return [Unsettled(table, label) for table, label in places]


def _notes(cells: tuple[CellVerdict, ...]) -> list[str]:
    return list(dict.fromkeys(note for cell in cells for note in cell.notes))


def _with_verdict(proof: Proof, seconds: float, *, otherwise: Verdict = Verdict.SAME) -> Proof:
    """`otherwise` is the verdict if nothing was found and nothing is left unsettled."""
    verdict = otherwise
    if proof.found:
        verdict = Verdict.DIFFERENT
    elif proof.disagreements or proof.unsettled:
        verdict = Verdict.NOT_PROVED
    elif unexplained := [cell.cell for cell in proof.cells if cell.verdict != CellOutcome.PROVED]:
        # never a verdict that nothing has to declare
        verdict = Verdict.NOT_PROVED
        tables = dict.fromkeys(cell.table for cell in unexplained)
        proof = replace(
            proof, unsettled=tuple(Unsettled(t, "its answers differ, and no row explains it") for t in tables)
        )
    return replace(proof, verdict=verdict, seconds=seconds)


def _data(
    old: Side,
    new: Side,
    before: tuple[dict[str, Universe], dict[str, RowMap], dict[str, str]],
    after: tuple[dict[str, Universe], dict[str, RowMap], dict[str, str]],
) -> tuple[tuple[DataChange, ...], set[str]]:
    changed = []
    by_rows: set[str] = set()
    for table, universe in before[0].items():
        others = None if universe.shared else after[0][table]
        if others is not None:
            by_rows.add(table)
        if before[1][table] != after[1][table]:
            by_rows.add(table)
            change = compare_rows(old, new, table, universe, others)
            if others is None or change.added or change.removed or not change.complete:
                changed.append(change)
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
    measured: tuple[Measured, Measured], subjects: Sequence[Subject], seconds: float, apart: frozenset[str]
) -> tuple[list[Disagreement], int]:
    """What the real machinery says otherwise, and how many of its answers were compared."""

    def check(one: Measured) -> tuple[list[Disagreement], int]:
        if not one.real_engine.cells:
            return [], 0
        chosen = choose_subjects(subjects, one.real_answers, SAMPLE)
        engine, expected = rows_of_samples(one, chosen)
        started = time.monotonic()
        writers = [subject for subject in chosen if subject.role == one.real_engine.api.signed_in]
        left_out = apart if one.side.name == "new" else frozenset()
        read, reads = cross_check(engine, expected, chosen, started + seconds / 2, left_out)
        written, writes = cross_check_writes(
            engine,
            expected,
            writers[:2] + writers[-4:] + [s for s in chosen if s not in writers],
            time.monotonic() + seconds / 2,
            left_out,
        )
        return read + written, reads + writes

    parts = both(check, *measured)
    return [found for part in parts for found in part[0]], sum(part[1] for part in parts)
