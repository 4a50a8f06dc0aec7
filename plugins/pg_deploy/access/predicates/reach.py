"""Which relations the roles of the API reach: found in the catalog, never listed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg.rows import class_row

from pg_deploy.access.facts.api import Api
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql


@dataclass(frozen=True)
class Relation:
    """A table, view or materialized view; `rights` says for each role of the API what its grants allow.

    `kind` is the server's letter (r, p, v, m, f), `key` the primary key's columns. `plain` is false for what takes part in
    inheritance or partitioning, which the symbolic engine refuses.
    """

    id: int
    schema: str
    name: str
    kind: str
    secured: bool
    forced: bool
    owner: str
    key: list[str]
    key_types: list[str]
    rights: Mapping[str, Mapping[str, bool]]
    plain: bool

    @property
    def full_name(self) -> str:
        """`schema.name`, for people."""
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """The name for SQL."""
        return quote(self.schema, self.name)

    @property
    def is_table(self) -> bool:
        """Whether policies apply to it."""
        return self.kind in ("r", "p")


@dataclass(frozen=True)
class Column:
    """A column of a relation; `parent` is the (schema, table, column) that a foreign key of this one column points to.

    `exact` says that no expression can tell two equal values apart; one can tell 1.0 from 1.00.
    `witnessed` says that values of its type can be made which tell two predicates apart.
    """

    name: str
    type: str
    category: str
    required: bool
    ordered: bool
    exact: bool
    witnessed: bool
    parent: list[str] | None


def read_relations(connection: Connection, api: Api, *, everything: bool = False) -> tuple[Relation, ...]:
    """The relations that a role of the API may use, ordered by name; with `everything` all others too. Reads only."""
    with connection.cursor(row_factory=class_row(Relation)) as cursor:
        values = {"roles": list(api.roles), "ignored": list(api.ignored_schemas), "everything": everything}
        return tuple(cursor.execute(engine_sql("access/relations"), values).fetchall())


def read_columns(connection: Connection, relation: Relation) -> dict[str, Column]:
    """The columns of a relation by name, in the table's order. Reads only."""
    with connection.cursor(row_factory=class_row(Column)) as cursor:
        rows = cursor.execute(engine_sql("access/columns"), {"relation": relation.id}).fetchall()
    return {column.name: column for column in rows}


def read_unique_keys(connection: Connection) -> dict[str, list[list[str]]]:
    """For each table, by its quoted name, its unique keys over columns that are never null. Reads only."""
    found: dict[str, list[list[str]]] = {}
    for schema, name, key in connection.execute(engine_sql("access/unique_keys")).fetchall():
        found.setdefault(quote(schema, name), []).append(key)
    return found
