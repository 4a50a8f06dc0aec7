"""The cross-check through the real machinery: what a role truly reads and writes, against what the predicates say.

Independent of effective(), of the universes and of both engines: PostgreSQL applies its own policies to its own tables.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from pg_deploy.access.engines.compared_sides import Side
from pg_deploy.access.engines.engine_by_impersonation import Answer, Answers, Cell, RealEngine
from pg_deploy.access.engines.universe import matched
from pg_deploy.access.facts.api import Api
from pg_deploy.access.predicates.reach import Relation
from pg_deploy.access.predicates.subjects import MADE, NEVER, Subject
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import Connection

NOT_PERMITTED = "42501"
"""What the server answers if a grant is missing, or if a new row violates a policy."""
MOST_DELETED = 2_000
"""Rows that a sample deletes at most, before the deletion is rolled back."""


@dataclass(frozen=True)
class Disagreement:
    """A place where the real machinery and the predicates differ: it is never resolved, and always shown."""

    side: str
    cell: Cell
    subject: str
    expected: str
    found: str

    @property
    def sentence(self) -> str:
        """For people."""
        return (
            f'on the {self.side} side, {self.subject} really gets {self.found} in "{self.cell.table}" ({self.cell.phase}),'
            f" while the predicates say {self.expected}: not proved"
        )


@contextmanager
def acting_as(
    connection: Connection,
    api: Api,
    role: str,
    claims: str,
    settings: Mapping[str, str] | None = None,
    *,
    is_copy: bool = True,
) -> Iterator[None]:
    """Be the subject until the block ends; everything done meanwhile is rolled back.

    On a copy names are looked up as in the role's own sessions. On the target search_path is empty: an object found by its name
    alone could set the role back to ours.
    """
    with connection.transaction(force_rollback=True):
        for name, value in (settings or {}).items():
            connection.execute("select set_config(%s, %s, true)", [name, value])
        connection.execute(
            "select set_config(%s, %s, true), set_config(%s, '', true), set_config('role', %s, true),"
            " set_config('search_path', %s, true)",
            [api.claims_setting, claims, api.sub_setting, role, api.path_of(role) if is_copy else ""],
        )
        yield


def digest_query(relation: Relation, whole: str = "t::text") -> str:
    """The query of the number of a relation's rows and of two digests of their keys, as the weights of a universe have them.

    Rows without a key are digested as `whole`, the expression of a row `t` as text.
    """
    if relation.key:
        key = f"row({', '.join('t.' + quote(part) for part in relation.key)})"
        return f"{_hashes('hash_record_extended', key)} from {relation.quoted} t"
    return text_digest_query(relation, whole)


def text_digest_query(relation: Relation, row: str) -> str:
    """The query as digest_query(), for a relation without a key such as a view: `row` is the expression of a row `t` as text."""
    return f"{_hashes('hashtextextended', row)} from {relation.quoted} t"


def _hashes(function: str, value: str) -> str:
    return (
        f"select count(*), coalesce(bit_xor({function}({value}, 11)), 0), coalesce(bit_xor({function}({value}, 23)), 0)"
    )


def read_as(
    connection: Connection,
    api: Api,
    subject: Subject,
    query: str,
    *,
    seconds: float,
) -> Answer | None:
    """What a digest's query gives the subject, through the real policies; None if it takes longer than `seconds`. Reads only."""
    with acting_as(connection, api, subject.role, subject.claims, subject.settings):
        try:
            with connection.transaction():
                _limit(connection, seconds)
                row = connection.execute(query.encode()).fetchone()
        except psycopg.errors.QueryCanceled:
            return None
        except psycopg.Error as error:
            return Answer(0, 0, 0, f"{error.sqlstate} {str(error).splitlines()[0]}")
    return Answer(*row) if row else Answer(0, 0, 0)


def _limit(connection: Connection, seconds: float) -> None:
    connection.execute(
        "select set_config('statement_timeout', %s, true)", [f"{max(50, min(20_000, int(seconds * 1000)))}ms"]
    )


