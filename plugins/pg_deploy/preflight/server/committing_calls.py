"""CALLs of procedures that commit, if the file itself does not show it: an earlier file, or the database, has the procedure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg

from pg_deploy.migrations.migration import Migration
from pg_deploy.parsing.committing import ends_transactions
from pg_deploy.parsing.syntax import name_parts, trees_of
from pg_deploy.preflight.errors import ProcedureCommitsError

_SOURCES = """select n.nspname, p.proname, p.prosrc
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.prokind = 'p' and p.proname = any (%s)"""


def calls_that_commit(
    connection: psycopg.Connection, migrations: Sequence[Migration]
) -> Iterator[ProcedureCommitsError]:
    """A fault for each CALL, in a transaction, of a procedure that commits: PostgreSQL would refuse it half-way. Reads only."""
    calls = [
        (migration, statement, name_parts(trees_of(statement.sql)[0].funccall.funcname))
        for migration in migrations
        for statement in migration.statements
        if statement.kind == "call" and not statement.commits
    ]
    if not calls:
        return
    rows = connection.execute(_SOURCES, [[name[-1] for _, _, name in calls]]).fetchall()
    known = {(str(schema), str(name)) for schema, name, source in rows if ends_transactions(source)}
    pending = {
        statement.creates[0].name.split("(", 1)[0].rsplit(".", 1)[-1].strip('"')
        for migration in migrations
        for statement in migration.statements
        if statement.kind == "create procedure" and statement.creates and ends_transactions(statement.sql)
    }
    for migration, statement, name in calls:
        is_known = any(name[-1] == procedure and (len(name) == 1 or name[0] == schema) for schema, procedure in known)
        if is_known or name[-1] in pending:
            yield ProcedureCommitsError(migration.file.path.name, statement.line, ".".join(name), statement.summary)
