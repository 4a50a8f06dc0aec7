"""Credentials and tokens do not belong in a copy, so their text is replaced there, and only there."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pg_deploy.backup.errors import MaskingFailedError
from pg_deploy.postgres.session import Connection, one_line
from pg_deploy.postgres.sql_files import engine_sql

_COLUMNS = engine_sql("backup/secret_columns")


@dataclass(frozen=True)
class MaskedColumn:
    """A column whose text was replaced, and in how many rows."""

    column: str
    rows: int


def mask_columns(
    admin: Connection, patterns: Sequence[str], log: logging.Logger, *, by: Connection | None = None
) -> tuple[MaskedColumn, ...]:
    """Replace the values of the columns whose names match `patterns` (* stands for anything). Commits. Raises MaskingFailedError.

    No trigger fires, if the role may turn them off. `by` writes the rows, because that evaluates the target's expressions;
    without it `admin` does. `admin` also fills the materialized views again. Nulls and empty texts stay. Equal values may
    become different ones, so a unique index still holds.
    """
    likes = [_like(pattern) for pattern in patterns]
    salt = secrets.token_hex(8)
    done = []
    views: set[tuple[str, str]] = set()
    writer = by or admin
    with writer.transaction():
        with suppress(psycopg.errors.InsufficientPrivilege), writer.transaction():
            writer.execute("set local session_replication_role = replica")
        for schema, table, column, kind, length, relkind in admin.execute(_COLUMNS, {"patterns": likes}).fetchall():
            if relkind == "m":
                views.add((schema, table))
                continue
            rows = _mask_column(writer, (schema, table, column), kind, length, salt)
            if rows:
                done.append(MaskedColumn(f"{schema}.{table}.{column}", rows))
                log.info("  masked %s.%s.%s in %d rows", schema, table, column, rows)
    for view in sorted(views):
        admin.execute(sql.SQL("refresh materialized view {}").format(sql.Identifier(*view)))
    return tuple(done)


def _mask_column(writer: Connection, column: tuple[str, str, str], kind: str, length: int | None, salt: str) -> int:
    schema, table, name = column
    field = sql.Identifier(name)
    digest = sql.SQL("pg_catalog.md5({salt} || {field}::text || {table}.ctid::text)").format(
        salt=sql.Literal(salt), field=field, table=sql.Identifier(table)
    )
    values = {
        "text": sql.SQL("pg_catalog.left({}, {})").format(digest, sql.Literal(length or 32)),
        "bytea": sql.SQL("pg_catalog.decode({}, 'hex')").format(digest),
        "uuid": sql.SQL("pg_catalog.gen_random_uuid()"),
        "json": sql.SQL("'{}'"),
        "array": sql.SQL("'{}'"),
    }
    update = sql.SQL("update only {table} set {field} = {value} where {field} is not null and {field}::text <> ''")
    relation = sql.Identifier(schema, table)
    reasons = []
    for value in (values[kind], sql.SQL("null"), sql.SQL("''")):
        try:
            with writer.transaction():
                return writer.execute(update.format(table=relation, field=field, value=value)).rowcount
        except psycopg.Error as error:
            reasons.append(one_line(str(error.diag.message_primary or error)))
    raise MaskingFailedError(f"{schema}.{table}.{name}", reasons[0])


def _like(pattern: str) -> str:
    escaped = pattern.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return escaped.replace("*", "%")
