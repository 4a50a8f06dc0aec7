"""What recorded statements name, found by PostgreSQL's parser: relations with their columns, functions, names without a schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from pg_deploy.grammar import ast
from pg_deploy.grammar.nodes import Node, walked
from pg_deploy.grammar.parser import parse_sql
from tests.core.workload.sent_statements import Sent

_N = TypeVar("_N", bound=Node)


@dataclass(frozen=True)
class Relation:
    """A relation that a statement names. `columns` are those of it that some statement names, `all_columns` by name with their type."""

    oid: int
    name: str
    kind: str
    all_columns: Mapping[str, str]
    columns: set[str] = field(default_factory=set)
    compared: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)
    conflicts: set[frozenset[str]] = field(default_factory=set)
    roles: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Routine:
    """A function that a statement or a job names."""

    oid: int
    signature: str
    roles: set[str] = field(default_factory=set)


class Named:
    """All that some statements name in a database."""

    def __init__(self, admin: psycopg.Connection, sent: Iterable[Sent], paths: Mapping[str, tuple[str, ...]]) -> None:
        self._admin = admin
        self.relations: dict[int, Relation] = {}
        self.routines: dict[int, Routine] = {}
        self.by_path: dict[str, int] = {}
        """How many names without a schema each role's statements have."""
        for each in sent:
            path = paths.get(each.role) or paths[""]
            admin.execute("select pg_catalog.set_config('search_path', %s, false)", [path[0]])
            self._read(each)
        admin.execute("reset search_path")

    def _read(self, each: Sent) -> None:
        nodes = list(walked([statement.stmt for statement in parse_sql(each.text)]))
        here = [found for node in _of(nodes, ast.RangeVar) if (found := self._relation(node, each.role)) is not None]
        for node in _of(nodes, ast.ColumnRef):
            _note(here, _last(node), "columns")
        for expression in _of(nodes, ast.A_Expr):
            for side in _of(walked([expression.lexpr, expression.rexpr]), ast.ColumnRef):
                _note(here, _last(side), "compared")
        for call in _of(nodes, ast.FuncCall):
            self._routine([getattr(part, "sval", "") for part in call.funcname or ()], each.role)
        for insert in _of(nodes, ast.InsertStmt):
            self._insert(insert, each.role)
        for update in _of(nodes, ast.UpdateStmt):
            into = self._relation(update.relation, each.role)
            for target in update.targetList or ():
                _note([into], target.name, "columns", "written")

    def _insert(self, node: ast.InsertStmt, role: str) -> None:
        into = self._relation(node.relation, role)
        if into is None:
            return
        given = {target.name or "" for target in node.cols or ()}
        for name in given:
            _note([into], name, "columns", "written")
        into.left_out.update(set(into.all_columns) - given)
        infer: Any = getattr(node.onConflictClause, "infer", None)
        if infer is not None:
            into.conflicts.add(frozenset(element.name for element in infer.indexElems or ()))

    def _relation(self, node: ast.RangeVar | None, role: str) -> Relation | None:
        if node is None:
            return None
        name = sql.Identifier(*filter(None, (node.schemaname, node.relname))).as_string(self._admin)
        row = self._admin.execute(
            "select c.oid::bigint, pg_catalog.format('%%I.%%I', n.nspname, c.relname), c.relkind::text,"
            " (select pg_catalog.json_object_agg(a.attname, pg_catalog.format_type(a.atttypid, null) order by a.attnum)"
            " from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)"
            " from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
            " where c.oid = pg_catalog.to_regclass(%s) and n.nspname not in ('pg_catalog', 'information_schema', 'cron')",
            [name],
        ).fetchone()
        if row is None:
            return None
        if not node.schemaname:
            self.by_path[role] = self.by_path.get(role, 0) + 1
        found = self.relations.setdefault(row[0], Relation(row[0], row[1], row[2], row[3]))
        found.roles.add(role)
        return found

    def _routine(self, name: list[str], role: str) -> None:
        schema = name[0] if len(name) > 1 else ""
        for oid, signature in self.rows(
            "select p.oid::bigint, pg_catalog.format('%%I.%%I(%%s)', n.nspname, p.proname,"
            " pg_catalog.pg_get_function_identity_arguments(p.oid)) from pg_catalog.pg_proc p"
            " join pg_catalog.pg_namespace n on n.oid = p.pronamespace where p.proname = %s and n.nspname <> 'pg_catalog'"
            " and (n.nspname = %s or %s = '' and n.nspname = any (pg_catalog.current_schemas(false)))"
            " and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e') order by 1",
            name[-1], schema, schema,
        ):  # fmt: skip
            self.routines.setdefault(oid, Routine(oid, signature)).roles.add(role)

    def value(self, query: str, *values: object) -> str:
        """The one value of a query, as text."""
        return str(self.rows(query, *values)[0][0])

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._admin.execute(query.encode(), values or None).fetchall()

    def takes(self, change: str) -> bool:
        """Whether the database takes a change; it is undone."""
        try:
            with self._admin.transaction(force_rollback=True):
                self._admin.execute(change.encode())
        except psycopg.Error:
            return False
        return True

    def others(self, sent: Iterable[Sent]) -> Named:
        """What other statements name here, whose roles have no search_path of their own."""
        return Named(self._admin, sent, {"": ('"$user", public',)})

    def tables(self) -> list[Relation]:
        """The tables, in the order in which they are named first."""
        return [each for each in self.relations.values() if each.kind in "rp"]

    def views(self) -> list[Relation]:
        """The views."""
        return [each for each in self.relations.values() if each.kind == "v"]


def _of(nodes: Iterable[Node], kind: type[_N]) -> list[_N]:
    return [node for node in nodes if isinstance(node, kind)]


def _note(here: Iterable[Relation | None], name: str | None, *into: str) -> None:
    """Add a column's name to these sets of the relations that have such a column."""
    for relation in here:
        if relation is not None and name in relation.all_columns:
            for each in into:
                getattr(relation, each).add(name)


def _last(node: ast.ColumnRef) -> str:
    return getattr((node.fields or (None,))[-1], "sval", None) or ""
