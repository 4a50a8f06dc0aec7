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
from pg_deploy.postgres.session import LOCK_TIMEOUT_S, Connection, aborted_transaction
from pg_deploy.workload.asking import Answer
from pg_deploy.workload.chosen_values import Bounds, Row, choose_values
from pg_deploy.workload.levels import Level, levels_of
from pg_deploy.workload.new_rows import NewRows, read_new_rows
from pg_deploy.workload.parameter_types import read_parameter_types
from pg_deploy.workload.parameter_uses import uses_of
from pg_deploy.workload.sender import Sender
from pg_deploy.workload.source_query import SourceQuery
from pg_deploy.workload.table_facts import is_table, name_of, read_histogram, read_sample
from pg_deploy.workload.uses import How, Use

SETS = 5
MOST_SENDERS = 3
TIMEOUT_S = 1.0
"""How long one look for rows may take: it is a query with a limit, and there is always a simpler one."""


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

    `connection` is a superuser's, in autocommit; there is at least one sender. After `timeout_s` no other sender is tried. Reads
    only. Raises psycopg.Error if the first sender cannot prepare the statement, or if the connection is lost.
    """
    deadline = time.monotonic() + timeout_s
    drawing = _Drawing(connection, answer, senders[0])
    found: list[list[Drawn]] = []
    for sender in senders:
        drawn = drawing.sets(sender)
        if drawn and drawn[0].is_from_rows:
            found.append(drawn)
        if len(found) == MOST_SENDERS or time.monotonic() > deadline:
            break
    if not found:
        found = [drawing.sets(senders[0], rows_of_anybody=True)]
    # In turn, so that each sender has some of the five.
    mixed = [each[place] for place in range(SETS) for each in found if place < len(each)]
    return tuple(dict.fromkeys(mixed))[:SETS]


class _Drawing:
    """One statement: its queries with the uses of parameters, and the parameters' types."""

    def __init__(self, connection: Connection, answer: Answer, sender: Sender) -> None:
        self._connection = connection
        self._path = answer.form.path
        self._types = read_parameter_types(connection, sender, answer.form, timeout_s=TIMEOUT_S)
        try:
            levels = levels_of(answer.form.text)
        except (ParseError, TooDeepError):
            levels = ()  # a word of a newer server
        self._uses = [(level, uses_of(level)) for level in levels]

    def sets(self, sender: Sender, *, rows_of_anybody: bool = False) -> list[Drawn]:
        defaults = [each.value for each in self._types]
        for use in (use for _, uses in self._uses for use in uses):
            if use.how in (How.LIMIT, How.OFFSET):
                defaults[use.number - 1] = "20" if use.how == How.LIMIT else "0"
        sets = [list(defaults) for _ in range(SETS)]
        is_from_rows = True
        levels = [(level, tuple(use for use in uses if use.of is not None)) for level, uses in self._uses]
        # A statement without such a parameter is still to be sent by somebody for whom its last query has rows.
        asked = [each for each in levels if each[1]] or [each for each in levels if each[0].tables][-1:]
        for place, (level, uses) in enumerate(asked):
            query = SourceQuery(level, uses, [each.name for each in self._types])
            new = self._new_rows(level)
            takes_old_rows = getattr(level.statement, "onConflictClause", None) is not None
            bounds = {} if query.has_equality else self._bounds(level, uses)
            rows: list[Row] = []
            for number, values in enumerate(sets):
                if place or not rows:
                    # What an inner query was given decides which rows an outer one has.
                    rows = self._rows(query, sender, values, rows_of_anybody=rows_of_anybody)
                if not rows:
                    is_from_rows = False
                    break
                is_there = takes_old_rows and number % 2 == 1
                # Two rows of a sample may hold the same: then the next rows are taken, if any of them differs.
                for shift in range(len(rows)):
                    shifted = rows[shift:] + rows[:shift]
                    chosen = choose_values(query, shifted, values, number, SETS, NewRows() if is_there else new, bounds)
                    if chosen not in sets[:number]:
                        break
                values[:] = chosen
        return [Drawn(values, sender, is_from_rows) for values in dict.fromkeys(map(tuple, sets))]

    def _rows(
        self, query: SourceQuery, sender: Sender, values: Sequence[str | None], *, rows_of_anybody: bool
    ) -> list[Row]:
        with self._reading():
            sample = read_sample(self._connection, query.level)
            are_tables = rows_of_anybody and all(is_table(self._connection, each) for each in query.level.tables)
        tries = [(True, False, True), (True, False, False), (False, False, False), (False, True, False)]
        for with_conditions, with_nulls, is_sampled in tries:
            if is_sampled and sample is None:
                continue
            try:
                text = query.text(
                    sample if is_sampled else None, with_conditions=with_conditions, with_nulls=with_nulls
                )
            except (ParseError, PrintError, TooDeepError):
                return []
            rows = self._asked(text, sender, values)
            if rows:
                return rows
        if are_tables and all(isinstance(use.of, ast.ColumnRef) or use.how == How.NEW_JSON for use in query.uses):
            # Some may insert rows, and not read any. Nothing but columns of tables is read here: no code of anybody's runs.
            return self._asked(query.text(with_conditions=False, with_nulls=True), None, values)
        return []

    def _asked(self, text: str, sender: Sender | None, values: Sequence[str | None]) -> list[Row]:
        given = [None if value is None else value.encode() for value in values]
        oids = [each.oid for each in self._types]
        try:
            with sender.sending(self._connection, timeout_s=TIMEOUT_S) if sender else self._reading():
                result = self._connection.pgconn.exec_params(text.encode(), given, oids)
        except psycopg.Error:
            if self._connection.closed or self._connection.broken:
                raise
            return []
        if result.status != pq.ExecStatus.TUPLES_OK:
            return []
        return [
            tuple(_text(result.get_value(row, column)) for column in range(result.nfields))
            for row in range(result.ntuples)
        ]

    def _new_rows(self, level: Level) -> NewRows:
        """What must be new in the rows of an insert."""
        statement = level.statement
        if not isinstance(statement, ast.InsertStmt) or statement.relation is None:
            return NewRows()
        columns = frozenset(str(each.name) for each in statement.cols or ())
        with self._reading():
            return read_new_rows(self._connection, name_of(statement.relation), columns)

    def _bounds(self, level: Level, uses: Sequence[Use]) -> dict[int, Bounds]:
        """The histograms of the columns whose ranges the statement asks for, by the numbers of the parameters."""
        ranges = [use for use in uses if use.how in (How.LOW, How.HIGH)]
        with self._reading():
            found = {use.number: read_histogram(self._connection, level, use.of) for use in ranges}
        return {number: bounds for number, bounds in found.items() if bounds}

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with aborted_transaction(
            self._connection, timeout_s=TIMEOUT_S, lock_timeout_s=LOCK_TIMEOUT_S, role_search_path=True
        ):
            self._connection.execute("select pg_catalog.set_config('search_path', %s, true)", [self._path])
            yield


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
