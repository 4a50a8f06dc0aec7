"""Engine S: the second opinion. Predicates compiled to joins, over all subjects and tuples at once, as a superuser.

It shares with engine R only which policies apply, the universes and the digest; neither impersonation nor row level
security takes part, except that closed expressions (auth.uid()) are evaluated for real.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import psycopg
from psycopg.rows import TupleRow

from pg_deploy.access.engines.compared_sides import Side
from pg_deploy.access.engines.compiler import Attribute, Compiler
from pg_deploy.access.engines.engine_by_impersonation import Answer, Cell, Question
from pg_deploy.access.engines.factoring import Cut, find_cuts, is_determined
from pg_deploy.access.facts.api import Api
from pg_deploy.access.predicates.alternatives import ROW
from pg_deploy.access.predicates.function_bodies import Functions, Refuse, Session
from pg_deploy.access.predicates.normal_form import SUBJECT, Alternative, from_clause, merge_same_rows
from pg_deploy.access.predicates.predicates import Effective, read_policies
from pg_deploy.access.predicates.reach import read_relations, read_unique_keys
from pg_deploy.access.predicates.subjects import Subject
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import one_line
from pg_deploy.postgres.sql_files import engine_sql

NOTHING = Answer(0, 0, 0)
_ATTRIBUTE = re.compile(rf"\b{SUBJECT}\.a\d+\b")
MOST_PAIRS = 60_000_000
"""Estimated allowed pairs of subject and tuple above which a predicate is refused as dense: memory, not time."""


@dataclass(frozen=True)
class Compiled:
    """What a cell was compiled to, or why it was refused."""

    alternatives: tuple[Alternative, ...] = ()
    attributes: frozenset[Attribute] = frozenset()
    refused: str | None = None

    @cached_property
    def clauses(self) -> tuple[str, ...]:
        """The alternatives as SQL."""
        return tuple(from_clause(alternative, None, None) for alternative in self.alternatives)

    @cached_property
    def text(self) -> str:
        """A comparable form: equal on both sides where the predicate means the same, whatever the data.

        A closed expression stands in it as it is: by its number two that swap their places would look alike.
        """
        meant = {f"{SUBJECT}.{each.name}": f"({each.role}: {each.text})" for each in self.attributes}

        def said(condition: str) -> str:
            return _ATTRIBUTE.sub(lambda found: meant.get(found[0], found[0]), condition)

        return "\n".join(
            sorted(
                " ; ".join([*(table for _, table in each.tables), *sorted(map(said, each.normal_texts))])
                for each in self.alternatives
            )
        )


@dataclass(frozen=True)
class _Digests:
    """The answers of a role's subjects: `every_tuple` for `unhindered` subjects, for others `shared` and what is their `own`."""

    unhindered: frozenset[int]
    every_tuple: Answer
    shared: Answer
    own: Mapping[int, Answer]

    def of(self, sid: int) -> Answer:
        """The answer of one subject."""
        return self.every_tuple if sid in self.unhindered else _sum(self.shared, self.own.get(sid, NOTHING))


