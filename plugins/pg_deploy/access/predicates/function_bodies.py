"""The body of a helper function as one query in which PostgreSQL itself has resolved all names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg.rows import class_row

from pg_deploy.access.facts.functions import without_comments
from pg_deploy.grammar import ast, enums
from pg_deploy.grammar.errors import ParseError, PrintError
from pg_deploy.grammar.parser import parse_plpgsql, parse_sql
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import (
    all_of,
    call_name,
    called,
    calls,
    column_names,
    given,
    nodes,
    qualifier,
    replaced_below,
    with_fields,
)
from pg_deploy.postgres.quoting import in_quotes, quote
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

_ATOMIC = re.compile(r"\A\s*BEGIN ATOMIC\s+(.*?);?\s*END\s*\Z", re.DOTALL | re.IGNORECASE)
_RETURN = re.compile(r"\A\s*RETURN\s+(.*?);?\s*\Z", re.DOTALL | re.IGNORECASE)
_LAST_RETURN = re.compile(r"\breturn\s+([a-z_]\w*)\s*;\s*end\s*;?\s*\Z", re.IGNORECASE)
_BODY = "access_proof_body"


class Refuse(Exception):
    """The symbolic reading cannot go on, and `reason` says why; the real engine asks the database instead."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Function:
    """A function as the catalog holds it."""

    id: int
    schema: str
    name: str
    language: str
    owner: str
    definer: bool
    strict: bool
    volatility: str
    returns_set: bool
    returns_boolean: bool
    returns_rows: bool
    source: str
    definition: str
    arguments: str
    result: str
    names: list[str]
    takes: int
    unusual: bool
    settings: list[str]
    parsed: str | None

    @property
    def full_name(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Session:
    """As whom, and with which search_path, a function looks up the names in its body."""

    role: str
    path: str

    def inside(self, function: Function) -> Session:
        """The session in a function's body: its owner's if it runs as its owner, with the search_path that it sets."""
        paths = [
            value for name, _, value in (each.partition("=") for each in function.settings) if name == "search_path"
        ]
        return replace(self, role=function.owner if function.definer else self.role, path=[self.path, *paths][-1])


@dataclass
class Functions:
    """The functions of one side; each is looked up once."""

    connection: Connection
    found: dict[tuple[str, str, int], Function | None] = field(default_factory=dict)
    resolved: dict[tuple[int, Session | None], ast.SelectStmt | Refuse] = field(default_factory=dict)
    executable: dict[tuple[str, int], bool] = field(default_factory=dict)
    aggregates: frozenset[str] | None = None

    def called(self, schema: str, name: str, given: int) -> Function | None:
        """The function of a call, or None for the server's own. Raises Refuse if it is overloaded."""
        key = (schema, name, given)
        if schema in ("", "pg_catalog"):
            return None
        if key not in self.found:
            with self.connection.cursor(row_factory=class_row(Function)) as cursor:
                values = {"schema": schema, "name": name, "given": given}
                rows = cursor.execute(engine_sql("access/function"), values).fetchall()
            if len(rows) > 1:
                raise Refuse(f'function "{schema}.{name}" is overloaded')
            self.found[key] = rows[0] if rows else None
        return self.found[key]

    def may_execute(self, role: str, function: int) -> bool:
        """Whether a role may execute the function of this id."""
        key = (role, function)
        if key not in self.executable:
            row = self.connection.execute(
                "select has_function_privilege(%s, %s::oid, 'execute')", [role, function]
            ).fetchone()
            self.executable[key] = bool(row and row[0])
        return self.executable[key]

    def aggregates_in(self, tree: object) -> list[ast.FuncCall]:
        """The calls of a tree that may be aggregates or window functions, by their names."""
        if self.aggregates is None:
            rows = self.connection.execute(
                "select distinct proname::text from pg_catalog.pg_proc where prokind in ('a', 'w')"
            ).fetchall()
            self.aggregates = frozenset(row[0] for row in rows)
        return [call for call in calls(tree) if call_name(call)[1] in self.aggregates]

    def body(self, function: Function, caller: Session) -> ast.SelectStmt:
        """The function's one query, with all names qualified and arguments as `access_proof_body.name` or `$n`.

        The names of a body that is a text are those that a call of this session finds. Raises Refuse if the function is not
        one query, or if that session may not use what it names.
        """
        session = caller.inside(function) if function.parsed is None else None
        key = (function.id, session)
        if key not in self.resolved:
            try:
                self.resolved[key] = self._resolve(function, session)
            except Refuse as refusal:
                self.resolved[key] = refusal
        if isinstance(found := self.resolved[key], Refuse):
            raise found
        return found

    def _resolve(self, function: Function, session: Session | None) -> ast.SelectStmt:
        if function.unusual:
            raise Refuse(f"function {in_quotes(function.full_name)} has arguments of an unusual kind")
        for setting in function.settings:
            name = setting.split("=", 1)[0]
            if name != "search_path":
                raise Refuse(f"function {in_quotes(function.full_name)} sets {in_quotes(name)}")
        if session is None:
            body = _parsed(str(function.parsed), function)
            if function.name in relation_names(body):
                # `name.x` may be an argument or a column, and the text does not say which.
                raise Refuse(f"function {in_quotes(function.full_name)} reads a relation that has its own name")
            return replaced_below(body, lambda node: _requalified_argument(node, function))
        if function.language == "sql":
            query = function.source.strip().rstrip(";")
            return self._looked_up(function, _with_qualified_arguments(query, function), session)
        query, variables = _plpgsql_query_of(function)
        query = _with_qualified_arguments(query, function)
        found = self._looked_up(function, query, session)
        chosen = _with_variables_chosen(query, function, {*function.names, *variables})
        if chosen != query and printed(self._looked_up(function, chosen, session)) != printed(found):
            raise Refuse(f"function {in_quotes(function.full_name)} names a column as one of its variables")
        return found

    def _looked_up(self, function: Function, query: str, session: Session) -> ast.SelectStmt:
        """A body with the names that the session finds: the server reads it as that role, with that search_path."""
        try:
            with self.connection.transaction(force_rollback=True):
                self.connection.execute(
                    f"set local session_replication_role = replica; create schema {_BODY};"
                    f" grant all on schema {_BODY} to public; set local role {quote(session.role)}".encode()
                )
                self.connection.execute("select set_config('search_path', %s, true)", [session.path])
                self.connection.execute(
                    f"create function {_BODY}.{_BODY}({function.arguments}) returns {function.result}"
                    f" language sql begin atomic {query}\n; end".encode()
                )
                self.connection.execute("set local search_path = ''")
                row = self.connection.execute(
                    "select pg_get_function_sqlbody(p.oid) from pg_catalog.pg_proc p"
                    " where p.proname = %s and p.pronamespace = %s::regnamespace",
                    [_BODY, _BODY],
                ).fetchone()
        except psycopg.Error as error:
            if self.connection.closed:
                raise
            raise Refuse(
                f"function {in_quotes(function.full_name)} cannot be read as one query: {error.diag.message_primary}"
            ) from None
        return _parsed(str(row[0]) if row else "", function)


def _parsed(text: str, function: Function) -> ast.SelectStmt:
    match = _ATOMIC.match(text)
    body = match[1] if match else None
    if body is None and (single := _RETURN.match(text)):
        body = f"select {single[1]}"
    try:
        tree = parse_sql(body or "")
    except ParseError as error:
        raise Refuse(f"the body of {in_quotes(function.full_name)} cannot be parsed: {error}") from None
    if len(tree) != 1 or not isinstance(tree[0].stmt, ast.SelectStmt):
        raise Refuse(f"function {in_quotes(function.full_name)} is not one query")
    return tree[0].stmt


def relation_names(tree: object) -> set[str]:
    """What relations are called in a query, at any depth."""
    found = {called(node) for node in nodes(tree) if isinstance(node, ast.RangeVar)}
    found |= {str(node.aliasname) for node in nodes(tree) if isinstance(node, ast.Alias)}
    return found | {str(node.ctename) for node in nodes(tree) if isinstance(node, ast.CommonTableExpr)}


def names_argument(tree: object) -> bool:
    """Whether a part of a body that was read names an argument of its function."""
    return any(isinstance(node, ast.ParamRef) or qualifier(node) == _BODY for node in nodes(tree))


def _requalified_argument(node: ast.Node, function: Function) -> ast.Node:
    """An argument that is qualified by the function's name, qualified as all arguments are here; else the node itself."""
    names = column_names(node)
    return _argument(names[1]) if len(names) == 2 and names[0] == function.name and names[1] in function.names else node


def _argument(name: str) -> ast.ColumnRef:
    return ast.ColumnRef(fields=(ast.String(sval=_BODY), ast.String(sval=name)))


def _with_qualified_arguments(query: str, function: Function) -> str:
    """A body whose arguments are not qualified by the function's name; but a relation of that name keeps its columns."""

    def change(select: ast.Node) -> ast.Node:
        if function.name in relation_names(select):
            return select
        return replaced_below(select, lambda node: _requalified_argument(node, function))

    return _changed(query, change)


def _with_variables_chosen(query: str, function: Function, variables: set[str]) -> str:
    """A query of PL/pgSQL in which a name that may be one of these variables is nothing else.

    If it then means something else, the server refuses it as ambiguous, or takes the one or the other by
    `#variable_conflict`. Raises Refuse if a relation is called like a variable: then `name.x` may be a part of it.
    """

    def change(select: ast.Node) -> ast.Node:
        if relation_names(select) & {function.name, *variables}:
            raise Refuse(f"function {in_quotes(function.full_name)} reads a relation that it calls as a variable")
        return replaced_below(select, chosen)

    def chosen(node: ast.Node) -> ast.Node:
        names = column_names(node)
        return _argument(names[0]) if len(names) == 1 and names[0] in variables else node

    return _changed(query, change)


def _changed(query: str, change: Callable[[ast.Node], ast.Node]) -> str:
    """The text of a query after a change of its tree; the very same text if nothing changed, or if it is not one statement."""
    try:
        statements = parse_sql(query)
        if len(statements) != 1 or statements[0].stmt is None:
            return query
        changed = change(statements[0].stmt)
        return query if changed is statements[0].stmt else printed(changed)
    except (ParseError, PrintError) as error:
        raise Refuse(f"a body cannot be parsed: {error}") from None


def _plpgsql_query_of(function: Function) -> tuple[str, set[str]]:
    """The query that a body in PL/pgSQL is, and the names of its variables other than its arguments."""
    if function.language != "plpgsql":
        raise Refuse(f"function {in_quotes(function.full_name)} is written in {function.language}")
    try:
        tree = parse_plpgsql(function.definition)[0]["PLpgSQL_function"]
    except (ParseError, KeyError, IndexError) as error:
        raise Refuse(f"function {in_quotes(function.full_name)} cannot be parsed: {error}") from None
    declared = [item for part in tree.get("datums", []) for item in part.values() if "lineno" in item]
    names = {str(item["refname"]) for item in declared if item.get("refname") != "(unnamed row)"}
    query = _plpgsql_query(tree, names, without_comments(function.source))
    if query is None:
        raise Refuse(f"function {in_quotes(function.full_name)} does more than answer one query")
    return query, {*names, "found"}


def _plpgsql_query(tree: dict[str, Any], names: set[str], source: str) -> str | None:
    """The query of a body, if the body has one of a few plain shapes. `names` are those of its own variables."""
    block = tree["action"].get("PLpgSQL_stmt_block", {})
    body = block.get("body", [])
    variables = [
        item["PLpgSQL_var"]
        for item in tree.get("datums", [])
        if "PLpgSQL_var" in item and "lineno" in item["PLpgSQL_var"]
    ]
    kinds = [next(iter(item)) for item in body]
    if "exceptions" in block or any("default_val" in variable for variable in variables):
        return None
    if kinds in (["PLpgSQL_stmt_return_query"], ["PLpgSQL_stmt_return_query", "PLpgSQL_stmt_return"]):
        return _expression(body[0], "PLpgSQL_stmt_return_query", "query")
    if not names and kinds in (["PLpgSQL_stmt_return"], ["PLpgSQL_stmt_return"] * 2):
        expression = _expression(body[0], "PLpgSQL_stmt_return", "expr")
        return f"select ({expression})" if expression is not None else None
    if len(variables) == len(names) == 1 and kinds == ["PLpgSQL_stmt_execsql", "PLpgSQL_stmt_return"]:
        return _query_into(variables[0], body, source)
    if not names and kinds[:1] == ["PLpgSQL_stmt_if"]:
        return _condition(body)
    return None


def _query_into(variable: dict[str, Any], body: list[dict[str, Any]], source: str) -> str | None:
    """The query of `select x into v …; return v`, if it is this boolean variable that is set and returned."""
    query = body[0]["PLpgSQL_stmt_execsql"]
    target = query.get("target", {}).get("PLpgSQL_row", {}).get("fields", [])
    # The tree does not say which variable a RETURN gives.
    returned = _LAST_RETURN.search(source.strip())
    if (
        not query.get("into")
        or query.get("strict")
        or "expr" in body[1]["PLpgSQL_stmt_return"]
        or variable["datatype"]["PLpgSQL_type"]["typname"] not in ("bool", "boolean", "pg_catalog.bool")
        or [each.get("name") for each in target] != [variable["refname"]]
        or returned is None
        or returned[1].lower() != variable["refname"]
    ):
        return None
    return _expression(body[0], "PLpgSQL_stmt_execsql", "sqlstmt")


def _condition(body: list[dict[str, Any]]) -> str | None:
    """The query of `if x then return true; end if; return false;`: x is true, because it is false if x is unknown."""
    branch = body[0]["PLpgSQL_stmt_if"]
    rest = branch.get("else_body", []) or body[1:]
    if "elsif_list" in branch or not rest:
        return None
    yes, no = (
        _expression(part[0], "PLpgSQL_stmt_return", "expr") if part and "PLpgSQL_stmt_return" in part[0] else None
        for part in (branch.get("then_body", []), rest)
    )
    if (yes or "").lower() == "true" and (no or "").lower() == "false":
        return f"select ({branch['cond']['PLpgSQL_expr']['query']}) is true"
    return None


def _expression(node: dict[str, Any], kind: str, part: str) -> str | None:
    found = node[kind].get(part)
    return str(found["PLpgSQL_expr"]["query"]) if found else None


def with_arguments(body: ast.SelectStmt, function: Function, arguments: tuple[ast.Node, ...]) -> ast.SelectStmt:
    """The query that a call with these arguments answers: the body, and no row if the function is strict and one of them is null.

    Raises Refuse if the call means something else than its body.
    """
    arguments = _in_order(function, arguments)
    bare = not body.fromClause and not body.valuesLists and body.op == enums.SetOperation.SETOP_NONE
    query = replaced_below(body, lambda node: _argument_of(node, function, arguments, bare=bare))
    doubtful = [each for each in arguments if not _is_never_null(each)] if function.strict else []
    if not doubtful:
        return query
    # Without a row an aggregate still answers, and a WHERE belongs to one part of a union.
    may_aggregate = bool(query.fromClause) and any(isinstance(node, ast.FuncCall) for node in nodes(query.targetList))
    parts = (query.groupClause, query.havingClause, query.valuesLists, query.op != enums.SetOperation.SETOP_NONE)
    if may_aggregate or any(parts):
        raise Refuse(f'function "{function.full_name}" is strict, and its body no plain query')
    known = [ast.NullTest(arg=each, nulltesttype=enums.NullTestType.IS_NOT_NULL) for each in doubtful]
    return with_fields(query, whereClause=all_of([*known, query.whereClause]))


def _in_order(function: Function, arguments: tuple[ast.Node, ...]) -> tuple[ast.Node, ...]:
    """The arguments as the function declares them; `name => value` may stand at any place behind those without a name."""
    if len(arguments) != function.takes:
        raise Refuse(f'function "{function.full_name}" is called with defaults')
    by_place: dict[int, ast.Node] = {}
    for place, argument in enumerate(arguments):
        if isinstance(argument, ast.NamedArgExpr):
            by_place[function.names.index(str(argument.name))] = given(argument.arg)
        else:
            by_place[place] = argument
    if sorted(by_place) != list(range(function.takes)):
        raise Refuse(f'function "{function.full_name}" is called with arguments that are not understood')
    return tuple(by_place[place] for place in range(function.takes))


def _is_never_null(argument: ast.Node) -> bool:
    while isinstance(argument, ast.TypeCast) and argument.arg is not None:
        argument = argument.arg
    return isinstance(argument, ast.A_Const) and not argument.isnull


def _argument_of(node: ast.Node, function: Function, arguments: tuple[ast.Node, ...], *, bare: bool) -> ast.Node:
    """The argument that a node of a body stands for, or the node itself.

    The server qualifies an argument by the function's name wherever columns are in sight; an unqualified name is an
    argument in a `bare` body only, which has no FROM.
    """
    if isinstance(node, ast.ParamRef) and 0 < (number := node.number or 0) <= len(arguments):
        return arguments[number - 1]
    names = column_names(node)
    is_argument = (bare and len(names) == 1) or (len(names) == 2 and names[0] == _BODY)
    if is_argument and names[-1] in function.names[: len(arguments)]:
        return arguments[function.names.index(names[-1])]
    return node
