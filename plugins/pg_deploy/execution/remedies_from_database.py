"""What to write instead of a failed statement, with the names and definitions that only the database knows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

import psycopg

from pg_deploy.errors import ConnectionFailedError
from pg_deploy.execution.remedies import remedy
from pg_deploy.parsing.kinds import ObjectName
from pg_deploy.parsing.statements import Statement, split
from pg_deploy.parsing.tree import unquoted
from pg_deploy.postgres.session import Connection, Target, using_role_search_path

_REFERS_TO_NOTHING = "23503"
_AROUND_VIEWS = re.compile(
    r"\s*alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(?P<table>[\w.\"$]+)\s+alter\s+(?:column\s+)?(?P<column>[\w\"$]+)\s+(?:set\s+data\s+)?"
    r"type\b[^,]*$",
    re.IGNORECASE,
)
_THERE_ALREADY = ("42P07", "42701", "42710", "42723", "42P06")
"""A table, column, object, function or schema of that name exists."""

_SHOWN = 20
_BY_NAME = {
    **dict.fromkeys(
        ("table", "view", "materialized view", "sequence", "index", "foreign table"), "pg_catalog.to_regclass"
    ),
    **dict.fromkeys(("type", "domain"), "pg_catalog.to_regtype"),
    **dict.fromkeys(("function", "procedure"), "pg_catalog.to_regprocedure"),
    "schema": "pg_catalog.to_regnamespace",
}
_PART = "select exists (select from pg_catalog.{} where {} = %s::oid and {} = %s::name{})"
_ON_A_TABLE = {
    "column": _PART.format("pg_attribute", "attrelid", "attname", " and not attisdropped"),
    "constraint": _PART.format("pg_constraint", "conrelid", "conname", ""),
    "policy": _PART.format("pg_policy", "polrelid", "polname", ""),
    "trigger": _PART.format("pg_trigger", "tgrelid", "tgname", ""),
}


def way_out(
    target: Target, error: psycopg.Error, statement: Statement, file: str, text: str, *, is_written: bool, applies: bool
) -> str:
    """What to do about the error: what `remedy` knows, with what the database shows once the transaction is aborted; else empty.

    `is_written`: somebody wrote `text`, which is the whole of `file`. `applies`: it is no rollback.
    """
    message = error.diag.message_primary or ""
    todo = remedy(error.sqlstate, message, statement.sql)
    try:
        if "<partition>" in todo:
            with target.session("partitions") as connection:
                return remedy(error.sqlstate, message, statement.sql, _partitions_of(connection, statement))
        if not is_written:
            return todo
        views = _AROUND_VIEWS.match(statement.sql) if "create view" in todo else None
        if views is not None:
            with target.session("views on a column") as connection:
                lines = _around_its_views(connection, views["table"], unquoted(views["column"]), statement.sql.strip())
            if lines:
                head = "views rest on the column: these lines take them away and make them again, in this one file:"
                return head + "".join(f"\n    {line}" for line in lines)
        elif error.sqlstate == _REFERS_TO_NOTHING and "\n" not in todo:
            with target.session("rows that break a constraint") as connection:
                query = _rows_that_break(connection, error)
            return f"{todo}; this shows them:\n    {query}" if query else todo
        elif not todo and error.sqlstate in _THERE_ALREADY and applies:
            with target.session("what is there already") as connection:
                return _adopt_or_change(connection, file, split(text, file=file))
    except (psycopg.Error, ConnectionFailedError):
        pass  # the remedy is useful without it
    return todo


def _adopt_or_change(connection: Connection, file: str, statements: Iterable[Statement]) -> str:
    """Which of the objects that the file makes exist already, each with its line, and what to do about them.

    `connection` is a session of ours in autocommit, so it sees the state before the file. Objects that cannot be looked up
    are left out.
    """
    there, missing = _existing_and_missing(connection, statements)
    made = len(there) + len(missing)
    conf = json.dumps({"migrations": [file.split("_", 1)[0]]})
    adopt = (
        f"adopt the file instead of running it, by the DAG baseline_migrations (of a project:\n"
        f"baseline_<name>) with the conf {conf} and this target, or from a checkout by\n"
        f"    make baseline TARGET_URL=<as in this run> MIGRATIONS_DIR=<as in this run> CONF='{conf}'\n"
        '  (an older file that is still pending is then deployed with {"out_of_order": true})'
    )
    if made and not missing:
        return (
            f"names that this file makes are all in the database already ({_listed(there)}); if they are also what the file makes "
            f"them (their columns, rights and policies are not compared here), {adopt}"
        )
    return (
        f"of the {made} objects that this file makes {len(there)} are there: {_listed(there)}; and {len(missing)} are not: "
        f"{_listed(missing)}. Take the lines of those that are there out of the file, if they are what the file makes them, and "
        "leave the others; or drop what is there first"
    )


def _listed(objects: Sequence[str]) -> str:
    more = f", and {len(objects) - _SHOWN} more" if len(objects) > _SHOWN else ""
    return f"{', '.join(objects[:_SHOWN])}{more}"


def _partitions_of(connection: Connection, statement: Statement) -> list[str]:
    """The partitions of the table whose index the statement makes; none if one is partitioned itself or needs a quoted name."""
    on = next((created.on for created in statement.creates if created.on), "")
    rows = connection.execute(
        "select c.relname::text, c.relkind = 'p' or c.relname::text <> quote_ident(c.relname::text)"
        " from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid where i.inhparent = %s order by 1",
        [_oid(connection, "pg_catalog.to_regclass", on)],
    ).fetchall()
    return [] if any(is_other for _, is_other in rows) else [str(name) for name, _ in rows]


_VIEWS = """
with recursive resting as (
    select r.ev_class as oid, 1 as depth
    from pg_catalog.pg_depend d
    join pg_catalog.pg_rewrite r on r.oid = d.objid
    join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where d.classid = 'pg_catalog.pg_rewrite'::regclass and d.refobjid = %s::oid and r.ev_class <> d.refobjid
        and a.attname = %s
    union
    select r.ev_class, o.depth + 1
    from resting o
    join pg_catalog.pg_depend d on d.refobjid = o.oid and d.classid = 'pg_catalog.pg_rewrite'::regclass
    join pg_catalog.pg_rewrite r on r.oid = d.objid and r.ev_class <> o.oid
)
select format('%%I.%%I', n.nspname, c.relname), c.relkind = 'm', array_to_string(c.reloptions, ', '), pg_get_viewdef(c.oid),
    quote_ident(pg_get_userbyid(c.relowner)),
    array(
        select format('grant %%s on %%I.%%I to %%s%%s;', string_agg(lower(g.privilege_type), ', ' order by g.privilege_type), n.nspname,
            c.relname, case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end,
            case when g.is_grantable then ' with grant option' else '' end)
        from aclexplode(c.relacl) g where g.grantee <> c.relowner group by g.grantee, g.is_grantable order by 1
    ),
    array(select format('%%s;', pg_get_indexdef(i.indexrelid)) from pg_catalog.pg_index i where i.indrelid = c.oid order by 1),
    array(
        select format('comment on %%s is %%L;', case when d.objsubid = 0
            then format('%%s %%I.%%I', case c.relkind when 'm' then 'materialized view' else 'view' end, n.nspname, c.relname)
            else format('column %%I.%%I.%%I', n.nspname, c.relname, a.attname) end, d.description)
        from pg_catalog.pg_description d
        left join pg_catalog.pg_attribute a on a.attrelid = d.objoid and a.attnum = d.objsubid and d.objsubid > 0
        where d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass
        order by d.objsubid
    )
