"""A shadow in `public` for each function, operator and type that our SQL uses: entered, it says so in the server's log and fails."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from pg_deploy.grammar.ast import A_Expr, FuncCall, String, TypeName
from pg_deploy.grammar.errors import ParseError
from pg_deploy.grammar.nodes import walked
from pg_deploy.grammar.parser import parse_sql

PROJECT = Path(__file__).resolve().parents[3]
WORD = "SHADOW ENTERED"
_BODY = f"begin raise log '{WORD}'; raise exception '{WORD}'; end"
# plpgsql takes no argument of these types. Instead of "any" a shadow takes what is given most: a text or a name.
_PSEUDO = (
    "any",
    "internal",
    "cstring",
    "trigger",
    "event_trigger",
    "language_handler",
    "fdw_handler",
    "index_am_handler",
)


@dataclass
class _Names:
    """The unqualified names of functions, operators and types in statements."""

    functions: set[str] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)
    types: set[str] = field(default_factory=set)

    def add(self, tree: object) -> None:
        """Take in those of a tree."""
        for node in walked(tree):
            if isinstance(node, FuncCall):
                self.functions |= _alone(node.funcname)
            elif isinstance(node, A_Expr):
                self.operators |= _alone(node.name)
            elif isinstance(node, TypeName):
                self.types |= _alone(node.names)


def _alone(name: tuple[object, ...] | None) -> set[str]:
    parts = [part.sval for part in name or () if isinstance(part, String) and part.sval is not None]
    return set(parts) if len(parts) == 1 else set()


def _texts() -> Iterator[str]:
    for path in (PROJECT / "plugins").rglob("*.sql"):
        yield path.read_text(encoding="utf-8")
    for path in (PROJECT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def names_in_our_sql() -> _Names:
    """The names in all SQL files, and in each constant of the code that is SQL."""
    found = _Names()
    for text in _texts():
        if re.match(r"\s*(--|with|select|insert|update|delete|create|alter|set)\b", text):
            plain = re.sub(r"%\(\w+\)s|%s", "null", text).replace("%%", "%")
            try:
                found.add(parse_sql(plain))
            except ParseError:
                continue
    return found


def plant(connection: psycopg.Connection) -> int:
    """Make all of them in `public`, open to everybody; returns how many. As a superuser, on a database of its own."""
    found = names_in_our_sql()
    connection.execute("set search_path to ''; set client_min_messages to error")
    connection.execute("grant create, usage on schema public to public")
    made = 0
    for name, arguments in _functions(connection, found.functions):
        made += _make(connection, sql.SQL("create function public.{}({}) returns pg_catalog.bool language plpgsql as {}").format(
            sql.Identifier(name), sql.SQL(arguments), sql.Literal(_BODY)))  # fmt: skip
    for number, (name, left, right) in enumerate(_operators(connection, found.operators)):
        function = sql.Identifier(f"shadow_{number}")
        arguments = ", ".join(filter(None, (left, right)))
        connection.execute(
            sql.SQL("create function public.{}({}) returns pg_catalog.bool language plpgsql as {}").format(
                function, sql.SQL(arguments), sql.Literal(_BODY)
            )
        )
        argument_types = [f"{word} = {kind}" for word, kind in (("leftarg", left), ("rightarg", right)) if kind]
        made += _make(connection, sql.SQL("create operator public.{} (function = public.{}, {})").format(
            sql.SQL(name), function, sql.SQL(", ".join(argument_types))))  # fmt: skip
    connection.execute(
        sql.SQL("create function public.shadow_of_type() returns pg_catalog.bool language plpgsql as {}").format(
            sql.Literal(_BODY)
        )
    )
    for name in sorted(found.types):
        row = connection.execute(
            """select format('pg_catalog.%%I', typname) from pg_type
            where typname = %s and typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r')""",
            [name],
        ).fetchone()
        if row:
            made += _make(connection, sql.SQL("create domain public.{} as {} check (public.shadow_of_type())").format(
                sql.Identifier(name), sql.SQL(row[0])))  # fmt: skip
    return made


def _make(connection: psycopg.Connection, statement: sql.Composed) -> int:
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        # The same signature twice, after "any" was replaced, or a polymorphic type alone: this shadow is left out.
        if error.sqlstate not in ("42723", "42P13", "42710", "42883"):
            raise
        return 0
    return 1


def _functions(connection: psycopg.Connection, names: set[str]) -> list[tuple[str, str]]:
    rows = connection.execute(
        """select p.proname::text, array(
            select format_type(t.oid, null)
            from unnest(p.proargtypes) with ordinality a (oid, place) join pg_type t on t.oid = a.oid order by a.place
        ) from pg_proc p where p.pronamespace = 'pg_catalog'::regnamespace and p.proname::text = any (%s)""",
        [sorted(names)],
    ).fetchall()
    wanted = set()
    for name, kinds in rows:
        for instead in ("text", "name") if '"any"' in kinds else ("",):
            given = [instead if kind == '"any"' else kind for kind in kinds]
            if not any(kind in _PSEUDO for kind in given):
                wanted.add((name, ", ".join(given)))
                # What fits better than a text where a name is given: nobody needs the server's own signature.
                wanted.add((name, ", ".join("name" if kind == "text" else kind for kind in given)))
    return sorted(
        wanted | {("count", ""), ("nextval", "text"), ("format", "text, name, name"), ("format", "text, name")}
    )


def _operators(connection: psycopg.Connection, names: set[str]) -> list[tuple[str, str | None, str | None]]:
    rows = connection.execute(
        """select o.oprname::text, format_type(nullif(o.oprleft, 0), null), format_type(nullif(o.oprright, 0), null)
        from pg_operator o where o.oprnamespace = 'pg_catalog'::regnamespace and o.oprname::text = any (%s)
            and o.oprleft <> '"any"'::regtype and o.oprright <> '"any"'::regtype""",
        [sorted(names)],
    ).fetchall()
    # Between the types that the catalog's columns have and what they are compared with, no operator of the server fits as well.
    better = [
        (name, left, right)
        for name in sorted(names & {"=", "<>", "||", "~~", "!~~", "~", "~*"})
        for left, right in (
            ("name", "name"),
            ("text", "name"),
            ("name", "text"),
            ("oid", "regclass"),
            ("regclass", "oid"),
        )
    ]
    return sorted({(str(row[0]), row[1], row[2]) for row in rows} | set(better), key=str)
