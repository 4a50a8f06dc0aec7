"""What Supabase's supautils lets a role do beyond its rights in PostgreSQL's catalog, and what it forbids.

It is read from the server's settings, as the README of supautils describes them. `supautils.policy_grants` and
`supautils.drop_trigger_grants` are JSON: a list of tables for each role. The others are names between commas. A star behind a
reserved role means that the privileged role may change its settings; a name in a list of settings may end with a star.
"""

from __future__ import annotations

import fnmatch
import json
from dataclasses import dataclass
from typing import Any

import psycopg

from pg_deploy.grammar.enums import ObjectType
from pg_deploy.parsing.syntax import trees_of
from pg_deploy.preflight.rights.kinds_of_rights import Right
from pg_deploy.preflight.rights.needed import RIGHT_TO_DROP, need_to_drop_from_table, needs_of_statement

_SETTINGS = """select current_user::text,
    coalesce((select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user), false),
    exists (
        select from pg_catalog.pg_roles p
        where p.rolname = pg_catalog.current_setting('supautils.privileged_role', true)
          and pg_catalog.pg_has_role(p.oid, 'usage')
    ),
    pg_catalog.current_setting('supautils.policy_grants', true),
    pg_catalog.current_setting('supautils.drop_trigger_grants', true),
    pg_catalog.current_setting('supautils.privileged_extensions', true),
    pg_catalog.current_setting('supautils.privileged_role_allowed_configs', true),
    pg_catalog.current_setting('supautils.reserved_roles', true),
    pg_catalog.current_setting('supautils.reserved_memberships', true)"""
_RUN_AS_SUPERUSER = frozenset({"CreateEventTrigStmt", "CreateFdwStmt"})
_SETTINGS_STATEMENTS = frozenset({"AlterRoleSetStmt", "AlterDatabaseSetStmt"})


@dataclass(frozen=True)
class ProviderGrants:
    """What the provider allows the connected role, and what it reserves. Empty for a superuser, who may do anything.

    - On the tables `policies` (as `schema.table`) the role may make and drop policies; on `triggers` it may drop triggers.
    - The provider makes, updates and drops `extensions` for the role, as a superuser.
    - If the role `is_privileged`, the provider does the same with event triggers, foreign data wrappers and publications of
      all tables or of a schema, and the role may set the parameters `settings`.
    - Nobody may change the roles `reserved`, but the privileged role may change the settings of those in `settable`.
    - Nobody may grant `memberships`.
    """

    policies: frozenset[str] = frozenset()
    triggers: frozenset[str] = frozenset()
    extensions: frozenset[str] = frozenset()
    is_privileged: bool = False
    settings: frozenset[str] = frozenset()
    reserved: frozenset[str] = frozenset()
    settable: frozenset[str] = frozenset()
    memberships: frozenset[str] = frozenset()

    def covers(self, right: Right, table: str) -> bool:
        """Whether the provider gives that right on that table."""
        return (right is Right.POLICIES and table in self.policies) or (
            right is Right.DROP_TRIGGER and table in self.triggers
        )

    def reserved_by(self, right: Right, role: str) -> str | None:
        """The setting that forbids to change or grant the role in that way; None if none does."""
        if right is Right.RESERVED_MEMBERSHIP:
            return "supautils.reserved_memberships" if role in self.memberships else None
        may_set = right is Right.RESERVED_SETTINGS and self.is_privileged and role in self.settable
        return "supautils.reserved_roles" if role in self.reserved and not may_set else None

    def tables_of(self, sql: str) -> frozenset[str]:
        """The tables for which a statement needs the provider's permission."""
        tables = set()
        for node in trees_of(sql):
            wanted = list(needs_of_statement(node))
            if type(node).__name__ == "DropStmt" and node.removeType in RIGHT_TO_DROP:
                # With IF EXISTS nothing is listed above, because an object that does not exist needs no right. Here it may exist.
                wanted += [need_to_drop_from_table(node.removeType, each) for each in node.objects]
            tables |= {
                f"{need.schema}.{need.name}" for need in wanted if self.covers(need.right, f"{need.schema}.{need.name}")
            }
        return frozenset(tables)

    def is_run_as_superuser(self, sql: str) -> bool:
        """Whether the provider runs that statement as its superuser."""
        return any(self._as_superuser(node) for node in trees_of(sql))

    def _as_superuser(self, node: Any) -> bool:
        kind = type(node).__name__
        if kind in ("CreateExtensionStmt", "AlterExtensionStmt"):
            return node.extname in self.extensions
        if kind == "DropStmt" and node.removeType == ObjectType.OBJECT_EXTENSION:
            return all(each.sval in self.extensions for each in node.objects)
        if not self.is_privileged:
            return False
        if kind in ("CreatePublicationStmt", "AlterPublicationStmt"):
            parts = node.pubobjects or ()
            return bool(node.for_all_tables) or any("SCHEMA" in each.pubobjtype.name for each in parts)
        if kind == "VariableSetStmt" or kind in _SETTINGS_STATEMENTS:
            name = (node if kind == "VariableSetStmt" else node.setstmt).name or ""
            return any(fnmatch.fnmatchcase(name, each) for each in self.settings)
        return kind in _RUN_AS_SUPERUSER


def provider_grants(connection: psycopg.Connection) -> ProviderGrants:
    """The grants of the connected role. A setting that does not exist, or is no JSON, grants nothing. Reads only."""
    row = connection.execute(_SETTINGS).fetchone()
    if row is None or row[1]:
        return ProviderGrants()
    role, _, is_privileged, policies, triggers, extensions, settings, reserved, memberships = row
    return ProviderGrants(
        policies=_tables_of_role(policies, role),
        triggers=_tables_of_role(triggers, role),
        extensions=_split_names(extensions),
        is_privileged=is_privileged,
        settings=_split_names(settings),
        reserved=frozenset(name.removesuffix("*") for name in _split_names(reserved)),
        settable=frozenset(name.removesuffix("*") for name in _split_names(reserved) if name.endswith("*")),
        memberships=_split_names(memberships),
    )


def _split_names(setting: str | None) -> frozenset[str]:
    return frozenset(name for each in (setting or "").split(",") if (name := each.strip().strip('"')))


def _tables_of_role(setting: str | None, role: str) -> frozenset[str]:
    try:
        granted = json.loads(setting or "{}")
    except json.JSONDecodeError:
        return frozenset()
    tables = granted.get(role, ()) if isinstance(granted, dict) else ()
    return frozenset(str(table).replace('"', "") for table in tables) if isinstance(tables, list) else frozenset()