from (select oid, max(depth) as depth from resting group by oid) o
join pg_catalog.pg_class c on c.oid = o.oid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm')
order by o.depth, 1
"""
_MOST_LINES = 150


def _around_its_views(connection: Connection, table: str, column: str, change: str) -> list[str]:
    """The lines that drop all views which rest on a column, make the change, and make the views again as they are now.

    Empty if there are none. The lines do not include triggers of the views and rights on single columns.
    """
    # Our search_path is empty, so a definition shows every name with its schema.
    views = connection.execute(_VIEWS, [_oid(connection, "pg_catalog.to_regclass", table), column]).fetchall()
    lines = [f"drop {'materialized ' if stored else ''}view {name};" for name, stored, *_ in reversed(views)]
    lines.append(f"{change};")
    for name, stored, options, definition, owner, grants, indexes, comments in views:
        kind = "materialized view" if stored else "view"
        made = f"create {kind} {name}{f' with ({options})' if options else ''} as\n{definition}"
        lines += [*made.splitlines(), f"alter {kind} {name} owner to {owner};", *indexes, *grants, *comments]
    return lines if views and len(lines) <= _MOST_LINES else []


def _rows_that_break(connection: Connection, error: psycopg.Error) -> str:
    """The query that shows the rows which refer to nothing, from the constraint that the error names; empty if that does not exist."""
    diag = error.diag
    row = connection.execute(
        """select format('select * from %%s t where %%s and not exists (select from %%s p where %%s);', k.conrelid::regclass,
            string_agg(format('t.%%I is not null', mine.attname), ' and ' order by pair.place), k.confrelid::regclass,
            string_agg(format('p.%%I = t.%%I', their.attname, mine.attname), ' and ' order by pair.place))
        from pg_catalog.pg_constraint k
        join pg_catalog.pg_class c on c.oid = k.conrelid
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        cross join lateral unnest(k.conkey, k.confkey) with ordinality pair (mine, their, place)
        join pg_catalog.pg_attribute mine on mine.attrelid = k.conrelid and mine.attnum = pair.mine
        join pg_catalog.pg_attribute their on their.attrelid = k.confrelid and their.attnum = pair.their
        where k.contype = 'f' and n.nspname = %s and c.relname = %s and k.conname = %s
        group by k.conrelid, k.confrelid""",
        [diag.schema_name, diag.table_name, diag.constraint_name],
    ).fetchone()
    return str(row[0]) if row else ""


def _existing_and_missing(connection: Connection, statements: Iterable[Statement]) -> tuple[list[str], list[str]]:
    """The objects that the statements make, each with its line: those that exist, and those that do not.

    Statements with IF NOT EXISTS or OR REPLACE are left out: they do not mind an existing object.
    """
    there: list[str] = []
    missing: list[str] = []
    dropped: set[tuple[str, str | None]] = set()
    for statement in statements:
        dropped.update((named.name, named.on) for named in statement.drops)
        if statement.may_exist_before:
            continue
        for created in statement.creates:
            if created.kind not in (*_BY_NAME, *_ON_A_TABLE) or (created.name, created.on) in dropped:
                continue
            shown = f"{created.kind} {created.name}{f' on {created.on}' if created.on else ''} (line {statement.line})"
            (there if _is_there(connection, created) else missing).append(shown)
    return there, missing


def _is_there(connection: Connection, named: ObjectName) -> bool:
    try:
        if named.kind in _BY_NAME:
            return _oid(connection, _BY_NAME[named.kind], named.name) is not None
        row = connection.execute(
            _ON_A_TABLE[named.kind],
            [_oid(connection, "pg_catalog.to_regclass", named.on or ""), unquoted(named.name)],
        ).fetchone()
    except psycopg.Error:
        # An argument has a type that the file itself would have made.
        return False
    return bool(row and row[0])


def _oid(connection: Connection, function: str, name: str) -> int | None:
    """The object that a name means to the file, by its search_path. Everything else is looked up without one."""
    with using_role_search_path(connection):
        row = connection.execute(f"select {function}(%s)::pg_catalog.oid", [name]).fetchone()
    return row[0] if row else None