def cross_check(
    engine: RealEngine, expected: Answers, subjects: Sequence[Subject], deadline: float, apart: Collection[str] = ()
) -> tuple[list[Disagreement], int]:
    """Compare what these subjects really read with the rows of the tuples that the predicates allow.

    `expected` are the answers of an engine compiled with rows for every table. Returns what disagrees, and how many
    answers were compared before the deadline (monotonic). Tables `apart` have rows that the weights leave out, and are skipped.
    For a table without rows one subject of each role is asked: only rights can differ there. Reads only.
    """
    found: list[Disagreement] = []
    compared = 0
    empty = _EmptyTables(engine)
    for subject in subjects:
        for cell in sorted(expected):
            left = deadline - time.monotonic()
            if left <= 0:
                return found, compared
            if (
                cell.table in apart
                or cell.phase != "select"
                or cell.role != subject.role
                or engine.effective[cell].kind != "policies"
            ):
                continue
            if subject.sid not in expected[cell] or empty.was_asked(cell):
                continue
            said = expected[cell][subject.sid]
            relation = engine.side.relations[cell.table]
            query = digest_query(relation, engine.side.row_text(cell.table))
            really = read_as(engine.side.connection, engine.api, subject, query, seconds=left / 2)
            if really is None or (
                really.error
                and really.error.startswith(NOT_PERMITTED)
                and not said.error
                and _lacks_key(engine.side, relation, cell.role)
            ):
                continue
            compared += 1
            if (really.error is None) != (said.error is None) or (
                said.error is None
                and (said.allowed, said.first, said.second) != (really.allowed, really.first, really.second)
            ):
                found.append(Disagreement(engine.side.name, cell, subject.label, _shown(said), _shown(really)))
    return found, compared


def cross_check_writes(
    engine: RealEngine, expected: Answers, subjects: Sequence[Subject], deadline: float, apart: Collection[str] = ()
) -> tuple[list[Disagreement], int]:
    """Delete and insert for real, as these subjects, under savepoints, without triggers; nothing is kept.

    A delete without condition must remove as many rows as the predicates allow; a row that exists is inserted again:
    the policies speak before the unique index does. Tables without rows and the answer are as in cross_check().
    """
    found: list[Disagreement] = []
    compared = 0
    empty = _EmptyTables(engine)
    connection = engine.side.connection
    for subject in subjects:
        for table in sorted(engine.universes):
            relation = engine.side.relations[table]
            delete = Cell(table, "delete", subject.role)
            left = deadline - time.monotonic()
            if left <= 0:
                return found, compared
            if (
                table not in apart
                and subject.sid in expected.get(delete, {})
                and expected[delete][subject.sid].allowed <= MOST_DELETED
                and not empty.was_asked(delete)
            ):
                said = expected[delete][subject.sid]
                really = _delete(connection, engine.api, subject, relation, left / 2)
                compared += really is not None
                if said.error is None and really not in (None, str(said.allowed)):
                    found.append(
                        Disagreement(engine.side.name, delete, subject.label, f"{said.allowed} rows", f"{really} rows")
                    )
            insert = Cell(table, "insert", subject.role)
            if insert in engine.cells and relation.key and table not in empty.tables:
                disagreeing, tried = _try_inserts(engine, subject, relation, insert)
                found += disagreeing
                compared += tried
    return found, compared


class _EmptyTables:
    """The tables without rows. A cell of one is asked once: another subject of its role would get the same answer."""

    def __init__(self, engine: RealEngine) -> None:
        self.tables = {table for table in engine.universes if not _has_rows(engine.side, table)}
        self.asked: set[Cell] = set()

    def was_asked(self, cell: Cell) -> bool:
        """Whether this cell, if its table is empty, was asked before; from now on it was."""
        before = cell in self.asked
        self.asked.add(cell)
        return before and cell.table in self.tables


def _has_rows(side: Side, table: str) -> bool:
    row = side.connection.execute(f"select exists (select from {side.relations[table].quoted})".encode()).fetchone()
    return bool(row and row[0])


def _delete(connection: Connection, api: Api, subject: Subject, relation: Relation, seconds: float) -> str | None:
    with connection.transaction(force_rollback=True):
        connection.execute("set local session_replication_role = replica")
        _limit(connection, seconds)
        with acting_as(connection, api, subject.role, subject.claims, subject.settings):
            try:
                with connection.transaction():
                    return str(connection.execute(f"delete from {relation.quoted}".encode()).rowcount)
            except psycopg.errors.QueryCanceled:
                return None
            except psycopg.Error as error:
                return f"{error.sqlstate}"


