"""Being, for one transaction, whoever sends a statement: the role, its search_path, and the claims of a user's request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg import sql

from pg_deploy.access.facts.api import SUPABASE, Api
from pg_deploy.postgres.session import LOCK_TIMEOUT_S, Connection, aborted_transaction


@dataclass(frozen=True)
class Sender:
    """A role with the search_path of its session; `claims` are what its request says of the user, as JSON, or empty."""

    role: str
    path: str
    claims: str = ""
    api: Api = field(default=SUPABASE, repr=False)

    @contextmanager
    def sending(self, connection: Connection, *, timeout_s: float, writes: bool = False) -> Iterator[None]:
        """A transaction of the sender that is always aborted, read only unless it `writes`. Raises psycopg.Error."""
        with aborted_transaction(
            connection, writes=writes, timeout_s=timeout_s, lock_timeout_s=LOCK_TIMEOUT_S, role_search_path=True
        ):
            connection.execute(
                "select pg_catalog.set_config('search_path', %s, true), pg_catalog.set_config(%s, %s, true),"
                " pg_catalog.set_config(%s, '', true)",
                [self.path, self.api.claims_setting, self.claims, self.api.sub_setting],
            )
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(self.role)))
            yield
