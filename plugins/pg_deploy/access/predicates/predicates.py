"""The effective predicate of a role on a table, for each phase of each command, as PostgreSQL would apply it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from psycopg.rows import class_row

from pg_deploy.access.facts.api import Api
from pg_deploy.access.predicates.reach import Relation
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

Phase = Literal["select", "insert", "update_using", "update_check", "delete"]
PHASES: tuple[Phase, ...] = ("select", "insert", "update_using", "update_check", "delete")
READING: tuple[Phase, ...] = ("select", "update_using", "delete")
"""Phases about rows that exist; the others are about rows to be written."""

PHASE_WORDS = {
    "select": "select",
    "insert": "insert",
    "update_using": "update",
    "update_check": "produce by update",
    "delete": "delete",
}
_COMMAND = {"select": "r", "insert": "a", "update_using": "w", "update_check": "w", "delete": "d"}


@dataclass(frozen=True)
class Policy:
    """A policy as the catalog holds it; `roles` are the roles of the API that it applies to, `columns` those of its table that it reads."""

    relation: int
    name: str
    command: str
    permissive: bool
    using: str | None
    with_check: str | None
    roles: list[str]
    columns: list[str]

    def clause(self, phase: Phase) -> str | None:
        """Its predicate in a phase; without WITH CHECK, USING takes its place."""
        if phase in ("insert", "update_check"):
            return self.with_check if self.with_check is not None else self.using
        return self.using


@dataclass(frozen=True)
class Effective:
    """What decides for a table, a phase and a role.

    `kind` is `denied` without the grant, `every row` if no policy applies (bypass, owner, no row level security), else
    `policies`: one of `permissive` and all of `restrictive` must hold. `by` names the policies.
    """

    kind: Literal["denied", "every row", "policies"]
    permissive: tuple[str, ...] = ()
    restrictive: tuple[str, ...] = ()
    by: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The predicate as SQL."""
        if self.kind != "policies":
            return "true" if self.kind == "every row" else "false"
        if not self.permissive:
            return "false"
        allowed = " or ".join(f"({clause})" for clause in self.permissive)
        return " and ".join([f"({allowed})", *(f"({clause})" for clause in self.restrictive)])


def read_policies(connection: Connection, api: Api, also: Sequence[str] = ()) -> tuple[Policy, ...]:
    """All policies, with the names in their texts qualified. Reads only; leaves search_path empty in the session.

    `also` are roles beside the API's that may stand in a policy's `roles`.
    """
    connection.execute("set search_path = ''")
    with connection.cursor(row_factory=class_row(Policy)) as cursor:
        return tuple(cursor.execute(engine_sql("access/policies"), {"roles": [*api.roles, *also]}).fetchall())


def effective(relation: Relation, policies: Iterable[Policy], phase: Phase, role: str) -> Effective:
    """The effective predicate of a role on a relation; `policies` may be those of all tables."""
    rights = relation.rights.get(role, {})
    command = "update" if phase.startswith("update") else phase
    if not rights.get("schema") or not rights.get(command):
        return Effective("denied")
    if not relation.secured or rights.get("free") or (rights.get("owns") and not relation.forced):
        return Effective("every row")
    return applied(relation, policies, phase, role)


def applied(relation: Relation, policies: Iterable[Policy], phase: Phase, role: str) -> Effective:
    """What the policies that apply to `role` say, whatever its grants are."""
    permissive: dict[str, None] = {}
    restrictive: dict[str, None] = {}
    by = []
    for policy in policies:
        if policy.relation != relation.id or policy.command not in ("*", _COMMAND[phase]) or role not in policy.roles:
            continue
        clause = policy.clause(phase)
        if clause is None:
            continue
        by.append(policy.name)
        (permissive if policy.permissive else restrictive)[clause] = None
    return Effective("policies", tuple(permissive), tuple(restrictive), tuple(by))
