"""The rows behind the catalog facts: every file of catalog/sql/ in one statement, so that all share one snapshot.

Each file yields rows of one contract, `kind, identity, parts text[], scope, definition jsonb`, and may refer to the sets that
common/included.sql defines. The parts are those of the identity, see `kinds.parts_of_kind`; it is null if they print it with
dots between them. A new kind of fact is a new file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import psycopg
from psycopg.rows import TupleRow

from pg_deploy.catalog.definition import definition_of
from pg_deploy.postgres.ledger_name import DEFAULT_LEDGER, LEDGERS_HERE, own_ledger
from pg_deploy.postgres.session import OUR_PLANS
from pg_deploy.postgres.sql_files import ENGINE, engine_sql

DROPPED_MEANWHILE = (
    psycopg.errors.InternalError_,  # cache lookup failed, could not open relation
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedObject,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.SerializationFailure,
)
"""What the server answers about an object that was dropped after the statement's snapshot was taken."""

_FACTS = ENGINE / "catalog" / "sql"
_SINCE_VERSION = {"parameter_grant": 150000, "publication_schema": 150000}
# or the server's deparsing functions answer null
_NEVER_NULL = frozenset({"definition", "default", "using", "with check", "partition key", "partition bound"})
# an oid for a name is how the server prints a function or an operator that it no longer finds
_NO_LONGER_FOUND = re.compile(r"^((function|procedure|aggregate) )?[0-9]+( to |$)")
# a in ('x', 'y') on a varchar column: the server words its own wording differently once that was dumped and restored
_VARCHAR = r"'(?:[^']|'')*'::character varying"
_VARCHAR_ARRAY = re.compile(rf"\(ARRAY\[({_VARCHAR}(?:, {_VARCHAR})*)\]\)::text\[\]")
_VERBATIM_KINDS = frozenset({"function", "procedure"})


class Row(NamedTuple):
    """One row of the contract; `definition` is worded as `definition_of` words it, `parts` are an array as the server prints it."""

    kind: str
    identity: str
    definition: str
    scope: str
    parts: str | None


class ObjectDroppedError(Exception):
    """A definition came back empty, because its object was dropped while it was read."""


def read_rows(
    cursor: psycopg.Cursor[TupleRow], ignored_schemas: Sequence[str], *, keep_plan: bool = False
) -> list[Row]:
    """The rows of all kinds. Reads only, but leaves settings of the open transaction changed: the caller aborts it.

    If this role lacks a right, a row of kind "unreadable" stands for the kind. `keep_plan` leaves the statement prepared in
    the session, for the next time: to plan it takes the server longer than to run it. Raises ObjectDroppedError, or one
    of DROPPED_MEANWHILE, when the DDL of others came between.
    """
    cursor.execute(engine_sql("catalog/common/settings"))
    _ignore(cursor, ignored_schemas)
    kinds, rows = _readable_kinds(cursor)
    cursor.execute("savepoint catalog_kinds")
    try:
        rows += _rows_of(cursor, kinds, keep_plan=keep_plan)
    except psycopg.errors.InsufficientPrivilege:
        for kind in kinds:
            cursor.execute("rollback to savepoint catalog_kinds")
            try:
                rows += _rows_of(cursor, [kind])
            except psycopg.errors.InsufficientPrivilege as error:
                rows.append(_unreadable(kind, str(error.diag.message_primary)))
    return rows


def read_kinds(cursor: psycopg.Cursor[TupleRow], kinds: Sequence[str], ignored_schemas: Sequence[str]) -> list[Row]:
    """The rows of some files of catalog/sql/ only, cheaper than all. As `read_rows`, but raises if a right is lacking."""
    cursor.execute(engine_sql("catalog/common/settings"))
    _ignore(cursor, ignored_schemas)
    version = cursor.connection.info.server_version
    return _rows_of(cursor, [kind for kind in kinds if version >= _SINCE_VERSION.get(kind, 0)])


