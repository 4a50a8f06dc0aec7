"""Migrations that break something for somebody, made from what recorded statements name.

PostgreSQL's parser finds the relations, columns, functions and enums that the statements name; the catalog says what they are. Nobody
chooses an object by hand. Whether a migration breaks anything, and what, is not said here: tests/workload_oracle.py finds it out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from pg_deploy.grammar.nodes import Node, walked
from pg_deploy.grammar.parser import parse_sql
from tests.workload_shop import Sent

A_KIND = 3
"""How many migrations of a kind are taken: the first, the last, and some between them."""


@dataclass(frozen=True)
class Break:
    """A migration that may break something: its kind, what it changes, and its SQL."""

    kind: str
    subject: str
    sql: str

    def __str__(self) -> str:
        """For a message of a test."""
        return f"{self.kind}: {self.subject}"


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
        here = [found for node in _of(nodes, "RangeVar") if (found := self._relation(node, each.role)) is not None]
        for node in _of(nodes, "ColumnRef"):
            self._column(here, _last(node), "columns")
        for node in _of(nodes, "A_Expr"):
            for side in walked([node.lexpr, node.rexpr]):
                if type(side).__name__ == "ColumnRef":
                    self._column(here, _last(side), "compared")
        for node in _of(nodes, "FuncCall"):
            self._routine([part.sval for part in node.funcname], each.role)
        for node in _of(nodes, "InsertStmt"):
            self._insert(node, each.role)
        for node in _of(nodes, "UpdateStmt"):
            into = self._relation(node.relation, each.role)
            for target in node.targetList or () if into else ():
                self._column([into], target.name, "columns", "written")

    def _insert(self, node: Node, role: str) -> None:
        into = self._relation(node.relation, role)
        if into is None:
            return
        given = {target.name for target in node.cols or ()}
        for name in given:
            self._column([into], name, "columns", "written")
        into.left_out.update(set(into.all_columns) - given)
        infer = getattr(node.onConflictClause, "infer", None)
        if infer is not None:
            into.conflicts.add(frozenset(element.name for element in infer.indexElems or ()))

    def _relation(self, node: Node, role: str) -> Relation | None:
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

    @staticmethod
    def _column(here: Iterable[Relation | None], name: str, *into: str) -> None:
        for relation in here:
            if relation is not None and name in relation.all_columns:
                for each in into:
                    getattr(relation, each).add(name)

    def _routine(self, name: list[str], role: str) -> None:
        rows = self._admin.execute(
            "select p.oid::bigint, pg_catalog.format('%%I.%%s', n.nspname, p.oid::pg_catalog.regprocedure) from pg_catalog.pg_proc p"
            " join pg_catalog.pg_namespace n on n.oid = p.pronamespace where p.proname = %s and n.nspname <> 'pg_catalog'"
            " and (n.nspname = %s or %s = '' and n.nspname = any (pg_catalog.current_schemas(false)))"
            " and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e')",
            [name[-1], *[name[0] if len(name) > 1 else ""] * 2],
        ).fetchall()
        for oid, _ in rows:
            signature = self.value(
                "select pg_catalog.format('%%I.%%I(%%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))"
                " from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where p.oid = %s", oid
            )  # fmt: skip
            self.routines.setdefault(oid, Routine(oid, signature)).roles.add(role)

    def value(self, query: str, *values: object) -> str:
        """The one value of a query, as text."""
        return str(self.rows(query, *values)[0][0])

    def rows(self, query: str, *values: object) -> list[tuple[str, ...]]:
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


def _of(nodes: Iterable[Node], kind: str) -> list[Node]:
    return [node for node in nodes if type(node).__name__ == kind]


def _last(node: Node) -> str:
    return getattr((node.fields or (None,))[-1], "sval", None) or ""


def breaks(named: Named, jobs: Iterable[Sent]) -> Iterator[Break]:
    """At most A_KIND migrations of each kind, of those that the database takes. Changes nothing; depends on the statements alone."""
    of_jobs = named.others(jobs)
    for kind, make in KINDS.items():
        made = [each for each in make(of_jobs if kind.startswith("a job's") else named) if named.takes(each[1])]
        step = max(1.0, len(made) / A_KIND)
        chosen = sorted({int(number * step) for number in range(A_KIND) if int(number * step) < len(made)})
        yield from (Break(kind, *made[place]) for place in chosen)


Made = Iterator[tuple[str, str]]
_REPLACEMENTS = {"numeric": "text", "integer": "text", "bigint": "text", "real": "text", "boolean": "text", "uuid": "text",
                 "timestamp with time zone": "text", "text": "bytea", "jsonb": "text"}  # fmt: skip


def _columns(named: Named, which: str) -> Iterator[tuple[Relation, str]]:
    for table in named.tables():
        for column in sorted(getattr(table, which)):
            yield table, column


def _each_column(change: str) -> Callable[[Named], Made]:
    def make(named: Named) -> Made:
        for table, column in _columns(named, "columns"):
            yield f"{table.name}.{column}", change.format(table=table.name, column=column)

    return make


def _each_relation(kinds: str, change: str) -> Callable[[Named], Made]:
    def make(named: Named) -> Made:
        for each in named.relations.values():
            if each.kind in kinds:
                yield each.name, change.format(name=each.name, short=each.name.rpartition(".")[2])

    return make


def _each_routine(change: str) -> Callable[[Named], Made]:
    def make(named: Named) -> Made:
        for each in named.routines.values():
            yield each.signature, change.format(name=each.signature, roles=", ".join(sorted(each.roles)))

    return make


def _type_changed(named: Named) -> Made:
    for table, column in _columns(named, "compared"):
        new = _REPLACEMENTS.get(table.all_columns[column])
        if new is not None:
            using = f"convert_to({column}, 'UTF8')" if new == "bytea" else f"{column}::{new}"
            drop = f"alter table {table.name} alter column {column} drop default;"
            yield (
                f"{table.name}.{column}",
                f"{drop} alter table {table.name} alter column {column} type {new} using {using}",
            )


def _not_null(named: Named) -> Made:
    for table, column in _columns(named, "left_out"):
        ((nullable, default),) = named.rows(
            "select not attnotnull, atthasdef from pg_catalog.pg_attribute where attrelid = %s and attname = %s",
            table.oid,
            column,
        )
        if nullable:
            value = {"text": "''", "jsonb": "'{}'", "bigint": "0", "real": "0", "numeric": "0", "boolean": "true"}.get(
                table.all_columns[column], "now()" if "timestamp" in table.all_columns[column] else "null"
            )
            drop = f"alter table {table.name} alter column {column} drop default; " if default else ""
            yield (f"{table.name}.{column}",
                   f"{drop}update {table.name} set {column} = {value} where {column} is null;"
                   f" alter table {table.name} alter column {column} set not null")  # fmt: skip


def _default_dropped(named: Named) -> Made:
    for table, column in _columns(named, "left_out"):
        if named.rows(
            "select from pg_catalog.pg_attribute where attrelid = %s and attname = %s and attnotnull and atthasdef",
            table.oid,
            column,
        ):
            yield f"{table.name}.{column}", f"alter table {table.name} alter column {column} drop default"


def _new_not_null(named: Named) -> Made:
    for table in named.tables():
        if table.left_out:
            add = f"alter table {table.name} add column since_now text not null default 'x'"
            yield table.name, f"{add}; alter table {table.name} alter column since_now drop default"


def _generated(named: Named) -> Made:
    for table, column in _columns(named, "written"):
        kind = table.all_columns[column]
        yield (f"{table.name}.{column}",
               f"alter table {table.name} drop column {column};"
               f" alter table {table.name} add column {column} {kind} generated always as (null::{kind}) stored")  # fmt: skip


def _unique_dropped(named: Named) -> Made:
    for table in named.tables():
        for wanted in sorted(table.conflicts, key=sorted):
            for index, constraint in named.rows(
                "select i.indexrelid::pg_catalog.regclass::text, c.conname from pg_catalog.pg_index i"
                " left join pg_catalog.pg_constraint c on c.conindid = i.indexrelid and c.contype in ('p', 'u')"
                " where i.indrelid = %s and i.indisunique and (select pg_catalog.array_agg(a.attname::text order by a.attname)"
                " from pg_catalog.pg_attribute a where a.attrelid = i.indrelid and a.attnum = any (i.indkey)) = %s",
                table.oid, sorted(wanted),
            ):  # fmt: skip
                yield (
                    index,
                    f"alter table {table.name} drop constraint {constraint}" if constraint else f"drop index {index}",
                )


def _granted(named: Named, oid: int, new: str) -> str:
    rows = named.rows(
        "select pg_catalog.lower(a.privilege_type), a.grantee::pg_catalog.regrole::text"
        " from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a where c.oid = %s", oid
    )  # fmt: skip
    return "".join(f"; grant {right} on {new} to {role}" for right, role in rows)


def _fewer_columns(named: Named) -> Made:
    for view in named.views():
        for column in sorted(view.columns):
            kept = ", ".join(name for name in view.all_columns if name != column)
            old = named.value("select pg_catalog.pg_get_viewdef(%s::oid)", view.oid).rstrip("; ")
            made = f"drop view {view.name}; create view {view.name} as select {kept} from ({old}) was"
            yield f"{view.name}.{column}", made + _granted(named, view.oid, view.name)


def _routine_parts(named: Named, routine: Routine) -> tuple[str, str, str, str]:
    return named.rows(
        "select pg_catalog.format('%%I.%%I', n.nspname, p.proname), pg_catalog.pg_get_function_arguments(p.oid),"
        " pg_catalog.pg_get_function_result(p.oid), pg_catalog.format_type(p.prorettype, null) from pg_catalog.pg_proc p"
        " join pg_catalog.pg_namespace n on n.oid = p.pronamespace where p.oid = %s", routine.oid,
    )[0]  # type: ignore[return-value] # four columns  # fmt: skip


def _body(result: str, *, other: bool = False) -> str:
    if result.startswith("TABLE"):
        return "begin return; end"
    return "begin null; end" if result == "void" and not other else "begin return null; end"


def _signature(named: Named) -> Made:
    for each in named.routines.values():
        name, arguments, result, _ = _routine_parts(named, each)
        wider = f"{arguments}, why text" if arguments else "why text"
        yield (each.signature,
               f"drop function {each.signature}; create function {name}({wider}) returns {result} language plpgsql as"
               f" $$ {_body(result)} $$; grant execute on function {name}({wider}) to {', '.join(sorted(each.roles))}")  # fmt: skip


def _result(named: Named) -> Made:
    for each in named.routines.values():
        name, arguments, result, _ = _routine_parts(named, each)
        new = "table (one integer)" if result.startswith("TABLE") else "xml"
        yield (each.signature,
               f"drop function {each.signature}; create function {name}({arguments}) returns {new} language plpgsql as"
               f" $$ {_body(new.upper(), other=True)} $$;"
               f" grant execute on function {each.signature} to {', '.join(sorted(each.roles))}")  # fmt: skip


def _replaced_body(body: str) -> Callable[[Named], Made]:
    def make(named: Named) -> Made:
        for each in named.routines.values():
            name, arguments, result, _ = _routine_parts(named, each)
            if named.rows("select from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang"
                          " where p.oid = %s and l.lanname = 'plpgsql'", each.oid):  # fmt: skip
                yield (each.signature,
                       "set local check_function_bodies = off;"
                       f" create or replace function {name}({arguments}) returns {result} language plpgsql as $$ {body} $$")  # fmt: skip

    return make


def _trigger_column(named: Named) -> Made:
    for table in named.tables():
        for (source,) in named.rows(
            "select p.prosrc from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid"
            " where t.tgrelid = %s and not t.tgisinternal", table.oid,
        ):  # fmt: skip
            for column in sorted(set(re.findall(r"\bnew\.(\w+)", source, re.IGNORECASE)) & set(table.all_columns)):
                yield f"{table.name}.{column}", f"alter table {table.name} drop column {column} cascade"


def _label(named: Named) -> Made:
    for table in named.tables():
        for column, default, kind, labels in named.rows(
            "select a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid), pg_catalog.format_type(a.atttypid, null),"
            " (select pg_catalog.array_agg(e.enumlabel::text order by e.enumsortorder) from pg_catalog.pg_enum e"
            " where e.enumtypid = a.atttypid) from pg_catalog.pg_attribute a join pg_catalog.pg_attrdef d"
            " on d.adrelid = a.attrelid and d.adnum = a.attnum where a.attrelid = %s order by a.attnum", table.oid,
        ):  # fmt: skip
            for label in labels or ():
                if f"'{label}'" in default:
                    yield f"{table.name}.{column}", f"alter type {kind} rename value '{label}' to 'not_{label}'"


def _revoked(right: str, kinds: str, used: Callable[[Relation], bool] = lambda _: True) -> Callable[[Named], Made]:
    def make(named: Named) -> Made:
        for each in named.relations.values():
            if each.kind in kinds and used(each):
                for role in sorted(each.roles):
                    yield f"{each.name} from {role}", f"revoke {right} on {each.name} from {role}"

    return make


def _schemas(named: Named) -> list[tuple[str, str]]:
    found = {
        (each.name.partition(".")[0], role): None for each in named.relations.values() for role in sorted(each.roles)
    }
    return list(found)


def _usage(named: Named) -> Made:
    for schema, role in _schemas(named):
        yield f"{schema} from {role}", f"revoke usage on schema {schema} from {role}"


def _schema(change: str) -> Callable[[Named], Made]:
    def make(named: Named) -> Made:
        for schema in dict.fromkeys(schema for schema, _ in _schemas(named)):
            yield schema, change.format(schema=schema)

    return make


def _path(named: Named) -> Made:
    for role in named.by_path:
        for path in ("public", "''"):
            yield f"{role} to {path}", f"alter role {role} set search_path = {path}"
        yield (f"{role} in the database",
               f"do $$ begin execute format('alter role {role} in database %I set search_path = public', current_database()); end $$")  # fmt: skip


KINDS: Mapping[str, Callable[[Named], Made]] = {
    "column dropped": _each_column("alter table {table} drop column {column} cascade"),
    "column renamed": _each_column("alter table {table} rename column {column} to {column}_was"),
    "table dropped": _each_relation("rp", "drop table {name} cascade"),
    "table renamed": _each_relation("rp", "alter table {name} rename to {short}_was"),
    "view dropped": _each_relation("v", "drop view {name}"),
    "view renamed": _each_relation("v", "alter view {name} rename to {short}_was"),
    "materialized view dropped": _each_relation("m", "drop materialized view {name}"),
    "view with fewer columns": _fewer_columns,
    "function dropped": _each_routine("drop function {name} cascade"),
    "function's signature changed": _signature,
    "function's result changed": _result,
    "function's body names what is gone": _replaced_body("begin perform count(*) from gone.with_the_wind; end"),
    "function's body does not compile": _replaced_body("begin retrun 1; end"),
    "label of a default renamed": _label,
    "type of a compared column changed": _type_changed,
    "select revoked": _revoked("select", "rvm"),
    "insert revoked": _revoked("insert", "r", lambda each: bool(each.left_out)),
    "execute revoked": _each_routine("revoke execute on function {name} from {roles}"),
    "usage revoked": _usage,
    "left out column not null": _not_null,
    "default of a left out column dropped": _default_dropped,
    "new column not null": _new_not_null,
    "written column generated": _generated,
    "unique index behind on conflict dropped": _unique_dropped,
    "column of a trigger's function dropped": _trigger_column,
    "a job's table dropped": _each_relation("rp", "drop table {name} cascade"),
    "a job's function dropped": _each_routine("drop function {name}"),
    "search_path changed": _path,
    "schema renamed": _schema("alter schema {schema} rename to {schema}_was"),
}
"""Each kind of break, and what makes its migrations of what the statements name: (subject, SQL) each."""
