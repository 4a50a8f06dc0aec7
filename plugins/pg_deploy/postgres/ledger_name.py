"""Which schema a session's ledger is. Two projects may share a database; each has a ledger of its own there.

The engine's texts say `deploy_ledger`. In a session of a project whose ledger has another name, or of a database that holds
more than one, they are read with the names that hold there; whatever else runs in the session stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql
from psycopg.abc import Params, Query
from psycopg.rows import Row

from pg_deploy.postgres.sql_files import EngineText

DEFAULT_LEDGER = "deploy_ledger"
# What stands in a ledger is no fact and no finding. So that nobody hides something by making a schema look like one, no
# schema counts that the API's roles may use; the default name has always counted. And because our sessions read what counts, and
# write its deployments, none counts in which anything could run its maker's code with our rights.
LEDGERS_HERE = """array(
    select n.nspname::pg_catalog.text
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relname = 'fence_seq' and c.relkind = 'S'
        and (n.nspname = 'deploy_ledger' or (
            pg_catalog.obj_description(n.oid, 'pg_namespace') =
                'What was deployed to this database, when, by whom and with what evidence. Written by pg_deploy; do not edit.'
            and not exists (select from pg_catalog.aclexplode(n.nspacl) a where a.grantee = 0)
            and not exists (
                select from pg_catalog.pg_roles r
                where r.rolname in ('anon', 'authenticated') and pg_catalog.has_schema_privilege(r.oid, n.oid, 'usage')
            )
        ))
        and not exists (
            select from pg_catalog.pg_class t
            where t.relnamespace = n.oid
                and (t.relkind not in ('r', 'i', 'S')
                    or exists (select from pg_catalog.pg_policy p where p.polrelid = t.oid)
                    or t.relhasrules and exists (select from pg_catalog.pg_rewrite w where w.ev_class = t.oid)
                    or t.relhassubclass and exists (select from pg_catalog.pg_inherits i where i.inhparent = t.oid)
                    or t.relhastriggers and exists (
                        select from pg_catalog.pg_trigger g where g.tgrelid = t.oid and not g.tgisinternal
                    )
                    or exists (
                        select from pg_catalog.pg_attribute a
                        where a.attrelid = t.oid and a.atttypid >= 16384 and not a.attisdropped
                    )
                    or exists (
                        select from (
                            select 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, t.oid
                            union all
                            select 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, k.oid
                            from pg_catalog.pg_constraint k where k.conrelid = t.oid
                            union all
                            select 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid, f.oid
                            from pg_catalog.pg_attrdef f where f.adrelid = t.oid
                        ) part (classid, objid)
                        join pg_catalog.pg_depend d on d.classid = part.classid and d.objid = part.objid
                        where d.refobjid >= 16384
                            and d.refclassid in (
                                'pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass,
                                'pg_catalog.pg_opclass'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass
                            )
                    ))
        )
    order by 1
)"""
"""An expression: the schemas of this database that are ledgers, as text[]."""
_CLAIMING = "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('deploy_ledger claim', 0)); select {ledgers}".replace(
    "{ledgers}", LEDGERS_HERE
).encode()
# A quoted name alone is one of a list of what is ours: there all ledgers are meant, but not where it is compared with "=".
# The deploy lock and the lock of revisions are one for the database, whatever its ledgers are called.
_NAMED = re.compile(rb"(<>\s*|=\s*)?'deploy_ledger'|deploy_ledger(?! deployment'| revision'| claim')")


@dataclass(frozen=True)
class Ledgers:
    """The ledger that a session is for, and the others of its database."""

    own: str = DEFAULT_LEDGER
    others: tuple[str, ...] = ()


_ledgers: WeakKeyDictionary[psycopg.Connection[Any], Ledgers] = WeakKeyDictionary()
_DEFAULT = Ledgers()


def use_ledger(connection: psycopg.Connection[Any], own: str, found: Iterable[str]) -> None:
    """Let the engine's texts in this session mean the ledger `own`; `found` is what LEDGERS_HERE gave."""
    ledgers = Ledgers(own, tuple(name for name in found if name != own))
    if ledgers != _DEFAULT:
        _ledgers[connection] = ledgers
        connection.cursor_factory = _LedgerCursor


def look_for_ledgers(connection: psycopg.Connection[Any]) -> None:
    """In the caller's transaction: wait until nobody else claims this database, and see which ledgers it holds by then."""
    results = connection.execute(_CLAIMING)
    results.nextset()
    row = results.fetchone()
    use_ledger(connection, own_ledger(connection), row[0] if row else ())


def own_ledger(connection: psycopg.Connection[Any]) -> str:
    """The schema of the ledger that the session is for, whether or not it is there."""
    return _ledgers.get(connection, _DEFAULT).own


def other_ledgers(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """The ledgers of other projects that were in the database when the session began."""
    return _ledgers.get(connection, _DEFAULT).others


def ledger_schemas(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Every schema of the database that is a ledger, the default name in any case."""
    return _all(_ledgers.get(connection, _DEFAULT))


@contextmanager
def reading_ledger(connection: psycopg.Connection[Any], ledger: str) -> Iterator[None]:
    """For the block, let the engine's texts mean another ledger of the database. Only for reading."""
    before = _ledgers.get(connection, _DEFAULT)
    use_ledger(connection, ledger, (before.own, *before.others))
    try:
        yield
    finally:
        _ledgers[connection] = before


def _all(ledgers: Ledgers) -> tuple[str, ...]:
    return tuple(dict.fromkeys((DEFAULT_LEDGER, ledgers.own, *ledgers.others)))


@lru_cache(maxsize=1024)
def in_ledger(statement: EngineText, ledgers: Ledgers) -> bytes:
    """The text as the server gets it in a session with these ledgers. Pure."""
    own = sql.Identifier(ledgers.own).as_bytes(None)
    literals = [sql.Literal(name).as_bytes(None) for name in _all(ledgers)]
    if ledgers.own == DEFAULT_LEDGER:
        own = DEFAULT_LEDGER.encode()

    def named(found: re.Match[bytes]) -> bytes:
        if not found[0].endswith(b"'"):
            return own
        compared = found[1] or b""
        if compared.startswith(b"="):
            return compared + sql.Literal(ledgers.own).as_bytes(None)
        listed = b", ".join(literals)
        return b"<> all (array[%s])" % listed if compared else listed

    return _NAMED.sub(named, statement)


def read_in(connection: psycopg.Connection[Any], statement: bytes) -> bytes:
    """A statement as the session reads it, for whoever puts several into one text; a user's stays as it is."""
    ledgers = _ledgers.get(connection, _DEFAULT)
    return in_ledger(statement, ledgers) if isinstance(statement, EngineText) and ledgers != _DEFAULT else statement


class _LedgerCursor(psycopg.Cursor[Row]):
    def execute(
        self, query: Query, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> _LedgerCursor[Row]:
        # psycopg declares one signature for templates and one for all else; what was given is passed on.
        return super().execute(self._read(query), params, prepare=prepare, binary=binary)  # type: ignore[arg-type,misc]

    def executemany(self, query: Query, params_seq: Iterable[Params], *, returning: bool = False) -> None:
        super().executemany(self._read(query), params_seq, returning=returning)

    def _read(self, query: Query) -> Query:
        if not isinstance(query, EngineText):
            return query
        return in_ledger(query, _ledgers.get(self.connection, _DEFAULT))
