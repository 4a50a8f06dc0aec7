"""The search paths that sessions begin with: they are found in the settings of roles and databases, not guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pg_deploy.parsing.tree import quoted
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_sql

_SETTINGS = engine_sql("workload/session_settings")
_EXTRA = "public, extensions"
"""What Supabase's API adds to the schema that it shows; a schema that is not there is passed over."""


@dataclass(frozen=True)
class SessionPaths:
    """The search_path of each role's sessions, that of all other roles, and those that an API's requests set for themselves."""

    others: str
    by_role: Mapping[str, str] = field(default_factory=dict)
    requests: tuple[str, ...] = ()

    def of(self, role: str) -> tuple[str, ...]:
        """What a session of the role may look names up in, the likeliest first; the place in it is the kind of path."""
        return self.by_role.get(role, self.others), *self.requests


def read_session_paths(connection: Connection) -> SessionPaths:
    """From the settings of roles and databases, PostgREST's (`pgrst.db_schemas`, `pgrst.db_extra_search_path`) too. Reads only."""
    by_role: dict[str, str] = {}
    others, schemas, extra = '"$user", public', "", ""
    # The nearest setting comes last: the server's, of every role, of the database, of the role, of the role in the database.
    for role, name, value, _ in connection.execute(_SETTINGS):
        if name == "pgrst.db_schemas":
            schemas = value
        elif name == "pgrst.db_extra_search_path":
            extra = value
        elif role is None:
            others = value
        else:
            by_role[role] = value
    shown = [each.strip() for each in schemas.split(",") if each.strip()] or ["public"]
    requests = tuple(f"{quoted(each)}, {extra or _EXTRA}" for each in shown)
    return SessionPaths(others, by_role, requests)
