"""The types that the server takes a statement's parameters for, and a value of each."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import pq

from pg_deploy.postgres.session import Connection
from pg_deploy.workload.asking import Form
from pg_deploy.workload.sender import Sender

_TYPES = """select pg_catalog.format_type(coalesce(nullif(t.typbasetype, 0), t.oid), null), l.enumlabel
from pg_catalog.unnest(%s::pg_catalog.oid[]) with ordinality as p (oid, number)
join pg_catalog.pg_type t on t.oid = p.oid
left join lateral (
    select e.enumlabel from pg_catalog.pg_enum e where e.enumtypid = t.oid order by e.enumsortorder limit 1
) l on true
order by p.number"""
_VALUES = {
    **dict.fromkeys(("smallint", "integer", "bigint", "numeric", "real", "double precision"), "1"),
    **dict.fromkeys(("text", "character varying", "character", "bytea", "name"), ""),
    **dict.fromkeys(
        ("date", "timestamp with time zone", "timestamp without time zone", "time without time zone"), "now"
    ),
    **dict.fromkeys(("json", "jsonb"), "{}"),
    "boolean": "true",
    "interval": "1 day",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "inet": "127.0.0.1",
}


@dataclass(frozen=True)
class ParameterType:
    """A type by its oid; `name` is that of the type below it where it is a domain, and `label` an enum's first."""

    oid: int
    name: str
    label: str | None = None

    @property
    def value(self) -> str | None:
        """A value, where nothing is known of what is asked for; None for null."""
        return "{}" if self.name.endswith("[]") else _VALUES.get(self.name, self.label)


def prepare_form(connection: Connection, name: bytes, form: Form) -> None:
    """Prepare a statement in the sender's transaction: its role and search_path say what a name means. Raises psycopg.Error."""
    oids = []
    for each in form.types:
        row = connection.execute(
            "select coalesce(pg_catalog.to_regtype(nullif(%s, '')), 0)::pg_catalog.oid::pg_catalog.int8", [each]
        ).fetchone()
        oids.append(int(row[0]) if row else 0)
    result = connection.pgconn.prepare(name, form.text.encode(), oids or None)
    if result.status != pq.ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)


def read_parameter_types(
    connection: Connection, sender: Sender, form: Form, *, timeout_s: float
) -> tuple[ParameterType, ...]:
    """Of each parameter. Raises psycopg.Error where the server does not take the statement."""
    with sender.sending(connection, timeout_s=timeout_s):
        prepare_form(connection, b"", form)
        described = connection.pgconn.describe_prepared(b"")
        oids = [described.param_type(number) for number in range(described.nparams)]
    rows = connection.execute(_TYPES, [oids]).fetchall()
    return tuple(ParameterType(oid, name, label) for oid, (name, label) in zip(oids, rows, strict=True))
