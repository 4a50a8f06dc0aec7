"""Engine R: the real predicates, asked of every subject, as the real role, over every tuple, by the database itself."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import psycopg

from pg_deploy.access.engines.compared_sides import Side
from pg_deploy.access.engines.plans import told_plan
from pg_deploy.access.engines.raising_rows import RaisingRows
from pg_deploy.access.engines.stand_ins import StandIns
from pg_deploy.access.engines.universe import Universe, weight_name
from pg_deploy.access.facts.api import Api
from pg_deploy.access.predicates.alternatives import ROW, alternatives_of
from pg_deploy.access.predicates.function_bodies import Functions, Session
from pg_deploy.access.predicates.inline import Inliner
from pg_deploy.access.predicates.predicates import PHASES, READING, Effective, Phase
from pg_deploy.access.predicates.subjects import Subject
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import Connection

BATCH = 250
"""Subjects that one call of the loop answers for, at most; it begins with few, to see a deadline in time."""
FIRST_BATCH = 8
RAISING_S = 120.0
"""How long questions that end in an error are asked without the rows that raise, in seconds."""
_HOPELESS = ("42P17", "54001", "57")
"""Errors of a statement as a whole: recursion of policies, too deep a stack, a session that ends."""


@dataclass(frozen=True, order=True)
class Cell:
    """One question of the proof: may this role, in this phase, touch which rows of this table?"""

    table: str
    phase: Phase
    role: str


class Answer(NamedTuple):
    """Allowed tuples (or rows) as a count and two digests, those that raise left out; and the error that the question ends in, if any.

    The error of tuples that no row has is none. `unread` says that an error hid the answers of other tuples.
    """

    allowed: int
    first: int
    second: int
    error: str | None = None
    unread: bool = False


@dataclass(frozen=True)
class Question:
    """One statement; several cells may share it. `weight` names the rows by tuple where rows are digested, not tuples."""

    universe: str
    alternatives: tuple[str, ...]
    weight: str | None = None
    digest: str | None = None
    """The statement of the digest by way of a stand-in, if there is one."""


Answers = Mapping[Cell, Mapping[int, Answer]]


@dataclass
class RealEngine:
    """Engine R on one side. `cells` says which question answers which cell."""

    side: Side
    api: Api
    universes: dict[str, Universe]
    use_stand_ins: bool = True
    inliner: Inliner = field(init=False)
    stand_ins: StandIns = field(init=False)
    cells: dict[Cell, Question] = field(default_factory=dict)
    effective: dict[Cell, Effective] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)
    """By the text of a statement that its role may not look up: the one that asks it with its names looked up before."""

    def __post_init__(self) -> None:
        self.inliner = Inliner(self.side.connection, Functions(self.side.connection), self.side.definitions)
        self.stand_ins = StandIns(self.side, self.api, self.inliner.views)

    def compile(self, by_rows: set[str]) -> None:
        """Find the statement of every cell; tables of `by_rows` have their rows digested in the phases that read."""
        for table, universe in self.universes.items():
            relation = self.side.relations[table]
            for role in self.api.roles:
                inlined = partial(self.inliner.predicate, session=Session(role, self.api.path_of(role)))
                for phase in PHASES:
                    cell = Cell(table, phase, role)
                    found = self.side.effective(table, phase, role)
                    self.effective[cell] = found
                    if found.kind == "denied":
                        continue
                    weight = weight_name(relation.id) if table in by_rows and phase in READING else None
                    alternatives = alternatives_of(found, relation.name, inlined)
                    digest = None
                    if self.use_stand_ins and len(alternatives) == 1 and weight is None and found.kind == "policies":
                        digest = self.stand_ins.digest(universe, alternatives[0], universe.read_by(phase))
                    self.cells[cell] = Question(universe.read_by(phase), alternatives, weight, digest)

    def statement(self, question: Question, columns: str = "digest") -> str:
        """The SQL of a question: its digest, or the allowed tuples' numbers."""
        text = self._text_of(question, columns)
        return self.stored.get(text, text)

    def _text_of(self, question: Question, columns: str) -> str:
        if columns == "digest" and question.digest is not None:
            return question.digest
        alternatives = " union ".join(
            f"select tid, h1, h2 from {question.universe} as {ROW} where {alternative}"
            for alternative in question.alternatives
        )
        if columns != "digest":
            return f"select tid from ({alternatives}) x"
        if question.weight:
            return (
                "select coalesce(sum(w.n), 0)::bigint, coalesce(bit_xor(w.x1), 0), coalesce(bit_xor(w.x2), 0)"
                f" from ({alternatives}) x join {question.weight} w on w.tid = x.tid"
            )
        return f"select count(*), coalesce(bit_xor(h1), 0), coalesce(bit_xor(h2), 0) from ({alternatives}) x"

    def run(self, subjects: Sequence[Subject], deadline: float | None = None) -> tuple[Answers, set[int]]:
        """The answers of every cell and subject, and which subjects were asked before the deadline (monotonic)."""
        # cells of one question share one dictionary, and so do questions of one plan
        shared: dict[tuple[str, Question], dict[int, Answer]] = {}
        asked: set[int] = set()
        raising_until = time.monotonic() + RAISING_S
        for role in self.api.roles:
            questions = list(dict.fromkeys(q for cell, q in self.cells.items() if cell.role == role))
            sids: dict[tuple[str, ...], list[int]] = {(): []}
            for subject in subjects:
                if subject.role == role:
                    sids.setdefault(subject.never, []).append(subject.sid)
            parts = [
                self._ask_all(never, role, questions, group, deadline, raising_until, asked)
                for never, group in sids.items()
            ]
            merged: dict[tuple[int, ...], dict[int, Answer]] = {}
            for question in questions:
                several = [part[question] for part in parts]
                key = tuple(map(id, several))
                shared[role, question] = merged.setdefault(key, {sid: a for each in several for sid, a in each.items()})
        return {cell: shared[cell.role, question] for cell, question in self.cells.items()}, asked

    def _ask_all(
        self,
        never: tuple[str, ...],
        role: str,
        questions: Sequence[Question],
        sids: Sequence[int],
        deadline: float | None,
        raising_until: float,
        asked: set[int],
    ) -> dict[Question, dict[int, Answer]]:
        """The answers of these subjects of a role, in the session that they ask in; whom it asked it puts into `asked`."""
        connection = self.side.session(never)
        connection.execute("deallocate all")
        try:
            connection.execute("set plan_cache_mode = force_generic_plan")
            self._act_as(connection, role)
            distinct, failed = self._prepare(connection, questions, role)
            answers: list[dict[int, Answer]] = [{} for _ in failed]
            by_rows: dict[int, RaisingRows] = {}
            asked_first = {place: question for question, place in reversed(distinct.items())}
            size, start = FIRST_BATCH, 0
            while start < len(sids) and (deadline is None or time.monotonic() < deadline):
                part = sids[start : start + size]
                start += size
                size = min(size * 2, BATCH)
                for sid, found in self._ask(connection, part, role, len(failed)):
                    asked.add(sid)
                    for place, error in enumerate(failed):
                        answers[place][sid] = Answer(0, 0, 0, error) if error else found[place]
                        if (raised := found[place].error) and not raised.startswith(_HOPELESS):
                            question = asked_first[place]
                            if place not in by_rows:
                                by_rows[place] = self._raising(connection, role, question, place, raising_until)
                            answers[place][sid] = self._without_raising(question, by_rows[place], sid, raised)
        finally:
            connection.execute("reset role; reset plan_cache_mode; set search_path = ''")
        return {question: answers[place] for question, place in distinct.items()}

    def _raising(
        self, connection: Connection, role: str, question: Question, place: int, deadline: float
    ) -> RaisingRows:
        """Prepare the alternatives of a question to be asked of some tuples."""
        statements = []
        for number, alternative in enumerate(question.alternatives, start=1):
            statements.append(f"access_proof_{place + 1}_{number}")
            # The part is made first: what is left out must not be asked.
            text = (
                f"with part as materialized (select * from {question.universe} where tid = any ($1))"
                f" select coalesce(array_agg(tid), '{{}}') from part as {ROW} where {alternative}"
            )
            try:
                connection.execute(f"prepare {statements[-1]} (integer[]) as {text}".encode())
            except psycopg.errors.InsufficientPrivilege:
                name = self._looked_up(connection, role, text, "(integer[]) returns integer[]")
                connection.execute(f"prepare {statements[-1]} (integer[]) as select {name}($1)".encode())
        universe = next(
            each for each in self.universes.values() if question.universe in (each.name, each.read_by("select"))
        )
        weights = [weight_name(self.side.relations[table].id) for table in universe.tables]
        stored = " union ".join(f"select tid from {weight}" for weight in weights)
        tids = f"select tid from {question.weight or question.universe} order by tid"
        return RaisingRows(
            connection,
            self.api,
            statements,
            [row[0] for row in connection.execute(tids.encode()).fetchall()],
            frozenset(row[0] for row in connection.execute(stored.encode()).fetchall()),
            deadline,
        )

    def _without_raising(self, question: Question, rows: RaisingRows, sid: int, error: str) -> Answer:
        found = rows.ask(sid)
        if not found.finished:
            return Answer(0, 0, 0, error, unread=True)
        measure = "count(*), coalesce(bit_xor(h1), 0), coalesce(bit_xor(h2), 0)"
        if question.weight:
            measure = "coalesce(sum(n), 0)::bigint, coalesce(bit_xor(x1), 0), coalesce(bit_xor(x2), 0)"
        row = rows.connection.execute(
            f"select {measure} from {question.weight or question.universe} where tid = any (%s)".encode(),
            [list(found.tids)],
        ).fetchone()
        allowed, first, second = row or (0, 0, 0)
        return Answer(allowed, first, second, error if found.raises else None)

    def _store(self, connection: Connection, question: Question, role: str) -> None:
        """Look up the names of a question once as ourselves: whom a policy applies to need not see the schemas that it names."""
        for columns, result in (("digest", "n bigint, a bigint, b bigint"), ("tids", "tid bigint")):
            text = self._text_of(question, columns)
            if text not in self.stored:
                name = self._looked_up(connection, role, text, f"() returns table ({result})")
                self.stored[text] = f"select * from {name}()"

    def _looked_up(self, connection: Connection, role: str, text: str, signature: str) -> str:
        """The name of a function of that text, whose names we looked up; the session is the role again afterwards."""
        name = f"access_proof.stored_{hashlib.sha256(text.encode()).hexdigest()[:24]}"
        connection.execute("reset role; set search_path = ''")
        try:
            connection.execute(
                f"create or replace function {name}{signature} language sql stable"
                f" begin atomic {text}; end; grant execute on function {name} to public".encode()
            )
        finally:
            self._act_as(connection, role)
        return name

    def _act_as(self, connection: Connection, role: str) -> None:
        connection.execute(f"set role {quote(role)}".encode())
        connection.execute("select set_config('search_path', %s, false)", [self.api.path_of(role)])

    def _prepare(
        self, connection: Connection, questions: Sequence[Question], role: str
    ) -> tuple[dict[Question, int], list[str | None]]:
        """Prepare a statement for each question, and none twice; says which answers which, and which fail with what.

        Questions that the server would run by one and the same plan, filters included, have one answer: an EXISTS and an IN
        often become one join.
        """
        distinct: dict[Question, int] = {}
        failed: list[str | None] = []
        plans: dict[str, int] = {}
        for question in questions:
            name = f"access_proof_{len(failed) + 1}"
            try:
                try:
                    connection.execute(f"prepare {name} as {self.statement(question)}".encode())
                except psycopg.errors.InsufficientPrivilege:
                    self._store(connection, question, role)
                    connection.execute(f"prepare {name} as {self.statement(question)}".encode())
            except psycopg.Error as error:
                if error.sqlstate is None:
                    raise
                connection.execute(f"prepare {name} as select 0::bigint, 0::bigint, 0::bigint".encode())
                distinct[question] = len(failed)
                failed.append(f"{error.sqlstate} {str(error).splitlines()[0]}")
                continue
            plan = told_plan(connection, name)
            if plan is not None and plan in plans:
                connection.execute(f"deallocate {name}".encode())
                distinct[question] = plans[plan]
                continue
            plans[plan or name] = distinct[question] = len(failed)
            failed.append(None)
        return distinct, failed

    def _ask(
        self, connection: Connection, sids: Sequence[int], role: str, statements: int
    ) -> list[tuple[int, list[Answer]]]:
        if not sids or not statements:
            return [(sid, []) for sid in sids]
        rows = connection.execute(
            "select * from access_proof.answers(%s, %s, %s, %s, %s)",
            [list(sids), role, statements, self.api.claims_setting, self.api.sub_setting],
        ).fetchall()
        return [
            (row[0], [Answer(*parts) for parts in zip(row[1], row[2], row[3], row[4], strict=True)]) for row in rows
        ]
