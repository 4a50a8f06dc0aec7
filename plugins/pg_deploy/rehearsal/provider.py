"""On a private copy, what the provider's own rules let the deploying role do on the target: the copy's server has none of them.

A policy or a trigger belongs to its table and to nobody else, so it makes no difference who wrote it. The role owns the table
for the length of that one statement, and the other rights on it stay as they are. What the provider runs as its superuser (an
extension, an event trigger) the role runs as a superuser, for that one statement, and no event trigger of others fires.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from psycopg.pq import TransactionStatus

from pg_deploy.execution.segments import Observer
from pg_deploy.parsing.statements import Segment, Statement
from pg_deploy.postgres.session import Backend, Connection, Target
from pg_deploy.preflight.rights.provider import ProviderGrants

_OWNED = """update pg_catalog.pg_class c set relowner = o.oid
from pg_catalog.pg_roles o
where c.oid = pg_catalog.to_regclass(%s) and o.rolname = %s"""
_OWNER = (
    "select pg_catalog.pg_get_userbyid(relowner)::text from pg_catalog.pg_class where oid = pg_catalog.to_regclass(%s)"
)
_SUPERUSER = "update pg_catalog.pg_authid set rolsuper = %s where rolname = %s"
# As the provider does: their functions would run with a superuser's rights.
_SILENCED = """update pg_catalog.pg_event_trigger t set evtenabled = 'D'
from pg_catalog.pg_event_trigger was
join pg_catalog.pg_proc f on f.oid = was.evtfoid
join pg_catalog.pg_roles o on o.oid = f.proowner and not o.rolsuper
where t.oid = was.oid and was.evtenabled <> 'D'
returning t.oid, was.evtenabled"""
_HEARD = "update pg_catalog.pg_event_trigger set evtenabled = %s where oid = %s"

# Within a transaction a session hears of other sessions' changes to the catalog when it takes a lock that it does not hold.
_SEES_WHAT_OTHERS_CHANGED = "select pg_catalog.pg_relation_size('pg_catalog.pg_ts_parser')"


class ProviderObserver(Observer):
    """Lets `inner` observe, and lends the deploying role the tables that it could write on the target by the provider's rules."""

    def __init__(self, inner: Observer, admin: Target, grants: ProviderGrants) -> None:
        self.inner = inner
        self.admin = admin
        self.grants = grants

    def after_statement(self, connection: Connection, statement: Statement, seconds: float) -> None:
        """As `inner`."""
        self.inner.after_statement(connection, statement, seconds)

    def before_commit(self, connection: Connection, segment: Segment) -> None:
        """As `inner`."""
        self.inner.before_commit(connection, segment)

    def around_statement_alone(
        self, target: Target, backend: Backend, statement: Statement
    ) -> AbstractContextManager[None]:
        """As `inner`."""
        return self.inner.around_statement_alone(target, backend, statement)

    @contextmanager
    def around_statement(self, connection: Connection, statement: Statement) -> Iterator[None]:
        """The tables belong to the role while the statement runs, or it is a superuser."""
        if self.grants.is_run_as_superuser(statement.brief):
            with self._as_superuser(connection):
                yield
            return
        tables = sorted(self.grants.tables_of(statement.brief))
        if not tables:
            yield
            return
        role = str((connection.execute("select session_user::text").fetchone() or [""])[0])
        with self.admin.session("provider") as admin:
            admin.execute("set lock_timeout = '5s'")
            owners = [(table, str((admin.execute(_OWNER, [table]).fetchone() or [""])[0])) for table in tables]
            for table, _ in owners:
                admin.execute(_OWNED, [table, role])
            connection.execute(_SEES_WHAT_OTHERS_CHANGED)
            try:
                yield
            finally:
                for table, owner in owners:
                    admin.execute(_OWNED, [table, owner])

    @contextmanager
    def _as_superuser(self, connection: Connection) -> Iterator[None]:
        role = str((connection.execute("select session_user::text").fetchone() or [""])[0])
        with self.admin.session("provider") as admin:
            admin.execute("set lock_timeout = '5s'")
            silenced = admin.execute(_SILENCED).fetchall()
            try:
                admin.execute(_SUPERUSER, [True, role])
                connection.execute(_SEES_WHAT_OTHERS_CHANGED)
                yield
            finally:
                admin.execute(_SUPERUSER, [False, role])
                for trigger, enabled in silenced:
                    admin.execute(_HEARD, [enabled, trigger])
                if connection.info.transaction_status != TransactionStatus.INERROR:
                    connection.execute(_SEES_WHAT_OTHERS_CHANGED)
