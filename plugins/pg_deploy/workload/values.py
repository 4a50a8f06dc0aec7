"""Values for the parameters of a recorded statement, drawn from the rows themselves, so that its conditions meet rows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import pq

from pg_deploy.grammar import ast
from pg_deploy.grammar.errors import ParseError, PrintError, TooDeepError
from pg_deploy.parsing.expressions import column_names
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import LOCK_TIMEOUT_S, Connection, aborted_transaction
from pg_deploy.workload.asking import Answer
from pg_deploy.workload.chosen_values import Bounds, Row, chosen
from pg_deploy.workload.levels import Level, levels_of
from pg_deploy.workload.new_rows import NewRows, read_new_rows
from pg_deploy.workload.parameter_uses import How, Use, uses_of
from pg_deploy.workload.sender import Sender
from pg_deploy.workload.source_query import ROWS, Sample, SourceQuery, base_tables

SETS = 5
MOST_SENDERS = 3
TIMEOUT_S = 1.0
"""How long one look for rows may take: it is a query with a limit, and there is always a simpler one."""
_FEW_PAGES = 2_000
"""Of a table of fewer pages every row may be looked at."""
_DEFAULTS = {
    **dict.fromkeys(("smallint", "integer", "bigint", "numeric", "real", "double precision"), "1"),
    **dict.fromkeys(("text", "character varying", "character", "bytea", "name", "citext"), ""),
    **dict.fromkeys(
        ("date", "timestamp with time zone", "timestamp without time zone", "time without time zone"), "now"
    ),
    **dict.fromkeys(("json", "jsonb"), "{}"),
    "boolean": "true",
    "interval": "1 day",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "inet": "127.0.0.1",
}


@dataclass(frozen=True)
class Drawn:
    """One set of values, as text or None for null, and as whom the statement is sent with it.

    `is_from_rows` says whether there were rows to draw from, as that sender sees them.
    """

    values: tuple[str | None, ...]
    sender: Sender
    is_from_rows: bool


def draw(
    connection: Connection, answer: Answer, senders: Sequence[Sender], *, timeout_s: float = 10.0
) -> tuple[Drawn, ...]:
    """Up to five different sets for a statement that the server took, of at most three senders who see rows.

    `connection` is a superuser's, in autocommit. After `timeout_s` no other sender is tried. Reads only. Raises
    psycopg.OperationalError only if the connection is lost.
    """
    deadline = time.monotonic() + timeout_s
    drawing = _Drawing(connection, answer)
    found: list[list[Drawn]] = []
    for sender in senders:
        drawn = drawing.sets(sender)
        if drawn and drawn[0].is_from_rows:
            found.append(drawn)
        if len(found) == MOST_SENDERS or time.monotonic() > deadline:
            break
    if not found:
        found = [drawing.sets(sender, rows_of_anybody=True) for sender in senders[:1]]
    # In turn, so that each sender has some of the five.
    mixed = [each[place] for place in range(SETS) for each in found if place < len(each)]
    return tuple(dict.fromkeys(mixed))[:SETS]


def default_of(kind: str) -> str | None:
    """A value of a type, where nothing else is known."""
    return "{}" if kind.endswith("[]") else _DEFAULTS.get(kind)


class _Drawing:
    """One statement: its queries and uses, and the types of its parameters."""

    def __init__(self, connection: Connection, answer: Answer) -> None:
        self._connection = connection
        self._types = answer.parameters
        self._path = answer.form.path
        try:
            levels = levels_of(answer.form.text)
        except (ParseError, TooDeepError):
            levels = ()  # a word of a newer server
        self._uses = [(level, uses_of(level)) for level in levels]
        with self._reading():
            self._oids = [
                self._one("select %s::pg_catalog.regtype::pg_catalog.oid::bigint", each) for each in self._types
            ]

    def sets(self, sender: Sender, *, rows_of_anybody: bool = False) -> list[Drawn]:
        defaults = [default_of(kind) for kind in self._types]
        for use in (use for _, uses in self._uses for use in uses):
            if use.how in (How.LIMIT, How.OFFSET):
                defaults[use.number - 1] = "20" if use.how == How.LIMIT else "0"
        sets = [list(defaults) for _ in range(SETS)]
        is_from_rows = True
        levels = [(level, [use for use in uses if use.of is not None]) for level, uses in self._uses]
        asked = [each for each in levels if each[1]] or [each for each in levels if each[0].tables][-1:]
        for read, (level, uses) in enumerate(asked):
            query = SourceQuery(level, tuple(uses), self._types)
            new = self._new_rows(level, uses)
            bounds = {} if query.has_equality else self._bounds(level, uses)
            rows: list[Row] = []
            for number, values in enumerate(sets):
                if read or not rows:
                    # What an inner query was given decides which rows an outer one has.
                    rows = self._rows(query, sender, values, rows_of_anybody=rows_of_anybody)
                if not rows:
                    is_from_rows = False
                    break
                values[:] = chosen(query, rows, values, number, SETS, new, bounds)
        return [Drawn(values, sender, is_from_rows) for values in dict.fromkeys(map(tuple, sets))]

    def _rows(
        self, query: SourceQuery, sender: Sender, values: Sequence[str | None], *, rows_of_anybody: bool
    ) -> list[Row]:
        sample = self._sample(query.level)
        tries = [(True, False, True), (True, False, False), (False, False, False), (False, True, False)]
        for with_conditions, with_nulls, sampled in tries:
            if sampled and sample is None:
                continue
            try:
                text = query.text(sample if sampled else None, with_conditions=with_conditions, with_nulls=with_nulls)
            except (ParseError, PrintError, TooDeepError):
                return []
            rows = self._asked(text, sender, values)
            if rows:
                return rows
        are_columns = all(isinstance(use.of, ast.ColumnRef) or use.how == How.NEW_JSON for use in query.uses)
        if rows_of_anybody and are_columns and all(map(self._is_table, query.level.tables)):
            # Some may insert rows, and not read any. Nothing but columns of tables is read here: no code of anybody's runs.
            return self._asked(query.text(with_conditions=False, with_nulls=True), None, values)
        return []

    def _asked(self, text: str, sender: Sender | None, values: Sequence[str | None]) -> list[Row]:
        given = [None if value is None else value.encode() for value in values]
        try:
            with sender.sending(self._connection, timeout_s=TIMEOUT_S) if sender else self._reading():
                result = self._connection.pgconn.exec_params(text.encode(), given, self._oids)
        except psycopg.Error:
            if self._connection.closed or self._connection.broken:
                raise
            return []
        if result.status != pq.ExecStatus.TUPLES_OK:
            return []
        return [
            tuple(
                None if (value := result.get_value(row, column)) is None else value.decode()
                for column in range(result.nfields)
            )
            for row in range(result.ntuples)
        ]

    def _sample(self, level: Level) -> Sample | None:
        """Where the largest of the tables has more rows than are looked at, a share of it."""
        found: list[tuple[float, int, ast.RangeVar]] = []
        with self._reading():
            for table in base_tables(level):
                row = self._connection.execute(
                    "select c.reltuples, c.relpages from pg_catalog.pg_class c"
                    " where c.oid = pg_catalog.to_regclass(%s) and c.relkind in ('r', 'm', 'p')",
                    [_name(table)],
                ).fetchone()
                if row:
                    found.append((row[0], row[1], table))
        largest = max(found, key=lambda each: each[0], default=None)
        if largest is None or largest[0] <= 2 * ROWS:
            return None
        rows, pages, table = largest
        by_block = pages > _FEW_PAGES
        return Sample(table, min(100.0, 100 * max(2 * ROWS / rows, 20 / pages if by_block else 0.0)), by_block)

    def _is_table(self, node: ast.Node) -> bool:
        if not isinstance(node, ast.RangeVar):
            return False
        with self._reading():
            return bool(
                self._one(
                    "select count(*) from pg_catalog.pg_class where oid = pg_catalog.to_regclass(%s) and relkind in ('r', 'p')",
                    _name(node),
                )
            )

    def _new_rows(self, level: Level, uses: Sequence[Use]) -> NewRows:
        statement = level.statement
        if not isinstance(statement, ast.InsertStmt) or statement.onConflictClause or statement.relation is None:
            return NewRows()
        columns = frozenset(str(each.name) for each in statement.cols or ())
        with self._reading():
            return read_new_rows(self._connection, statement.relation, columns)

    def _bounds(self, level: Level, uses: Sequence[Use]) -> dict[int, Bounds]:
        """The histograms of the columns whose ranges the statement asks for, by the numbers of the parameters."""
        found = {}
        tables = {str(each.alias.aliasname if each.alias else each.relname): each for each in base_tables(level)}
        for use in uses:
            names = column_names(use.of)
            table = (
                tables.get(names[-2]) if len(names) > 1 else next(iter(tables.values())) if len(tables) == 1 else None
            )
            if use.how in (How.LOW, How.HIGH) and names and table is not None:
                with self._reading():
                    rows = self._connection.execute(
                        "select b.value from pg_catalog.pg_stats s cross join lateral pg_catalog.unnest("
                        " s.histogram_bounds::pg_catalog.text::pg_catalog.text[]) with ordinality as b (value, number)"
                        " join pg_catalog.pg_class c on c.relname = s.tablename"
                        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = s.schemaname"
                        " where c.oid = pg_catalog.to_regclass(%s) and s.attname = %s order by s.inherited desc, b.number",
                        [_name(table), names[-1]],
                    ).fetchall()
                found[use.number] = tuple(value for (value,) in rows)
        return {number: bounds for number, bounds in found.items() if bounds}

    def _one(self, query: str, value: str) -> int:
        row = self._connection.execute(query.encode(), [value]).fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with aborted_transaction(
            self._connection, timeout_s=TIMEOUT_S, lock_timeout_s=LOCK_TIMEOUT_S, role_search_path=True
        ):
            self._connection.execute("select pg_catalog.set_config('search_path', %s, true)", [self._path])
            yield


def _name(table: ast.RangeVar) -> str:
    return quote(*(str(each) for each in (table.schemaname, table.relname) if each))