def _ignore(cursor: psycopg.Cursor[TupleRow], schemas: Sequence[str]) -> None:
    """Leave these schemas out. Where our ledger is among them, each ledger is: another project may just have made its own."""
    ledgers = LEDGERS_HERE if DEFAULT_LEDGER in schemas else "'{}'::text[]"
    left_out = [*schemas, own_ledger(cursor.connection)] if DEFAULT_LEDGER in schemas else list(schemas)
    cursor.execute(
        f"select set_config('deploy_catalog.ignored_schemas', (%s::text[] || {ledgers})::text, true)", [left_out]
    )


def _readable_kinds(cursor: psycopg.Cursor[TupleRow]) -> tuple[list[str], list[Row]]:
    version = cursor.connection.info.server_version
    kinds = [path.stem for path in sorted(_FACTS.glob("*.sql")) if version >= _SINCE_VERSION.get(path.stem, 0)]
    without_cron = [kind for kind in kinds if kind != "cron_job"]
    job_table = cursor.execute(engine_sql("catalog/common/cron_job_readable")).fetchone()
    if job_table is None:
        return without_cron, []
    readable, own_jobs_only = job_table
    if not readable:
        return without_cron, [_unreadable("cron_job", "permission denied for table cron.job")]
    return kinds, [_unreadable("cron_job", "only this role's own jobs are visible")] if own_jobs_only else []


def _unreadable(kind: str, reason: str) -> Row:
    return Row("unreadable", kind.replace("_", " "), json.dumps({"reason": reason}), "database", None)


def _rows_of(cursor: psycopg.Cursor[TupleRow], kinds: Iterable[str], *, keep_plan: bool = False) -> list[Row]:
    statement = _statement(tuple(kinds))
    cursor.execute(prepared(cursor, statement) if keep_plan else statement, prepare=False)
    return [
        Row(kind, identity, _normal(kind, identity, definition), scope, parts)
        for kind, identity, parts, scope, definition in cursor.fetchall()
        # What the server left behind of something that is gone, as the comment of a dropped subscription: it names nothing.
        if identity is not None
    ]


def prepared(cursor: psycopg.Cursor[TupleRow], statement: bytes) -> bytes:
    """What executes the statement, which is prepared in the session if it was not. The driver forgets its own at each rollback.

    What a migration prepared under our name is not taken for ours: the text is compared. Names mean in it what they mean now, for
    the server analyses it again where the search_path is another.
    """
    name = f"{OUR_PLANS}{hashlib.sha256(statement).hexdigest()[:16]}"
    prepare = f"prepare {name} as ".encode() + statement
    known = cursor.execute(
        "select pg_catalog.sha256(pg_catalog.convert_to(statement, 'UTF8')) from pg_catalog.pg_prepared_statements where name = %s",
        [name],
    ).fetchone()
    if known is not None and known[0] != hashlib.sha256(prepare).digest():
        cursor.execute(f"deallocate {name}")
        known = None
    if known is None:
        cursor.execute(prepare)
    return f"execute {name}".encode()


@lru_cache(maxsize=64)
def _statement(kinds: tuple[str, ...]) -> bytes:
    branches = (f"(\n{engine_sql(f'catalog/{kind}').decode()}) as {kind}_fact" for kind in kinds)
    columns = """select kind::text, coalesce(identity, array_to_string(parts, '.'))::text, parts::text, scope::text, definition::text
        from """
    included = engine_sql("catalog/common/included").decode()
    return (included + "\nunion all\n".join(columns + branch for branch in branches)).encode()


@lru_cache(maxsize=50_000)
def _normal(kind: str, printed: str, definition: str) -> str:
    properties = json.loads(definition)
    if _NO_LONGER_FOUND.search(printed) or any(properties[name] is None for name in properties.keys() & _NEVER_NULL):
        raise ObjectDroppedError(f"{kind} {printed} was dropped while the catalog was read")
    if kind not in _VERBATIM_KINDS:
        for name in properties.keys() & _NEVER_NULL:
            if not isinstance(properties[name], str):
                # An operator class is the default one.
                continue
            properties[name] = _VARCHAR_ARRAY.sub(_elements_as_text, properties[name])
    return definition_of(properties)


def _elements_as_text(array: re.Match[str]) -> str:
    return "ARRAY[" + re.sub(_VARCHAR, lambda element: f"({element[0]})::text", array[1]) + "]"
