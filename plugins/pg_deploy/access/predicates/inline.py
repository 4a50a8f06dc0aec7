"""Replacing per-row boolean helpers by their bodies, for the real engine: a call for each tuple would take hours.

A body that runs as its owner reads views that belong to the owner, so that PostgreSQL itself applies the owner's rights.
A call stays a call if its body is more than one query, if its caller may not call it or what its body calls, or if it would be
answered otherwise outside of its body: where that runs as its owner or with a search_path of its own, and asks who runs it, or
calls functions that read tables.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass, field

from pg_deploy.access.predicates.function_bodies import (
    Function,
    Functions,
    Refuse,
    Session,
    names_argument,
    relation_names,
    with_arguments,
)
from pg_deploy.access.predicates.surroundings import Definitions
from pg_deploy.grammar import ast, enums
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import (
    call_name,
    calls,
    nodes,
    only_value,
    parse_predicate,
    qualifier,
    replaced,
    replaced_below,
    with_fields,
)
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

DEEPEST = 8
_ONE = ast.A_Const(val=ast.Integer(ival=1))


@dataclass(frozen=True)
class Owned:
    """A table as the body of a definer function reads it: through a view that belongs to the function's owner."""

    schema: str
    table: str
    owner: str


@dataclass
class Inliner:
    """Replaces helpers on one side; makes the owners' views that this needs in schema access_proof."""

    connection: Connection
    functions: Functions
    definitions: Definitions
    views: dict[str, Owned] = field(default_factory=dict)

    def predicate(self, tree: ast.Node, session: Session) -> ast.Node:
        """The predicate with its per-row helpers replaced, as such a session calls them; the same object if there are none."""
        return replaced(tree, lambda node: self._call(node, session, 0))

    def _call(self, node: ast.Node, session: Session, depth: int) -> ast.Node:
        if not isinstance(node, ast.FuncCall) or not any(isinstance(part, ast.ColumnRef) for part in nodes(node.args)):
            return node
        try:
            function = self.functions.called(*call_name(node), len(node.args or ()))
            if function is None or not function.returns_boolean or function.volatility == "v" or depth > DEEPEST:
                return node
            self._require_execute(function, session)
            return self._expression(function, tuple(node.args or ()), session, depth)
        except Refuse:
            return node

    def _expression(
        self, function: Function, arguments: tuple[ast.Node, ...], session: Session, depth: int
    ) -> ast.Node:
        body = copy.deepcopy(self.functions.body(function, session))
        inside = session.inside(function)
        if function.definer or function.settings:
            self._require_same_outside(function, body, inside)
        self._require_same_meaning(function, body, arguments)
        if function.definer:
            for call in calls(body):
                if (inner := self.functions.called(*call_name(call), len(call.args or ()))) is not None:
                    self._require_execute(inner, session)
            body = replaced_below(body, lambda node: self._read_as_owner(node, function.owner))
        body = with_arguments(body, function, arguments)
        body = replaced_below(body, lambda node: self._call(node, inside, depth + 1))
        if (value := only_value(body)) is not None:
            return value
        if len(body.targetList or ()) != 1 or body.op != enums.SetOperation.SETOP_NONE:
            raise Refuse(f'"{function.full_name}" is not one plain query')
        if not body.limitCount:
            # The function answers with the first of several rows; a sub-select of several is an error.
            body = with_fields(body, limitCount=_ONE, limitOption=enums.LimitOption.LIMIT_OPTION_COUNT)
        return ast.SubLink(subLinkType=enums.SubLinkType.EXPR_SUBLINK, subselect=body)

    def _require_same_outside(self, function: Function, body: ast.SelectStmt, inside: Session) -> None:
        """Refuse a body that the caller would be answered otherwise, with the caller's rights and search_path."""
        text = printed(body)
        if self.definitions.asks_session(text) or (function.definer and self.definitions.asks_runner(text)):
            raise Refuse(f'"{function.full_name}" asks who runs it, or for a setting of the session')
        if any(self._reads_tables(call, inside, 0) for call in calls(body)):
            raise Refuse(f'"{function.full_name}" calls a function that reads tables in its surroundings')
        if function.definer:
            for node in nodes(body):
                if isinstance(node, ast.RangeVar) and node.schemaname:
                    self._require_plain_table(function, node, inside)

    def _require_plain_table(self, function: Function, table: ast.RangeVar, inside: Session) -> None:
        """Refuse what is no table, or has policies for the owner that rest on more than columns.

        A view lends rights to the relations in it. Functions and names of roles in it are the caller's all the same.
        """
        values = {"schema": table.schemaname, "name": table.relname, "owner": function.owner}
        row = self.connection.execute(engine_sql("access/read_by_owner"), values).fetchone()
        if row is None or row[0] not in ("r", "p"):
            raise Refuse(f'"{function.full_name}" reads "{table.schemaname}.{table.relname}", which is no table')
        for clause in row[1]:
            if self.definitions.asks_runner(clause) or any(
                self._reads_tables(call, inside, 0) for call in calls(parse_predicate(clause))
            ):
                raise Refuse(f'"{function.full_name}" reads a table whose policies ask who runs it')

    def _require_same_meaning(self, function: Function, body: ast.SelectStmt, arguments: tuple[ast.Node, ...]) -> None:
        """Refuse a body in which the arguments would mean something else than where they are."""
        if {qualifier(node) for node in nodes(arguments)} & relation_names(body):
            raise Refuse(f'"{function.full_name}" calls a relation as an argument calls another')
        aggregates = self.functions.aggregates_in(body)
        # An aggregate of nothing but columns from outside belongs to the query outside.
        if aggregates and (not body.fromClause or any(names_argument(call) for call in aggregates)):
            raise Refuse(f'"{function.full_name}" takes an aggregate of its argument')

    def _require_execute(self, function: Function, session: Session) -> None:
        if not self.functions.may_execute(session.role, function.id):
            raise Refuse(f'role "{session.role}" may not execute "{function.full_name}"')

    def _reads_tables(self, call: ast.FuncCall, session: Session, depth: int) -> bool:
        function = self.functions.called(*call_name(call), len(call.args or ()))
        if function is None:
            return False
        if depth > DEEPEST:
            return True
        body = self.functions.body(function, session)
        inside = session.inside(function)
        return any(isinstance(node, ast.RangeVar) for node in nodes(body)) or any(
            self._reads_tables(inner, inside, depth + 1) for inner in calls(body)
        )

    def _read_as_owner(self, node: ast.Node, owner: str) -> ast.Node:
        if not isinstance(node, ast.RangeVar) or not node.schemaname or not node.relname:
            return node
        digest = hashlib.sha256(f"{owner}.{node.schemaname}.{node.relname}".encode()).hexdigest()[:24]
        view = f"v_{digest}"
        if view not in self.views:
            self.views[view] = Owned(node.schemaname, node.relname, owner)
            name = quote("access_proof", view)
            self.connection.execute(
                f"create view {name} as select * from {quote(node.schemaname, node.relname)};"
                f" alter view {name} owner to {quote(owner)}; grant select on {name} to public".encode()
            )
        alias = node.alias or ast.Alias(aliasname=node.relname)
        return ast.RangeVar(schemaname="access_proof", relname=view, inh=True, relpersistence="p", alias=alias)