def _try_inserts(
    engine: RealEngine, subject: Subject, relation: Relation, cell: Cell
) -> tuple[list[Disagreement], int]:
    """Insert one row that the predicates allow and one that they do not; what disagrees, and how many were tried."""
    connection = engine.side.connection
    question = engine.cells[cell]
    columns = insertable(connection, relation)
    found: list[Disagreement] = []
    tried = 0
    with acting_as(connection, engine.api, subject.role, subject.claims, subject.settings):
        try:
            with connection.transaction():
                allowed = [
                    row[0] for row in connection.execute(f"{engine.statement(question, 'tids')} limit 1000".encode())
                ]
        except psycopg.Error:
            return [], 0
    universe = engine.universes[cell.table]
    for expected in (True, False):
        place = "q.tid = any (%s)" if expected else "not q.tid = any (%s)"
        if not expected and len(allowed) == 1000:
            continue
        with connection.transaction(force_rollback=True):
            connection.execute("set local session_replication_role = replica")
            connection.execute(
                f"create temporary table access_proof_row on commit drop as select t.* from {relation.quoted} t"
                f" join {universe.name} q on {matched(universe)} where {place} limit 1".encode(),
                [allowed],
            )
            connection.execute("grant select on pg_temp.access_proof_row to public")
            if connection.execute("select from pg_temp.access_proof_row").fetchone() is None:
                continue
            with acting_as(connection, engine.api, subject.role, subject.claims, subject.settings):
                outcome = "allowed"
                try:
                    with connection.transaction():
                        connection.execute(
                            f"insert into {relation.quoted} ({columns}) overriding system value"
                            f" select {columns} from pg_temp.access_proof_row".encode()
                        )
                except psycopg.Error as error:
                    if error.sqlstate == NOT_PERMITTED:
                        outcome = "refused" if "row-level security" in str(error) else "no grant"
        tried += outcome != "no grant"
        if outcome != "no grant" and (outcome == "allowed") != expected:
            said = "allowed" if expected else "refused"
            found.append(
                Disagreement(engine.side.name, cell, subject.label, f"an insert {said}", f"an insert {outcome}")
            )
    return found, tried


def insertable(connection: Connection, relation: Relation) -> str:
    """The columns of a table that an insert may name, as SQL. Reads only."""
    rows = connection.execute(
        "select quote_ident(attname) from pg_catalog.pg_attribute"
        " where attrelid = %s and attnum > 0 and not attisdropped and attgenerated = '' order by attnum",
        [relation.id],
    ).fetchall()
    return ", ".join(row[0] for row in rows)


def _lacks_key(side: Side, relation: Relation, role: str) -> bool:
    return any(
        not row[0]
        for row in side.connection.execute(
            "select has_column_privilege(%s, %s::oid, column_name, 'select') from unnest(%s::text[]) column_name",
            [role, relation.id, relation.key],
        ).fetchall()
    )


def _shown(answer: Answer) -> str:
    return answer.error or f"{answer.allowed} rows (digest {answer.first:x})"


def choose_subjects(subjects: Sequence[Subject], answers: Answers, number: int) -> list[Subject]:
    """Subjects worth a sample: up to `number` users, from who reaches least to who reaches most, and everybody who is no user."""
    reach = _reach_of(answers)
    subjects = [subject for subject in subjects if subject.kind not in (MADE, NEVER)]
    users = [subject for subject in subjects if subject.claims and "sub" in json.loads(subject.claims)]
    ordered = sorted(users, key=lambda subject: (reach.get(subject.sid, 0), subject.sid))
    step = max(1, len(ordered) // max(1, number - 2))
    chosen = [*ordered[::step][: number - 1], *ordered[-1:]]
    sids = {subject.sid for subject in users}
    others = [subject for subject in subjects if subject.sid not in sids]
    return list(dict.fromkeys([*chosen, *others]))


def _reach_of(answers: Answers) -> dict[int, int]:
    """By subject, how many tuples all questions allow."""
    reach: dict[int, int] = {}
    # cells of one question share one dictionary
    for by_subject in {id(each): each for each in answers.values()}.values():
        for sid, answer in by_subject.items():
            reach[sid] = reach.get(sid, 0) + answer.allowed
    return reach
