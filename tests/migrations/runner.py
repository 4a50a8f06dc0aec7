"""Run a migration's files as the engine promises to: each statement alone, checks and benchmarks leaving no trace."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from pg_deploy.grammar import ast
from pg_deploy.grammar.parser import parse_sql, split
from tests.looking import OUR_SCHEMAS, schema_dump

FOLDER = Path(__file__).resolve().parents[2] / "sql" / "migrations"
STEMS = tuple(sorted(path.stem for path in FOLDER.glob("*.sql")))
INDEXES, METADATA, POLICIES, VIEWS = STEMS

PLAN = """
create schema if not exists deploy_ledger;
create or replace function deploy_ledger.plan(statement text) returns jsonb language plpgsql as $$
declare
    found jsonb;
begin
    execute 'explain (format json) ' || statement into found;
    return found;
end
$$
"""

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True)
class Segment:
    """Statements that commit together; a concurrent one is alone and outside a transaction."""

    statements: tuple[str, ...]
    concurrent: bool


def connect(url: str) -> Connection:
    """An autocommit connection."""
    return psycopg.connect(url, autocommit=True)


def statements(text: str) -> list[str]:
    """The statements of a file, comments between them left out."""
    return [text[piece] for piece in split(text)]


def segments(text: str) -> list[Segment]:
    """The file's segments in order."""
    found: list[Segment] = []
    for statement in statements(text):
        tree = parse_sql(statement)[0].stmt
        if isinstance(tree, (ast.IndexStmt, ast.DropStmt)) and tree.concurrent:
            found.append(Segment((statement,), concurrent=True))
        elif found and not found[-1].concurrent:
            found[-1] = Segment((*found[-1].statements, statement), concurrent=False)
        else:
            found.append(Segment((statement,), concurrent=False))
    return found


def run(connection: Connection, text: str, only: int | None = None) -> None:
    """Run a migration or a rollback; `only` stops after that many segments."""
    for segment in segments(text)[:only]:
        if segment.concurrent:
            connection.execute(segment.statements[0])
            continue
        with connection.transaction():
            for statement in segment.statements:
                connection.execute(statement)


def apply(connection: Connection, stem: str, only: int | None = None) -> None:
    """Apply a migration."""
    run(connection, (FOLDER / f"{stem}.sql").read_text(), only)


def roll_back(connection: Connection, stem: str) -> None:
    """Undo a migration by its rollback.sql."""
    run(connection, (FOLDER / stem / "rollback.sql").read_text())


def check(connection: Connection, file: Path) -> list[tuple[object, ...]]:
    """The findings of a check file; leaves no trace."""
    text = file.read_text()
    first = text.split("\n", 1)[0]
    connection.execute("begin" if "writes" in first or "rehearsal" in first else "begin read only")
    try:
        for statement in statements(text):
            cursor = connection.execute(statement)
        return cursor.fetchall()
    finally:
        connection.execute("rollback")


def findings(
    connection: Connection, stem: str, *, only: str = "*", live: bool = False
) -> dict[str, list[tuple[object, ...]]]:
    """What each failing check of a migration finds; empty if all is well. A check that raises is a finding too.

    `only` names one check; `live` leaves out the checks that the engine runs on a quiet copy only.
    """
    connection.execute(PLAN)
    found: dict[str, list[tuple[object, ...]]] = {}
    for file in sorted((FOLDER / stem / "verify").glob(f"{only}.sql")):
        if live and file.read_text().startswith("-- check: rehearsal"):
            continue
        try:
            rows = check(connection, file)
        except psycopg.Error as error:
            rows = [(str(error),)]
        if rows:
            found[file.stem] = rows
    return found


def state(url: str, bindir: Path) -> str:
    """The schema as pg_dump writes it and the cron jobs, as one comparable text."""
    lines = schema_dump(bindir, url, *OUR_SCHEMAS).splitlines()
    with connect(url) as connection, suppress(psycopg.errors.UndefinedTable):
        lines += [str(job) for job in connection.execute("select * from cron.job order by jobid").fetchall()]
    return "\n".join(lines)
