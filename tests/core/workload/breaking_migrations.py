"""Migrations that break something for somebody, made from what recorded statements name.

PostgreSQL's parser finds the relations, columns, functions and enums that the statements name; the catalog says what they are. Nobody
chooses an object by hand. Whether a migration breaks anything, and what, is not said here: oracle.py finds it out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.core.workload.named_objects import Named, Relation, Routine
from tests.core.workload.sent_statements import Sent

A_KIND = 2
"""How many migrations of a kind are taken, as far apart as can be."""


@dataclass(frozen=True)
class Break:
    """A migration that may break something: its kind, what it changes, and its SQL."""

    kind: str
    subject: str
    sql: str

    def __str__(self) -> str:
        """For a message of a test."""
        return f"{self.kind}: {self.subject}"


def breaking_migrations(named: Named, jobs: Iterable[Sent]) -> Iterator[Break]:
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
    )[0]  # fmt: skip


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
        here = f"alter role {role} in database %I set search_path = public"
        yield f"{role} in the database", f"do $$ begin execute format('{here}', current_database()); end $$"


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
