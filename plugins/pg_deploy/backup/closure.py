"""Which schemas a copy must hold so that the pending migrations behave on it as on the target.

These are the schemas that the migrations name, all schemas that depend on them or that they depend on (auth.uid() in a
policy, the target of a foreign key, a view of somebody else), those that function bodies name, and those that an object in
no schema depends on (a cast). A dump of public alone lost 3 of 4 policies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pg_deploy.migrations.migration import Migration
from pg_deploy.parsing.brief_text import brief
from pg_deploy.postgres.ledger_name import own_ledger
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

_NAMED = re.compile(r'(?:"((?:[^"]|"")+)"|([a-zA-Z_][a-zA-Z0-9_$]*))\.(?=["a-zA-Z_])')
# Here schemas stand without a dot: `alter schema a rename to b`, `all tables in schema a, b`, `set schema 'a'`, `set search_path = a, b`.
_LISTED = re.compile(r"\b(?:schema|search_path)\b([^;]{0,300})", re.IGNORECASE)
_WORD = re.compile(r'"((?:[^"]|"")+)"|([a-zA-Z_][a-zA-Z0-9_$]*)')


@dataclass(frozen=True)
class Closure:
    """The schemas that go into the backup, and those that are left out because nothing here touches them; each sorted."""

    included: tuple[str, ...]
    left_out: tuple[str, ...]


def find_closure(connection: Connection, migrations: Iterable[Migration]) -> Closure:
    """The closure of the schemas that `migrations` name, by the target's own dependencies. Reads only."""
    rows = connection.execute(engine_sql("backup/schemas")).fetchall()
    schemas = {name for name, owned, _ in rows if not owned}
    wanted = {name for name, _, always in rows if always} | {"public", "supabase_migrations", own_ledger(connection)}
    wanted |= _possible_schemas("\n".join(text for migration in migrations for text in _texts(migration)))
    related: dict[str, set[str]] = {}
    for dependent, referenced in connection.execute(engine_sql("backup/dependencies")):
        if dependent is None:
            # Every dump has this object, and it cannot be restored without what it depends on.
            wanted.add(referenced)
            continue
        # In both directions: a view elsewhere forbids dropping what it reads, so it must be in the copy as well.
        related.setdefault(dependent, set()).add(referenced)
        related.setdefault(referenced, set()).add(dependent)
    for schema, body in connection.execute(engine_sql("backup/bodies")):
        related.setdefault(schema, set()).update(_possible_schemas(body))
    included = _reachable(wanted & schemas, related, schemas)
    return Closure(tuple(sorted(included)), tuple(sorted(schemas - included)))


def _texts(migration: Migration) -> list[str]:
    texts = [brief(migration.file.sql).text, migration.rollback or ""]
    texts += [check.sql for check in migration.checks]
    for benchmark in migration.benchmarks:
        texts += [benchmark.after.sql, benchmark.before.sql if benchmark.before else ""]
    return texts


def _possible_schemas(text: str) -> set[str]:
    """Every name that a dot follows, or that stands where schemas do. Those that are no schemas drop out later."""
    names = _NAMED.findall(text)
    names += [word for listed in _LISTED.findall(text) for word in _WORD.findall(listed)]
    return {quoted.replace('""', '"') if quoted else plain.lower() for quoted, plain in names}


def _reachable(start: Iterable[str], related: Mapping[str, Iterable[str]], known: set[str]) -> set[str]:
    reached: set[str] = set()
    waiting = list(start)
    while waiting:
        schema = waiting.pop()
        if schema in known and schema not in reached:
            reached.add(schema)
            waiting += related.get(schema, ())
    return reached
