"""The copy as it was before the migration at hand: a second database, which is brought forward if that leads to the same."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import psycopg.conninfo
from psycopg import sql
from psycopg.rows import TupleRow

from pg_deploy.catalog.reader import Fact, Facts, read_facts
from pg_deploy.deployment.access_judgement import ALONE
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.session import Connection, KeptTarget, Target
from pg_deploy.preflight.rights.provider import ProviderGrants

# Relations that hold something, with their files: a new relation or file may hold something else on each side.
_FILLED = """select c.oid, c.relfilenode from pg_catalog.pg_class c
where c.relkind in ('r', 'm', 't') and c.oid >= 16384 and pg_catalog.pg_relation_size(c.oid) > 0"""


class CopyBefore:
    """Made from the copy as a template while nobody is connected to it, and kept for the next migrations.

    To make it anew ends every session of the copy, with all that the server has cached for it. So a migration that wrote no
    row, and whose text says all that it does, is run here as well. If the catalog is the same then, and no table was written
    anew, this is what a new template would give.
    """

    def __init__(self, make: Callable[[str], tuple[Target, Target]], admin: Target, grants: ProviderGrants) -> None:
        self._make = make
        self._admin = admin
        self._grants = grants
        self._made = 0
        self._targets: tuple[Target, KeptTarget] | None = None
        self._apart: frozenset[Fact] = frozenset()
        self._sessions: list[Connection] = []

    @property
    def is_made(self) -> bool:
        """Whether it is made, and is the copy as it is now."""
        return self._targets is not None

    def make(self, facts: Callable[[], Facts]) -> None:
        """Make it from the copy, to which nobody may be connected; `facts` reads those of the copy afterwards."""
        self._made += 1
        target, admin = self._make(f"before_{self._made}")
        self._targets = target, KeptTarget(admin.name, admin.conninfo, admin.ledger)
        self._sessions = [
            self._targets[0].connect("catalog"),
            self._targets[0].connect("forward", role_search_path=True),
        ]
        self._apart = self._apart_from(facts())

    @property
    def admin(self) -> Target | None:
        """How a superuser connects to it; None while it is not made."""
        return self._targets[1] if self._targets else None

    def bring_forward(self, migration: Migration, wrote: bool, now: Facts) -> None:
        """Run what was run on the copy, whose facts are `now`. If the result may be another, this side is given up."""
        if self._targets is None:
            return
        try:
            if wrote or not self._says_all_it_does(migration) or not self._runs_alike(self._targets[0], migration, now):
                self.drop()
        except psycopg.Error:
            # For example, a role is there already: all databases of a server share it.
            self.drop()

    def drop(self) -> None:
        """End it; its sessions too."""
        while self._sessions:
            self._sessions.pop().close()
        if self._targets is not None:
            self._targets[1].close()
            name = str(psycopg.conninfo.conninfo_to_dict(self._targets[1].conninfo)["dbname"])
            self._targets = None
            with self._admin.session("twin") as connection:
                connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _says_all_it_does(self, migration: Migration) -> bool:
        """Whether the text says all that it does, in this database alone, with the role's own rights."""
        return all(
            each.transactional
            and not (each.opaque or each.writes_rows or each.commits)
            and each.kind.startswith(ALONE)
            and not self._grants.tables_of(each.brief)
            for each in migration.statements
        )

    def _runs_alike(self, target: Target, migration: Migration, now: Facts) -> bool:
        reader, runner = self._sessions
        if not target.renew_session(runner, "forward", role_search_path=True):
            return False
        filled = _filled(reader)
        with runner.transaction():
            for statement in migration.statements:
                runner.execute(statement.sql.encode())
        return _filled(reader) <= filled and self._apart_from(now) == self._apart

    def _apart_from(self, copy: Facts) -> frozenset[Fact]:
        """The facts that differ from the copy's: a new database differs from its template in some about itself, as its owner."""
        return read_facts(self._sessions[0], keep_plan=True).facts ^ copy.facts


def _filled(connection: Connection) -> set[TupleRow]:
    return set(connection.execute(_FILLED).fetchall())
