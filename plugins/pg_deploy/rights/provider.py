"""What Supabase's supautils lets a role do beyond PostgreSQL's catalog: policies and triggers on tables of others.

Read from the server's settings: `supautils.policy_grants` and `supautils.drop_trigger_grants` are JSON, a list of tables for
each role.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import psycopg

from pg_deploy.parsing.syntax import parsed
from pg_deploy.rights.needed import DROPPED_FROM, needs, on_its_table
from pg_deploy.rights.words import Right

_SETTINGS = """select current_user::text, pg_catalog.current_setting('supautils.policy_grants', true),
    pg_catalog.current_setting('supautils.drop_trigger_grants', true)"""
_BY_RIGHT = {Right.POLICIES: "policies", Right.DROP_TRIGGER: "triggers"}


@dataclass(frozen=True)
class ProviderGrants:
    """The tables, as `schema.table`, on which the connected role makes and drops policies, and drops triggers."""

    policies: frozenset[str] = frozenset()
    triggers: frozenset[str] = frozenset()

    def covers(self, right: Right, table: str) -> bool:
        """Whether the provider gives that right on that table."""
        return right in _BY_RIGHT and table in getattr(self, _BY_RIGHT[right])

    def tables_of(self, sql: str) -> frozenset[str]:
        """Those of the tables that a statement needs the provider's leave for."""
        found = set()
        for node in parsed(sql):
            wanted = list(needs(node))
            if type(node).__name__ == "DropStmt" and node.removeType in DROPPED_FROM:
                # With IF EXISTS no need is listed: what is not there needs no right. Here it may be there.
                wanted += [on_its_table(node.removeType, each) for each in node.objects]
            found |= {
                f"{need.schema}.{need.name}" for need in wanted if self.covers(need.right, f"{need.schema}.{need.name}")
            }
        return frozenset(found)


def provider_grants(connection: psycopg.Connection) -> ProviderGrants:
    """What is granted to the connected role; nothing where there is no such setting, or where it is no JSON. Reads only."""
    row = connection.execute(_SETTINGS).fetchone()
    if row is None:
        return ProviderGrants()
    role, policies, triggers = row
    return ProviderGrants(_tables(policies, role), _tables(triggers, role))


def _tables(setting: str | None, role: str) -> frozenset[str]:
    try:
        granted = json.loads(setting or "{}")
    except json.JSONDecodeError:
        return frozenset()
    tables = granted.get(role, ()) if isinstance(granted, dict) else ()
    return frozenset(str(table).replace('"', "") for table in tables) if isinstance(tables, list) else frozenset()
