"""Asking the server about one statement without running it: can it be prepared, is it allowed, what comes back, by which plan.

A statement is prepared and its generic plan explained, as the role that sends it. EXPLAIN checks that role's rights as an execution
would; row level security stands in the plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import psycopg
from psycopg import pq, sql
from psycopg.pq import DiagnosticField

from pg_deploy.grammar.errors import ParseError
from pg_deploy.grammar.parser import scan
from pg_deploy.postgres.session import Connection, one_line
from pg_deploy.presentation.secrecy import without_secrets

TIMEOUT_MS = 5_000
"""How long one statement may take to be planned, or wait for a lock that somebody holds on one of its tables."""
_MOST_PREPARED = 100
FORBIDDEN = "42501"
_LATE = ("55P03", "57014")
# The same name whatever the search_path: else a type seems to be another one if only the path is. It is asked as the role and with
# the path that the statement has: an operator without its schema could be the application's own.
_TYPE_NAME = """
    select case when n.nspname operator(pg_catalog.<>) 'pg_catalog' and pg_catalog.pg_type_is_visible(t.oid)
        then pg_catalog.quote_ident(n.nspname) operator(pg_catalog.||) '.'
        else '' end operator(pg_catalog.||) pg_catalog.format_type(t.oid, %s)
    from pg_catalog.pg_type as t
    join pg_catalog.pg_namespace as n on n.oid operator(pg_catalog.=) t.typnamespace
    where t.oid operator(pg_catalog.=) %s::pg_catalog.oid
