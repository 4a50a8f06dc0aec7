"""From a digest that differs to rows: who gained or lost what, how many rows, which, and what explains it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psycopg

from pg_deploy.access.engines.cross_check import acting_as
from pg_deploy.access.engines.engine_by_impersonation import Cell
from pg_deploy.access.engines.measure import Measured, same_meaning
from pg_deploy.access.engines.universe import matched, weight_name
from pg_deploy.access.facts.access_change import AccessChange, join_with_and
from pg_deploy.access.facts.policies import where_they_differ
from pg_deploy.access.predicates.predicates import PHASE_WORDS, PHASES, READING
from pg_deploy.access.predicates.subjects import Subject
from pg_deploy.access.proof.data_changes import DataChange, key_text
from pg_deploy.postgres.quoting import in_quotes, literal, many, quote

SHOWN = 5
MOST_TUPLES = 300_000


@dataclass(frozen=True)
class Suspect:
    """A cell that differs, and for whom: those of one cell who gain rows apart from those who lose some."""

    cell: Cell
    subjects: tuple[int, ...]


@dataclass(frozen=True)
class RowDifference:
    """Subjects who gained or lost rows: `rows` and up to five `keys` are those of the first of `subjects`.

    `how_many` subjects are concerned in all; `because` names policies, grants or data that explain it.
    """

    table: str
    role: str
    commands: tuple[str, ...]
    direction: str
    subjects: tuple[str, ...]
    how_many: int
    rows: int
    keys: tuple[str, ...]
    because: tuple[str, ...]
    sentence: str
    repeated: str = ""
    """The sentence if its cause was told of another one before; empty if it names none."""
    user: str | None = None
    """The id of the first of `subjects`, if that is a user."""

    @classmethod
    def of_data(cls, change: DataChange) -> RowDifference:
        """Rows that are gone for everybody."""
        return cls(
            table=change.table,
            role="every role",
            commands=("select",),
            direction="lost",
            subjects=(),
            how_many=0,
            rows=len(change.removed),
            keys=change.removed[:SHOWN],
            because=(change.sentence,),
            sentence=change.sentence,
        )


@dataclass(frozen=True)
class _Found:
    """What one subject gained and lost in a cell: counts and keys.

    `would_gain` and `would_lose` are contents that no row has today.
    """

    gained: int
    lost: int
    gained_keys: tuple[str, ...]
    lost_keys: tuple[str, ...]
    error: str | None = None
    had_error: str | None = None
    would_gain: tuple[str, ...] = ()
    would_lose: tuple[str, ...] = ()


class _Saying(NamedTuple):
    """What is said once of all cells that it holds of."""

    direction: str
    keys: tuple[str, ...]
    number: int
    because: tuple[str, ...]
    had_error: str | None


@dataclass(frozen=True)
class Drill:
    """Explains suspects with the engines of both sides still open."""

    old: Measured
    new: Measured
    data: Mapping[str, DataChange]
    changes: tuple[AccessChange, ...]
    subjects: tuple[Subject, ...]
    differs: tuple[str, ...] = ()
    """What else of the catalog differs, in sentences: the reason if nothing nearer is one."""

    def explain(self, suspects: Sequence[Suspect]) -> Iterator[RowDifference]:
        """One difference for each (table, role, subjects), with all its commands."""
        grouped: dict[tuple[str, str, tuple[int, ...]], list[Cell]] = {}
        for suspect in suspects:
            grouped.setdefault((suspect.cell.table, suspect.cell.role, suspect.subjects), []).append(suspect.cell)
        by_sid = {subject.sid: subject for subject in self.subjects}
        for (_, _, sids), cells in grouped.items():
            yield from self._one(cells, [by_sid[sid] for sid in sids])

    def _one(self, cells: list[Cell], subjects: list[Subject]) -> Iterator[RowDifference]:
        said: dict[_Saying, list[Cell]] = {}
        # Somebody who gets or loses a row of today says more than somebody who would.
        example = next((each for each in subjects[:SHOWN] if self._moves_rows(cells[0], each)), subjects[0])
        subjects = [example, *(each for each in subjects if each is not example)]
        for cell in cells:
            found = self._rows(cell, example)
            because = tuple(self._because(cell))
            if found.error:
                said.setdefault(_Saying("error", (found.error,), 0, because, found.had_error), []).append(cell)
            elif not found.gained and not found.lost:
                latent = (("gained", found.would_gain), ("lost", found.would_lose))
                for direction, contents in latent if found.would_gain or found.would_lose else (("changed", ()),):
                    if contents or direction == "changed":
                        said.setdefault(_Saying(direction, contents, 0, because, found.had_error), []).append(cell)
            for direction, number, keys in (
                ("gained", found.gained, found.gained_keys),
                ("lost", found.lost, found.lost_keys),
            ):
                if number:
                    said.setdefault(_Saying(direction, keys, number, because, found.had_error), []).append(cell)
        for saying, same in said.items():
            yield self._told(saying, same, subjects)

    def _moves_rows(self, cell: Cell, subject: Subject) -> bool:
        found = self._rows(cell, subject)
        return bool(found.gained or found.lost)

    def _told(self, saying: _Saying, cells: list[Cell], subjects: list[Subject]) -> RowDifference:
        direction, keys, number, because, had_error = saying
        table, role = cells[0].table, cells[0].role
        cells = sorted(cells, key=lambda cell: PHASES.index(cell.phase))
        commands = tuple(dict.fromkeys(PHASE_WORDS[cell.phase] for cell in cells))
        who = many(subjects[0].label, role, len(subjects))
        instead = f", where it was the error {had_error}" if had_error else ""
        writing = cells[0].phase not in READING
        if direction == "error" and had_error:
            sentence = f"{who} now get another error if they {join_with_and(commands)} {in_quotes(table)}: {keys[0]}"
        elif direction == "error":
            sentence = (
                f"{who} now get an error where they could {join_with_and(commands)} {in_quotes(table)}: {keys[0]}"
            )
        elif direction == "changed" and had_error:
            sentence = (
                f"{who} no longer get an error if they {join_with_and(commands)} {in_quotes(table)}, and reach no row"
            )
        elif direction == "changed":
            sentence = f"{who} can {join_with_and(commands)} other rows of {in_quotes(table)} than before"
        elif keys and not number:
            can = "could now" if direction == "gained" else "could no longer"
            rows = f"{join_with_and(commands)} rows of {in_quotes(table)} with {_listed(keys, len(keys))}"
            sentence = f"{who} {can} {rows}, of which there are none today"
        elif writing:
            can = "can now" if direction == "gained" else "can no longer"
            sentence = f"{who} {can} {join_with_and(commands)} rows of {in_quotes(table)} with {_listed(keys, number)}"
        else:
            can = "can now" if direction == "gained" else "can no longer"
            rows = f"{number} row{'' if number == 1 else 's'} of {in_quotes(table)}"
            sentence = f"{who} {can} {join_with_and(commands)} {rows} ({', '.join(keys)}{_more(number, SHOWN)})"
        sentence += instead
        return RowDifference(
            table=table,
            role=role,
            commands=commands,
            direction=direction,
            subjects=tuple(subject.label for subject in subjects[:SHOWN]),
            how_many=len(subjects),
            rows=0 if writing else number,
            keys=keys if number and direction in ("gained", "lost") else (),
            because=because,
            sentence=f"{sentence}, because {join_with_and(because)}" if because else sentence,
            repeated=f"{sentence}, for the same reason" if because else "",
            user=subjects[0].user,
        )

    def _rows(self, cell: Cell, subject: Subject) -> _Found:
        before, after = self.old.real_answers[cell].get(subject.sid), self.new.real_answers[cell].get(subject.sid)
        had_error = before.error if before and after and before.error != after.error else None
        if before and after and after.error and before.error != after.error:
            return _Found(0, 0, (), (), error=after.error, had_error=had_error)
        # Who got an error had nothing of it.
        had = {} if had_error else _tuples(self.old, cell, subject)
        has = _tuples(self.new, cell, subject)
        if had is None or has is None:
            return _Found(0, 0, (), (), had_error=had_error)
        gained, lost = has.keys() - had.keys(), had.keys() - has.keys()
        if cell.phase not in READING:
            return _Found(
                len(gained),
                len(lost),
                tuple(sorted(has[k][1] for k in gained))[:SHOWN],
                tuple(sorted(had[k][1] for k in lost))[:SHOWN],
                had_error=had_error,
            )
        more = _keys(self.new, cell, [has[key][0] for key in gained])
        less = _keys(self.old, cell, [had[key][0] for key in lost])
        change = self.data.get(cell.table)
        if change is None:
            would = [tuple(sorted(of[key][1] for key in keys))[:SHOWN] for of, keys in ((has, gained), (had, lost))]
            return _Found(
                more[0], less[0], more[1], less[1], had_error=had_error, would_gain=would[0], would_lose=would[1]
            )
        moved_in = {key for key, (_, now) in change.places.items() if now in has}
        moved_out = {key for key, (was, _) in change.places.items() if was in had}
        plus = tuple(dict.fromkeys([*sorted(moved_in - moved_out), *more[1]]))
        minus = tuple(dict.fromkeys([*sorted(moved_out - moved_in), *less[1]]))
        return _Found(
            max(len(moved_in - moved_out), more[0]),
            max(len(moved_out - moved_in), less[0]),
            plus[:SHOWN],
            minus[:SHOWN],
            had_error=had_error,
        )

    def _because(self, cell: Cell) -> Iterator[str]:
        before, after = self.old.real_engine.effective[cell], self.new.real_engine.effective[cell]
        if before.kind != after.kind:
            was, now = self.old.side.relations[cell.table], self.new.side.relations[cell.table]
            if was.secured != now.secured:
                yield f"row level security is {'now' if now.secured else 'no longer'} enabled"
            else:
                yield f'role "{cell.role}" now has {after.kind} and had {before.kind} (its attributes, memberships or ownership)'
            return
        if before != after and not same_meaning(self.old, self.new, cell):
            for name in sorted({*before.by, *after.by}):
                if name not in before.by:
                    yield f"policy {in_quotes(name)} now applies"
                elif name not in after.by:
                    yield f"policy {in_quotes(name)} no longer applies"
                elif _clause(self.old, cell, name) != _clause(self.new, cell, name):
                    yield f"policy {in_quotes(name)} {self._says(cell, name)}"
            return
        told = [
            change.sentence
            for change in self.changes
            if not change.object_is_new and (change.decides or change.commands == ("execute",))
        ]
        if cell.table in self.data:
            told.insert(0, self.data[cell.table].sentence)
        else:
            told += [change.sentence for change in self.data.values()]
        lookups = [
            change.sentence
            for change in self.changes
            if not change.object_is_new and not change.decides and change.object in self._read(cell)
        ]
        yield from (told or lookups or self.differs or ["rows of the tables that its policies read differ"])[:2]

    def _says(self, cell: Cell, name: str) -> str:
        was, is_now = where_they_differ(_flat(_clause(self.old, cell, name)), _flat(_clause(self.new, cell, name)), 200)
        return f"now says {is_now} where it said {was}"

    def _read(self, cell: Cell) -> set[str]:
        alternatives = (
            *self.old.symbolic_engine.compiled[cell].alternatives,
            *self.new.symbolic_engine.compiled[cell].alternatives,
        )
        return {table.replace('"', "") for alternative in alternatives for _, table in alternative.tables}


def _tuples(one: Measured, cell: Cell, subject: Subject) -> dict[tuple[int, int], tuple[int, str]] | None:
    """The allowed tuples by digest: number and values. None if there are too many to tell, or an error."""
    engine = one.real_engine
    universe = engine.universes[cell.table]
    shown = " || ' and ' || ".join(
        f"{literal(column.name + ' = ')} || coalesce(quote_literal(left(q.{quote(column.name)}::text, 80)), 'null')"
        for column in universe.columns
    )
    query = (
        f"select q.h1, q.h2, q.tid, {shown or chr(39) + 'any values' + chr(39)} from {universe.name} q"
        f" where q.tid in ({engine.statement(engine.cells[cell], 'tids')}) limit {MOST_TUPLES + 1}"
    )
    connection = one.side.session(subject.never)
    with acting_as(connection, engine.api, subject.role, subject.claims, subject.settings):
        try:
            with connection.transaction():
                rows = connection.execute(query.encode()).fetchall()
        except psycopg.Error:
            return None
    return None if len(rows) > MOST_TUPLES else {(row[0], row[1]): (row[2], row[3]) for row in rows}


def _keys(one: Measured, cell: Cell, tids: list[int]) -> tuple[int, tuple[str, ...]]:
    if not tids:
        return 0, ()
    connection = one.side.connection
    relation = one.side.relations[cell.table]
    universe = one.real_engine.universes[cell.table]
    row = connection.execute(
        f"select coalesce(sum(n), 0)::bigint from {weight_name(relation.id)} where tid = any (%s)".encode(), [tids]
    ).fetchone()
    keys = connection.execute(
        f"select {key_text(one.side, cell.table)} from {relation.quoted} t join {universe.name} q on {matched(universe)}"
        f" where q.tid = any (%s) order by 1 limit {SHOWN}".encode(),
        [tids],
    ).fetchall()
    return (row[0] if row else 0), tuple(key[0] for key in keys)


def _clause(one: Measured, cell: Cell, name: str) -> str:
    relation = one.side.relations[cell.table].id
    return next(
        (
            policy.clause(cell.phase) or ""
            for policy in one.side.policies
            if policy.relation == relation and policy.name == name
        ),
        "",
    )


def _flat(text: str) -> str:
    return f"({' '.join(text.split())})"


def _listed(contents: tuple[str, ...], number: int) -> str:
    """Up to three rows' contents: several columns of one are joined by a word, rows by a semicolon."""
    return "; ".join(contents[:3]) + ("; …" if number > 3 else "")


def _more(number: int, shown: int) -> str:
    return ", …" if number > shown else ""
