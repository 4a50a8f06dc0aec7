"""What judges an undo, apart from the engine: pg_dump, the rows of every table, the position of every sequence."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from tests.looking import OUR_SCHEMAS
from tests.undo_cases.server import Server


@dataclass(frozen=True)
class State:
    """A database as others see it: the lines of its dump; in `contents` each table's rows, each sequence's position, each role."""

    dump: tuple[str, ...]
    contents: dict[str, str]

    def differences(self, after: State) -> Iterator[str]:
        """One line for each thing that `after` lacks, or has and should not."""
        before, now = set(self.dump), set(after.dump)
        if self.dump != after.dump:
            yield from (f"pg_dump lacks: {line}" for line in self.dump if line not in now)
            yield from (f"pg_dump has: {line}" for line in after.dump if line not in before)
            if before == now:
                yield "pg_dump: another order"
        for name in sorted(self.contents.keys() | after.contents.keys()):
            if self.contents.get(name) != after.contents.get(name):
                yield f"{name}: {_short(self.contents.get(name))} -> {_short(after.contents.get(name))}"


def read_state(server: Server, database: str) -> State:
    """The state of that database, read as the superuser."""
    with psycopg.connect(server.url("admin", database), autocommit=True) as connection:
        return State(_dump(server, database), dict(_contents(connection)))


def _dump(server: Server, database: str) -> tuple[str, ...]:
    done = subprocess.run(
        [
            server.bindir / "pg_dump",
            "--schema-only",
            *(f"--exclude-schema={name}" for name in OUR_SCHEMAS),
            "--dbname",
            server.url("admin", database),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return (f"pg_dump failed: {done.stderr}",)
    lines = [_ordered(line) for line in done.stdout.splitlines() if not re.match(r"\\(un)?restrict |--|$", line)]
    rights = [line for line in lines if re.match(r"(GRANT|REVOKE|ALTER DEFAULT PRIVILEGES) ", line)]
    return tuple([line for line in lines if line not in rights] + sorted(rights))


def _ordered(line: str) -> str:
    """Storage parameters are a set, which the server keeps in the order in which they were given."""
    return re.sub(r"WITH \(([^()]*)\)", lambda found: f"WITH ({', '.join(sorted(found[1].split(', ')))})", line)


def _contents(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, str]]:
    connection.execute("set search_path = ''")
    relations = connection.execute(
        """select n.nspname, c.relname, c.relkind::text from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where (c.relkind in ('r', 'S') or (c.relkind = 'm' and c.relispopulated))
          and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> all (%s)""",
        [list(OUR_SCHEMAS)],
    ).fetchall()
    for namespace, name, kind in relations:
        relation = sql.Identifier(namespace, name)
        if kind == "S":
            query = sql.SQL("select last_value || ', ' || is_called from {}").format(relation)
        else:
            # The order of rows and of columns does not matter: texts are sorted, and so are the keys of jsonb.
            query = sql.SQL(
                "select count(*) || ' rows: ' || coalesce(string_agg(r, ' ' order by r collate \"C\"), '')"
                " from (select pg_catalog.to_jsonb(t)::text as r from {} t) rows"
            ).format(sql.SQL("only {}").format(relation) if kind == "r" else relation)
        row = connection.execute(query).fetchone()
        yield f"{'sequence' if kind == 'S' else 'rows of'} {namespace}.{name}", str(row[0]) if row else ""
    for query_of_roles in (
        "select 'role ' || rolname, to_jsonb(r) - 'oid' from pg_catalog.pg_roles r",
        "select 'member ' || member::regrole || ' of ' || roleid::regrole, admin_option from pg_catalog.pg_auth_members",
        "select 'setting of ' || setrole::regrole, setconfig from pg_catalog.pg_db_role_setting",
    ):
        yield from ((str(name), str(value)) for name, value in connection.execute(query_of_roles).fetchall())


def _short(text: str | None) -> str:
    if text is None:
        return "none"
    return text if len(text) < 160 else text[:160] + "…"