"""


@dataclass(frozen=True)
class Form:
    """How a statement is put to the server: its text, the search_path of the session, and the types of its parameters.

    The text is the recorded one, or the same statement in words that can be prepared. A type is a name that the server knows, "" if
    the server finds it by itself.
    """

    text: str
    path: str
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """What the server answers to a statement that it does not take: SQLSTATE, message, and where in the text (from 0)."""

    sqlstate: str
    message: str
    position: int | None = None
    of_session: bool = False
    """Whether the session could not take the role or the search_path: that says nothing of the statement."""

    @property
    def is_forbidden(self) -> bool:
        """Whether the role lacks a right."""
        return self.sqlstate == FORBIDDEN

    @property
    def is_late(self) -> bool:
        """Whether somebody held a lock, or planning took too long: that says nothing of the statement."""
        return self.sqlstate in _LATE

    @property
    def says_nothing(self) -> bool:
        """Whether it is no answer about the statement: the session could not ask it, or it came too late."""
        return self.of_session or self.is_late

    def token_in(self, text: str) -> str:
        """The word of the text that the server points at; "" if it points nowhere."""
        if self.position is None or self.position >= len(text):
            return ""
        try:
            ends = [token.end + 1 for token in scan(text) if token.start == self.position]
        except ParseError:
            ends = []
        return text[self.position : ends[0]] if ends else text[self.position :].split(maxsplit=1)[0]

    def line_in(self, text: str) -> tuple[str, int | None]:
        """The line of the text with that word, and how far the word is indented in it."""
        if self.position is None:
            return "", None
        start = text.rfind("\n", 0, self.position) + 1
        end = text.find("\n", self.position)
        return text[start : end if end >= 0 else len(text)], self.position - start


@dataclass(frozen=True)
class Answer:
    """What the server says of a statement in one form, as one role.

    `columns` are what comes back, by name and type; `parameters` the types that it took the parameters for. `plan` is EXPLAIN's
    JSON of the generic plan. After a refusal the fields that would have come next are empty.
    """

    form: Form
    refusal: Refusal | None = None
    columns: tuple[tuple[str, str], ...] = ()
    parameters: tuple[str, ...] = ()
    plan: str | None = field(default=None, repr=False)
    is_prepared: bool = True
    """Whether the server knows every name and type in it. A statement that is prepared may still be refused: the role may lack a right."""

    @cached_property
    def top(self) -> dict[str, Any]:
        """The plan's uppermost node; empty if there is none, for example if a rule does nothing in the statement's place."""
        plans = json.loads(self.plan) if self.plan else []
        return dict(plans[0].get("Plan", {})) if plans else {}

    @cached_property
    def relations(self) -> frozenset[str]:
        """The names of the relations that the plan reads or writes, without their schemas."""
        names, waiting = set(), [self.top]
        while waiting:
            node = waiting.pop()
            if "Relation Name" in node:
                names.add(str(node["Relation Name"]))
            waiting += node.get("Plans", ())
        return frozenset(names)

    @property
    def cost(self) -> float | None:
        """What the planner expects the whole statement to cost, in its own units."""
        return self.top.get("Total Cost")


class Asker:
    """Asks in one session, whose role and search_path it changes. Nothing is run: no row is read or written.

    The session must be in autocommit; it is put back at the end.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._types: dict[str, int] = {}
        self._names: dict[tuple[int, int], str] = {}
        self._set: tuple[str, str] | None = None
        self._role_refusal: Refusal | None = None
        self._count = 0
        self._prepared: list[bytes] = []

    def ask(self, role: str, form: Form, *, by_name_only: bool = False) -> Answer:
        """The answer of the server. `by_name_only` prepares and does not plan. Raises only if the connection is lost."""
        if len(self._prepared) >= _MOST_PREPARED:
            self.forget()
        refusal = self._become(role, form.path)
        if refusal is not None:
            return Answer(form, refusal, is_prepared=False)
        self._count += 1
        name = b"deploy_workload_%d" % self._count
        types = [self._oid(each) for each in form.types]
        connection = self._connection.pgconn
        result = connection.prepare(name, form.text.encode(), types or None)
        if result.status != pq.ExecStatus.COMMAND_OK:
            return Answer(form, self._refusal(result), is_prepared=False)
        self._prepared.append(name)
        described = connection.describe_prepared(name)
        columns = tuple(
            ((described.fname(number) or b"").decode(), self._type(described.ftype(number), described.fmod(number)))
            for number in range(described.nfields)
        )
        parameters = tuple(self._type(described.param_type(number)) for number in range(described.nparams))
        if by_name_only:
            return Answer(form, None, columns, parameters)
        nulls = f"({', '.join(['null'] * len(parameters))})" if parameters else ""
        explained = connection.exec_(b"explain (format json) execute %s%s" % (name, nulls.encode()))
        if explained.status != pq.ExecStatus.TUPLES_OK:
            refusal = self._refusal(explained)
            # The place is one in EXECUTE's text, not in the statement's.
            return Answer(form, Refusal(refusal.sqlstate, refusal.message), columns, parameters)
        return Answer(form, None, columns, parameters, (explained.get_value(0, 0) or b"").decode())

    def forget(self) -> None:
        """Free what was prepared: it takes memory, and the server plans each anew after a change of the catalog."""
        if self._prepared:
            self._connection.pgconn.exec_(b"; ".join(b"deallocate " + name for name in self._prepared))
            self._prepared.clear()

    def _become(self, role: str, path: str) -> Refusal | None:
        if self._set == (role, path):
            return self._role_refusal
        self._set, self._role_refusal = (role, path), None
        try:
            self._connection.execute("reset role")
            self._connection.execute("select pg_catalog.set_config('search_path', %s, false)", [path])
            self._connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        except psycopg.Error as error:
            if self._connection.closed or self._connection.broken:
                raise
            message = one_line(error.diag.message_primary or str(error))
            self._role_refusal = Refusal(error.sqlstate or "", message, of_session=True)
        return self._role_refusal

    def _refusal(self, result: pq.abc.PGresult) -> Refusal:
        state = result.error_field(DiagnosticField.SQLSTATE)
        if state is None or (state[:2] in {b"08", b"57"} and state != b"57014"):
            raise psycopg.OperationalError((result.error_message or b"the connection is lost").decode())
        message = (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"").decode()
        place = result.error_field(DiagnosticField.STATEMENT_POSITION)
        return Refusal(state.decode(), without_secrets(one_line(message)), int(place) - 1 if place else None)

    def _oid(self, name: str) -> int:
        if not name:
            return 0
        if name not in self._types:
            try:
                row = self._connection.execute(
                    "select %s::pg_catalog.regtype::pg_catalog.oid::pg_catalog.int8", [name]
                ).fetchone()
            except psycopg.errors.Error:
                row = None  # a word that a message calls a type need not be the name of one
            self._types[name] = row[0] if row else 0
        return self._types[name]

    def _type(self, oid: int, modifier: int = -1) -> str:
        if (oid, modifier) not in self._names:
            row = self._connection.execute(_TYPE_NAME, [modifier, oid]).fetchone()
            self._names[oid, modifier] = row[0] if row else str(oid)
        return self._names[oid, modifier]


@contextmanager
def asking(connection: Connection, timeout_ms: int = TIMEOUT_MS) -> Iterator[Asker]:
    """An asker on an autocommit connection, whose session is as before at the end. No question takes longer than the timeout."""
    connection.execute(
        f"set plan_cache_mode = force_generic_plan; set statement_timeout = {timeout_ms}; set lock_timeout = {timeout_ms}"
    )
    try:
        asker = Asker(connection)
        yield asker
    finally:
        if not (connection.closed or connection.broken):
            asker.forget()
            connection.execute(
                "reset role; reset plan_cache_mode; reset statement_timeout; reset lock_timeout; reset search_path"
            )
