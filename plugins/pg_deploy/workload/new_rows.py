"""Values of a row that is there, made into those of a new one: no unique index may refuse it."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

_UNIQUE_COLUMNS = engine_sql("workload/unique_columns")
_WHOLE = ("smallint", "integer", "bigint", "numeric")


@dataclass(frozen=True)
class NewRows:
    """What must be new in a row of one table. `highest` are the greatest numbers of columns that hold some."""

    fresh: frozenset[str] = frozenset()
    from_another_row: frozenset[str] = frozenset()
    """Columns that name another table's row: together they are new where each is taken from a row of its own."""
    highest: Mapping[str, int] = field(default_factory=dict)

    def value(self, column: str, kind: str, value: str | None, number: int) -> str | None:
        """The value for the new row of this number, of a parameter of this type."""
        if value is None or column not in self.fresh:
            return value
        if kind == "uuid":
            return str(uuid.uuid4())
        if kind in _WHOLE:
            return str(self.highest.get(column, 0) + 1 + number)
        if kind.startswith(("text", "character", "citext")):
            return _other_text(value)
        return value

    def json(self, value: str, number: int) -> str:
        """The same for a row as a JSON object, or for an array of such."""
        held = json.loads(value)
        for row in held if isinstance(held, list) else [held]:
            self._renew(row, number)
        return json.dumps(held)

    def _renew(self, row: dict[str, object], number: int) -> None:
        for column in self.fresh & row.keys():
            held = row[column]
            if isinstance(held, int) and not isinstance(held, bool):
                row[column] = self.highest.get(column, held) + 1 + number
            elif isinstance(held, str):
                row[column] = str(uuid.uuid4()) if _is_uuid(held) else _other_text(held)


def read_new_rows(connection: Connection, name: str, columns: frozenset[str]) -> NewRows:
    """For an insert of these columns into the table of this name; names are looked up in the session's search_path. Reads only."""
    fresh: set[str] = set()
    from_another_row: set[str] = set()
    for unique, are_foreign in connection.execute(_UNIQUE_COLUMNS, [name]):
        if not set(unique) <= columns:
            continue  # the others get their defaults
        own = [column for column, is_foreign in zip(unique, are_foreign, strict=True) if not is_foreign]
        (fresh if own else from_another_row).add(own[0] if own else unique[-1])
    highest: dict[str, int] = {}
    for column in fresh:
        row = connection.execute(
            "select a.attrelid::pg_catalog.regclass::pg_catalog.text from pg_catalog.pg_attribute a"
            " where a.attrelid = pg_catalog.to_regclass(%s) and a.attname = %s"
            " and a.atttypid = any (array['int2', 'int4', 'int8', 'numeric']::pg_catalog.regtype[])",
            [name, column],
        ).fetchone()
        if row:
            top = connection.execute(f"select max({quote(column)}) from {name}".encode()).fetchone()  # noqa: S608 - quoted
            highest[column] = int(top[0] or 0) if top else 0
    return NewRows(frozenset(fresh), frozenset(from_another_row), highest)


def _other_text(value: str) -> str:
    """As long as before, if it is long enough for that, and of the same form: `6f3a9cn@x.org` of `somebodyn@x.org`."""
    new = secrets.token_hex(3)
    return new + value[6:] if "@" not in value[:7] else new + value


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
