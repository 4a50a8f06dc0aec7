"""The body of a helper function as one query in which PostgreSQL itself has resolved all names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import class_row

from pg_deploy.grammar import ast, enums
from pg_deploy.grammar.errors import ParseError
from pg_deploy.grammar.parser import parse_plpgsql, parse_sql
from pg_deploy.parsing.expressions import all_of, column_names, nodes, only_value, replaced_below, with_fields
from pg_deploy.postgres.quoting import in_quotes
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

_ATOMIC = re.compile(r"\A\s*BEGIN ATOMIC\s+(.*?);?\s*END\s*\Z", re.DOTALL | re.IGNORECASE)
_RETURN = re.compile(r"\A\s*RETURN\s+(.*?);?\s*\Z", re.DOTALL | re.IGNORECASE)


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


@dataclass
class Functions:
    """The functions of one side; each is looked up once."""

    connection: Connection
    found: dict[tuple[str, str, int], Function | None] = field(default_factory=dict)
    resolved: dict[int, ast.SelectStmt] = field(default_factory=dict)

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

    def body(self, function: Function) -> ast.SelectStmt:
        """The function's one query, with all names qualified and arguments as `access_proof_body.name` or `$n`.

        Raises Refuse if the function is not one query.
        """
        if function.id not in self.resolved:
            self.resolved[function.id] = self._resolve(function)
        return self.resolved[function.id]

    def _resolve(self, function: Function) -> ast.SelectStmt:
        if function.unusual:
            raise Refuse(f"function {in_quotes(function.full_name)} has arguments of an unusual kind")
        path = "public, extensions"
        for setting in function.settings:
            name, value = setting.split("=", 1)
            if name != "search_path":
                raise Refuse(f"function {in_quotes(function.full_name)} sets {in_quotes(name)}")
            path = value
        query = _query_of(function)
        if function.parsed is not None:
            return _parsed(function.parsed, function)
        try:
            with self.connection.transaction(force_rollback=True):
                self.connection.execute("select set_config('search_path', %s, true)", [path.replace('""', "")])
                self.connection.execute(
                    f"create function pg_temp.access_proof_body({function.arguments}) returns {function.result}"
                    f" language sql begin atomic {query}; end".encode()
                )
                self.connection.execute("set local search_path = ''")
                row = self.connection.execute(
                    "select pg_get_function_sqlbody(p.oid) from pg_catalog.pg_proc p"
                    " where p.proname = 'access_proof_body' and p.pronamespace = pg_my_temp_schema()"
                ).fetchone()
        except psycopg.Error as error:
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


def _query_of(function: Function) -> str:
    if function.language == "sql":
        return function.source.strip().rstrip(";")
    if function.language != "plpgsql":
        raise Refuse(f"function {in_quotes(function.full_name)} is written in {function.language}")
    try:
        tree = parse_plpgsql(function.definition)[0]["PLpgSQL_function"]
    except (ParseError, KeyError, IndexError) as error:
        raise Refuse(f"function {in_quotes(function.full_name)} cannot be parsed: {error}") from None
    query = _plpgsql_query(tree)
    if query is None:
        raise Refuse(f"function {in_quotes(function.full_name)} does more than answer one query")
    return query


def _plpgsql_query(tree: dict[str, Any]) -> str | None:
    """The query of a body, if the body has one of a few plain shapes."""
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
    if not variables and kinds in (["PLpgSQL_stmt_return"], ["PLpgSQL_stmt_return"] * 2):
        expression = _expression(body[0], "PLpgSQL_stmt_return", "expr")
        return f"select ({expression})" if expression is not None else None
    if len(variables) == 1 and kinds[:2] == ["PLpgSQL_stmt_execsql", "PLpgSQL_stmt_return"] and len(kinds) == 2:
        inner = body[0]["PLpgSQL_stmt_execsql"]
        returned = body[1]["PLpgSQL_stmt_return"]
        if inner.get("into") and not inner.get("strict") and "expr" not in returned:
            return _expression(body[0], "PLpgSQL_stmt_execsql", "sqlstmt")
    if not variables and kinds[:1] == ["PLpgSQL_stmt_if"]:
        return _condition(body)
    return None


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
    if len(arguments) != function.takes:
        raise Refuse(f'function "{function.full_name}" is called with defaults')
    bare = only_value(body) is not None
    called = replaced_below(body, lambda node: _argument_of(node, function, arguments, bare=bare))
    doubtful = [each for each in arguments if not _is_never_null(each)] if function.strict else []
    if not doubtful:
        return called
    # Without a row an aggregate still answers, and a WHERE belongs to one part of a union.
    may_aggregate = bool(called.fromClause) and any(isinstance(node, ast.FuncCall) for node in nodes(called.targetList))
    parts = (called.groupClause, called.havingClause, called.valuesLists, called.op != enums.SetOperation.SETOP_NONE)
    if may_aggregate or any(parts):
        raise Refuse(f'function "{function.full_name}" is strict, and its body no plain query')
    known = [ast.NullTest(arg=each, nulltesttype=enums.NullTestType.IS_NOT_NULL) for each in doubtful]
    return with_fields(called, whereClause=all_of([*known, called.whereClause]))


def _is_never_null(argument: ast.Node) -> bool:
    while isinstance(argument, ast.TypeCast) and argument.arg is not None:
        argument = argument.arg
    return isinstance(argument, ast.A_Const) and not argument.isnull


def _argument_of(node: ast.Node, function: Function, arguments: tuple[ast.Node, ...], *, bare: bool) -> ast.Node:
    """The argument that a node of a body stands for, or the node itself.

    The server qualifies an argument by the function's name wherever columns are in sight; an unqualified name is an
    argument in a `bare` body only.
    """
    if isinstance(node, ast.ParamRef) and 0 < (number := node.number or 0) <= len(arguments):
        return arguments[number - 1]
    names = column_names(node)
    is_argument = (bare and len(names) == 1) or (len(names) == 2 and names[0] in ("access_proof_body", function.name))
    if is_argument and names[-1] in function.names[: len(arguments)]:
        return arguments[function.names.index(names[-1])]
    return node