@dataclass
class SymbolicEngine:
    """Engine S on one side."""

    side: Side
    api: Api
    compiler: Compiler = field(init=False)
    keys: dict[str, list[list[str]]] = field(default_factory=dict)
    compiled: dict[Cell, Compiled] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    _answers: dict[object, dict[int, Answer]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        connection = self.side.connection
        owners = connection.execute(
            "select distinct pg_get_userbyid(proowner)::text from pg_catalog.pg_proc where prosecdef"
        ).fetchall()
        roles = tuple(dict.fromkeys([*self.api.roles, *(row[0] for row in owners)]))
        wide = Api(roles=roles, ignored_schemas=())
        relations = {(r.schema, r.name): r for r in read_relations(connection, wide, everything=True)}
        named: dict[str, list[str]] = {}
        for schema, name, column in connection.execute(
            "select n.nspname::text, c.relname::text, a.attname::text from pg_catalog.pg_attribute a"
            " join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
            " where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')"
        ).fetchall():
            named.setdefault(f"{schema}.{name}", []).append(column)
        self.keys = read_unique_keys(connection)
        policies = read_policies(connection, wide)
        asks_session = self.side.definitions.asks_session
        self.compiler = Compiler(Functions(connection), relations, policies, named, asks_session)

    def compile(self, cells: Mapping[Cell, Effective]) -> None:
        """Compile every cell; what cannot be is refused with its reason, never guessed."""
        seen: dict[tuple[int, Effective, str], Compiled] = {}
        for cell, effective in cells.items():
            relation = self.side.relations[cell.table]
            key = (relation.id, effective, cell.role)
            if key not in seen:
                seen[key] = self._compile_one(effective, cell)
            self.compiled[cell] = seen[key]

    def _compile_one(self, effective: Effective, cell: Cell) -> Compiled:
        relation = self.side.relations[cell.table]
        self.compiler.aliases = 0
        try:
            found = self.compiler.compile(effective, relation, Session(cell.role, self.api.path_of(cell.role)))
            alternatives = tuple(
                merge_same_rows(alternative, lambda table: self.keys.get(table, [])) for alternative in found
            )
        except Refuse as refusal:
            return Compiled(refused=refusal.reason)
        unique = {from_clause(alternative, None, None): alternative for alternative in alternatives}
        return Compiled(tuple(unique.values()), frozenset(self.compiler.used))

    def evaluate(self, subjects: Sequence[Subject]) -> None:
        """Evaluate every attribute for real, for each of these subjects, as the role that is in force there.

        A predicate with an attribute that the role may not even ask is refused: engine R gets the error that users get.
        """
        attributes = list(self.compiler.attributes.values())
        connection = self.side.connection
        connection.execute(engine_sql("access/attributes"))
        connection.execute("create unlogged table access_proof.s as select sid, role from access_proof.subject")
        for role in dict.fromkeys(attribute.role for attribute in attributes):
            own = [attribute for attribute in attributes if attribute.role == role]
            # subjects of every role of the API enter the body of an owner's function
            subject_roles = [role] if role in self.api.roles else list(self.api.roles)
            refused = self._refused_to(role, own)
            for cell, compiled in self.compiled.items():
                if found := [reason for attribute, reason in refused.items() if attribute in compiled.attributes]:
                    self.compiled[cell] = Compiled(refused=found[0])
            if kept := [attribute for attribute in own if attribute not in refused]:
                self._evaluate_as(role, kept, subject_roles, subjects)
        connection.execute("create unique index on access_proof.s (sid); analyze access_proof.s")

    def _refused_to(self, role: str, own: Sequence[Attribute]) -> dict[Attribute, str]:
        """The attributes that the server does not let this role ask, each with what it says."""
        connection = self.side.connection
        found = {}
        try:
            connection.execute(f"set role {quote(role)}".encode())
            for attribute in own:
                try:
                    connection.execute(f"select ({attribute.text}) limit 0".encode())
                except psycopg.Error as error:
                    if connection.closed:
                        raise
                    found[attribute] = f'role "{role}" may not ask it: {one_line(str(error))}'
        finally:
            if not connection.closed:
                connection.execute("reset role")
        return found

    def _evaluate_as(
        self, role: str, own: Sequence[Attribute], subject_roles: Sequence[str], subjects: Sequence[Subject]
    ) -> None:
        connection = self.side.connection
        sids: dict[tuple[str, ...], list[int]] = {}
        for subject in subjects:
            if subject.role in subject_roles:
                sids.setdefault(subject.never, []).append(subject.sid)
        rows = [
            row for never, group in sids.items() for row in self._values_for(never, group, role, own, subject_roles)
        ]
        try:
            connection.execute(f"set role {quote(role)}".encode())
            types = [self._type_of(attribute.text) for attribute in own]
        finally:
            connection.execute("reset role")
        connection.execute("create temporary table access_proof_values (sid integer, texts text[])")
        with connection.cursor() as cursor, cursor.copy("copy access_proof_values from stdin") as copy:
            for sid, texts, errors in rows:
                copy.write_row((sid, texts))
                for error in errors:
                    if error is not None:
                        self.errors[sid] = error
        columns = ", ".join(
            f"(v.texts[{place}])::{kind} as {attribute.name}"
            for place, (attribute, kind) in enumerate(zip(own, types, strict=True), start=1)
        )
        connection.execute(
            f"create unlogged table access_proof.s_next as select s.*, {columns} from access_proof.s s"
            " left join pg_temp.access_proof_values v using (sid);"
            " drop table access_proof.s; alter table access_proof.s_next rename to s; drop table pg_temp.access_proof_values".encode()
        )

    def _values_for(
        self,
        never: tuple[str, ...],
        sids: Sequence[int],
        role: str,
        own: Sequence[Attribute],
        subject_roles: Sequence[str],
    ) -> list[TupleRow]:
        """The values of a role's attributes for these subjects, in the session that they ask in."""
        connection = self.side.session(never)
        connection.execute("deallocate all")
        rows = []
        try:
            connection.execute(f"set role {quote(role)}".encode())
            for place, attribute in enumerate(own, start=1):
                connection.execute(f"prepare access_proof_{place} as select ({attribute.text})::text".encode())
            for subject_role in subject_roles:
                rows += connection.execute(
                    "select * from access_proof.attributes(%s, %s, %s, %s, %s)",
                    [sids, subject_role, len(own), self.api.claims_setting, self.api.sub_setting],
                ).fetchall()
        finally:
            connection.execute("reset role")
        return rows

    def _type_of(self, text: str) -> str:
        """The type of an expression, which is not evaluated: without claims it might raise."""
        connection = self.side.connection
        described = connection.execute(f"select ({text}) limit 0".encode()).description
        row = connection.execute(
            "select format_type(%s::oid, null)", [described[0].type_code if described else 25]
        ).fetchone()
        return str(row[0]) if row else "text"

    def answer(self, cell: Cell, question: Question, subjects: Sequence[Subject]) -> dict[int, Answer]:
        """The answer of every subject of the cell's role, in the digest of `question`. Raises Refuse if it is dense.

        A subject for whom a closed expression raised has none: only the server knows which rows then raise, and which do not.
        """
        compiled = self.compiled[cell]
        key = (question.universe, question.weight, cell.role, compiled.clauses)
        if key not in self._answers:
            digests = self._digests(compiled, question, cell.role)
            self._answers[key] = {
                subject.sid: digests.of(subject.sid)
                for subject in subjects
                if subject.role == cell.role and not (compiled.attributes and subject.sid in self.errors)
            }
        return self._answers[key]

    def _digests(self, compiled: Compiled, question: Question, role: str) -> _Digests:
        universe = question.universe
        of_all = [each for each in compiled.alternatives if not each.uses(ROW)]
        of_tuples = [each for each in compiled.alternatives if each.uses(ROW) and not each.uses(SUBJECT)]
        of_pairs = [each for each in compiled.alternatives if each.uses(ROW) and each.uses(SUBJECT)]
        unhindered: set[int] = set()
        for alternative in of_all:
            rows = self._run(f"select distinct {SUBJECT}.sid{from_clause(alternative, None, role)}")
            unhindered.update(row[0] for row in rows)
        every_tuple = self._total(f"select tid, h1, h2 from {universe}", question.weight) if unhindered else NOTHING
        # A tuple may meet several rows of a table that is looked into.
        shared_text = " union ".join(
            f"select distinct {ROW}.tid, {ROW}.h1, {ROW}.h2{from_clause(each, universe, None)}" for each in of_tuples
        )
        shared = self._total(shared_text, question.weight) if of_tuples else NOTHING
        own: dict[int, Answer] = {}
        cuts = find_cuts(of_pairs[0]) if len(of_pairs) == 1 and not of_tuples else ()
        factored = next((found for cut in cuts if (found := self._factored(cut, universe, role, question))), None)
        if factored is not None:
            own = factored
        elif of_pairs:
            pairs = " union all ".join(
                f"select {SUBJECT}.sid, {ROW}.tid, {ROW}.h1, {ROW}.h2{from_clause(each, universe, role)}"
                for each in of_pairs
            )
            distinct = f"select distinct sid, tid, h1, h2 from ({pairs}) p"
            if of_tuples:
                distinct += f" where not exists (select from ({shared_text}) f where f.tid = p.tid)"
            self._require_sparse(distinct)
            measure = "count(*), bit_xor(h1), bit_xor(h2)"
            if question.weight:
                measure = "sum(n)::bigint, bit_xor(x1), bit_xor(x2)"
                distinct = f"select * from ({distinct}) d join {question.weight} w using (tid)"
            for row in self._run(f"select sid, {measure} from ({distinct}) y group by sid"):
                own[row[0]] = Answer(row[1], row[2], row[3])
        return _Digests(frozenset(unhindered), every_tuple, shared, own)

    def _factored(self, cut: Cut, universe: str, role: str, question: Question) -> dict[int, Answer] | None:
        """The answers by way of the cut, so that no pair has to be held; None if a tuple may have several links."""
        if not is_determined(cut.tuple_side, lambda table: self.keys.get(table, [])):
            return None
        tuples = (
            f"select {cut.tuple_link} as link, {ROW}.tid, {ROW}.h1, {ROW}.h2"
            f"{from_clause(cut.tuple_side, universe, None)}"
        )
        measure = "count(*) as n, bit_xor(h1) as a, bit_xor(h2) as b"
        if question.weight:
            tuples = f"select x.link, w.n, w.x1, w.x2 from ({tuples}) x join {question.weight} w using (tid)"
            measure = "sum(n)::bigint as n, bit_xor(x1) as a, bit_xor(x2) as b"
        subjects = (
            f"select distinct {SUBJECT}.sid, {cut.subject_link} as link{from_clause(cut.subject_side, None, role)}"
        )
        rows = self._run(
            f"with tuples as materialized (select link, {measure} from ({tuples}) t group by link),"
            f" subjects as materialized ({subjects})"
            " select sid, sum(n)::bigint, bit_xor(a), bit_xor(b) from subjects join tuples using (link) group by sid"
        )
        return {row[0]: Answer(row[1], row[2], row[3]) for row in rows}

    def _total(self, tuples: str, weight: str | None) -> Answer:
        if weight:
            query = (
                "select coalesce(sum(w.n), 0)::bigint, coalesce(bit_xor(w.x1), 0), coalesce(bit_xor(w.x2), 0)"
                f" from ({tuples}) x join {weight} w using (tid)"
            )
        else:
            query = f"select count(*), coalesce(bit_xor(h1), 0), coalesce(bit_xor(h2), 0) from ({tuples}) x"
        return Answer(*self._run(query)[0])

    def _require_sparse(self, query: str) -> None:
        plan = self._run(f"explain (format json) {query}")[0][0]
        rows = plan[0]["Plan"]["Plan Rows"]
        if rows > MOST_PAIRS:
            raise Refuse(f"about {rows} pairs of subject and tuple are allowed: too many to hold")

    def _run(self, query: str) -> list[TupleRow]:
        try:
            return self.side.connection.execute(query.encode()).fetchall()
        except psycopg.Error as error:
            raise Refuse(f"the compiled query fails: {str(error).splitlines()[0]}") from None


def _sum(first: Answer, second: Answer) -> Answer:
    return Answer(first.allowed + second.allowed, first.first ^ second.first, first.second ^ second.second)
