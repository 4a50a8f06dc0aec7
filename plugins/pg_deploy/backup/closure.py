"""Which schemas a copy must hold so that the pending migrations behave on it as on the target.

The schemas that they name, everything that depends on those or that those depend on (auth.uid() in a policy, the target
of a foreign key, a view of somebody else), what function bodies name, and what lives in no schema rests on (a cast).
A dump of public alone lost 3 of 4 policies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pg_deploy.migrations.migration import Migration
from pg_deploy.parsing.bulk import brief
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

OURS = ("deploy_ledger", "supabase_migrations")
_NAMED = re.compile(r'(?:"((?:[^"]|"")+)"|([a-zA-Z_][a-zA-Z0-9_$]*))\.(?=["a-zA-Z_])')
# Where schemas stand alone: `alter schema a rename to b`, `all tables in schema a, b`, `set schema 'a'`, `set search_path = a, b`.
_LISTED = re.compile(r"\b(?:schema|search_path)\b([^;]{0,300})", re.IGNORECASE)
_WORD = re.compile(r'"((?:[^"]|"")+)"|([a-zA-Z_][a-zA-Z0-9_$]*)')


@dataclass(frozen=True)
class Closure:
    """The schemas that go into the backup, and those left out because nothing here touches them; each sorted."""

    included: tuple[str, ...]
    left_out: tuple[str, ...]


def find_closure(connection: Connection, migrations: Iterable[Migration]) -> Closure:
    """The closure of what `migrations` name, by the target's own dependencies. Reads only."""
    rows = connection.execute(engine_sql("backup/schemas")).fetchall()
    schemas = {name for name, owned, _ in rows if not owned}
    wanted = {name for name, _, always in rows if always} | {"public", *OURS}
    wanted |= _mentioned("\n".join(text for each in migrations for text in _texts(each)))
    edges: dict[str, set[str]] = {}
    for dependent, referenced in connection.execute(engine_sql("backup/dependencies")):
        if dependent is None:
            # It is in every dump, and cannot be restored without what it rests on.
            wanted.add(referenced)
            continue
        # Both ways: a view elsewhere forbids to drop what it reads, so it must be in the copy as well.
        edges.setdefault(dependent, set()).add(referenced)
        edges.setdefault(referenced, set()).add(dependent)
    for schema, body in connection.execute(engine_sql("backup/bodies")):
        edges.setdefault(schema, set()).update(_mentioned(body))
    included = _reach(wanted & schemas, edges, schemas)
    return Closure(tuple(sorted(included)), tuple(sorted(schemas - included)))


def _texts(migration: Migration) -> list[str]:
    found = [brief(migration.file.sql).text, migration.rollback or ""]
    found += [check.sql for check in migration.checks]
    for benchmark in migration.benchmarks:
        found += [benchmark.after.sql, benchmark.before.sql if benchmark.before else ""]
    return found


def _mentioned(text: str) -> set[str]:
    """Every name that a dot follows, or that stands where schemas do: a schema, or something that is none and drops out later."""
    found = _NAMED.findall(text)
    found += [word for listed in _LISTED.findall(text) for word in _WORD.findall(listed)]
    return {quoted.replace('""', '"') if quoted else plain.lower() for quoted, plain in found}


def _reach(start: Iterable[str], edges: Mapping[str, Iterable[str]], known: set[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        schema = waiting.pop()
        if schema in known and schema not in found:
            found.add(schema)
            waiting += edges.get(schema, ())
    return found
