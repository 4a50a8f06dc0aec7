"""Connections to the target: how they are opened, set up, named and recognised."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakKeyDictionary

import psycopg
import psycopg.conninfo
from psycopg import sql
from psycopg.rows import TupleRow

from pg_deploy.errors import ConnectionFailedError
from pg_deploy.postgres.ledger_name import DEFAULT_LEDGER, LEDGERS_HERE, use_ledger
from pg_deploy.presentation.secrecy import without_secrets

Connection = psycopg.Connection[TupleRow]

CHECK_CLIENT_EVERY = "5s"
LOCK_TIMEOUT_S = 2.0
"""For statements that only look. While one waits for a lock, the application's statements wait behind it, so it gives up soon."""

# Whoever may create objects in a schema of the search_path decides what a name means (CVE-2018-1058). So our own statements
# run with an empty search_path, which leaves pg_catalog. The search_path that role and database chose is remembered: the
# names in migrations and checks were written for it.
_REMEMBER_AND_EMPTY = (
    "select pg_catalog.set_config('pg_deploy.search_path', pg_catalog.current_setting('search_path'), false),"
    " pg_catalog.set_config('pg_deploy.schemas', pg_catalog.current_schemas(true)::pg_catalog.text, false);"
    " set search_path to ''; "
)
_USE_ROLE_SEARCH_PATH = (
    "; select pg_catalog.set_config('search_path', coalesce(pg_catalog.current_setting('pg_deploy.search_path', true),"
    " pg_catalog.current_setting('search_path')), false)"
)
NETWORK_TIMEOUT_S = 30
_KEPT_ALIVE: dict[str, str] = {
    # A silent connection is probed, and data that is not acknowledged is given up. Both are needed: no probe is sent while
    # data waits for its acknowledgement.
    "keepalives": "1",
    "keepalives_idle": "20",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": str(NETWORK_TIMEOUT_S * 1000),
}
KEPT_ALIVE_IN_SERVER = (
    f"-c tcp_user_timeout={NETWORK_TIMEOUT_S * 1000}"
    " -c tcp_keepalives_idle=20 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
)
"""The same on the server's side, as PGOPTIONS of a program whose session we do not set up ourselves."""

# All timeouts that this version has for statements, transactions and sessions, from the server's own list; and the ledgers.
_TIMEOUTS = (
    "select pg_catalog.array_agg(s.name), {ledgers} from pg_catalog.pg_settings s"
    " where s.context = 'user' and s.vartype = 'integer' and s.unit in ('ms', 's', 'min') and s.min_val = '0'"
    " and s.name like '%\\_timeout' and s.name not like '%.%' and s.name <> 'tcp_user_timeout'"
).replace("{ledgers}", LEDGERS_HERE)
_SET_UP = (
    "select set_config('tcp_keepalives_idle', '20', false), set_config('tcp_keepalives_interval', '10', false),"
    " set_config('tcp_keepalives_count', '3', false),"
    f" set_config('tcp_user_timeout', '{NETWORK_TIMEOUT_S * 1000}', false),"
    # When a client is killed, its statement ends within seconds, and so do its locks. A concurrent build turns this off.
    " case when pg_catalog.version() like '%linux%' and current_setting('server_version_num')::integer >= 140000"
    f" then set_config('client_connection_check_interval', '{CHECK_CLIENT_EVERY}', false) end"
)

OUR_PLANS = "deploy_catalog_"
"""The prefix of the statements that we keep prepared in a session; see catalog/rows.py."""

# The parts of DISCARD ALL, as its documentation lists them. The whole command cannot share a round trip with the statements
# that set the session up, and it would drop our prepared statements. Those can stay: the server plans them anew after a
# change of the catalog or the search_path.
_DISCARD_ALL = (
    b"close all; set session authorization default; reset all; unlisten *; set search_path = '';"
    b" do $$ declare it pg_catalog.text; begin for it in select name from pg_catalog.pg_prepared_statements"
    b" where not pg_catalog.starts_with(name, '%s') loop execute pg_catalog.format('deallocate %%I', it); end loop; end $$;"
    b" reset search_path;"
    b" select pg_catalog.pg_advisory_unlock_all(); discard temp; discard sequences"
) % OUR_PLANS.encode()


@dataclass(frozen=True)
class Backend:
    """A server process, identified by pid and start: the pid alone is reused."""

    pid: int
    started_at: datetime


@dataclass(frozen=True)
class Target:
    """The database to change: a name for people, how to connect, and the schema of the project's ledger in it.

    The password never shows in its repr.
    """

    name: str
    conninfo: str = field(repr=False)
    ledger: str = DEFAULT_LEDGER

    def connect(self, purpose: str, *, role_search_path: bool = False) -> Connection:
        """A new autocommit connection whose application_name is `pg_deploy <purpose>`; its search_path is empty.

        With `role_search_path` it has the search_path of role and database, as under psql: migrations and checks need that.

        Role and database may have timeouts of their own (Supabase: two minutes for postgres). The engine sets each
        deadline itself, so here all timeouts are off. Raises ConnectionFailedError, without the password.
        """
        connection = self.connect_plain(purpose)
        results = connection.execute((_REMEMBER_AND_EMPTY + _TIMEOUTS).encode())
        while results.nextset():
            pass
        names, ledgers = results.fetchone() or ([], [])
        use_ledger(connection, self.ledger, ledgers)
        _no_timeout[connection] = "".join(f"set {name} = 0; " for name in names)
        connection.execute(_set_up(connection, role_search_path).encode())
        return connection

    def renew_session(self, connection: Connection, purpose: str, *, role_search_path: bool = False) -> bool:
        """Put an idle connection back to what `connect` gives, and return True; if that fails, close it and return False."""
        try:
            if not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
                name = sql.Literal(_application_name(purpose)).as_bytes(connection)
                named = b"; select pg_catalog.set_config('application_name', %s, false)" % name
                set_up = (_REMEMBER_AND_EMPTY + _set_up(connection, role_search_path)).encode()
                connection.execute(b"%s; %s%s" % (_DISCARD_ALL, set_up, named))
                return True
        except psycopg.Error:
            pass
        connection.close()
        return False

    def take_kept(self, kept: list[Connection], purpose: str, *, role_search_path: bool = False) -> Connection | None:
        """Take one of the `kept` connections, made new; None if there is none, or if it could not be made new."""
        connection = kept.pop() if kept else None
        return (
            connection
            if connection and self.renew_session(connection, purpose, role_search_path=role_search_path)
            else None
        )

    def connect_plain(self, purpose: str) -> Connection:
        """As `connect`, but without setting anything in the session: a transaction pooler would pass it on to other clients."""
        try:
            return psycopg.connect(
                kept_alive(self.conninfo),
                autocommit=True,
                application_name=_application_name(purpose),
                connect_timeout=15,
                prepare_threshold=None,
                client_encoding="utf8",
            )
        except psycopg.Error as error:
            raise ConnectionFailedError(self.name, one_line(without_secrets(str(error)))) from None

    @contextmanager
    def session(self, purpose: str, *, role_search_path: bool = False) -> Iterator[Connection]:
        """`connect`, closed at the end whatever happened."""
        connection = self.connect(purpose, role_search_path=role_search_path)
        try:
            yield connection
        finally:
            connection.close()


@dataclass(frozen=True)
class KeptTarget(Target):
    """A target that keeps its session for the next caller: a new one would have to load the catalog first."""

    _kept: list[Connection] = field(default_factory=list, repr=False, compare=False)

    @contextmanager
    def session(self, purpose: str, *, role_search_path: bool = False) -> Iterator[Connection]:
        """The kept session made new, else a new one. It is kept at the end, unless something was raised."""
        kept = self.take_kept(self._kept, purpose, role_search_path=role_search_path)
        connection = kept or self.connect(purpose, role_search_path=role_search_path)
        with kept_afterwards(connection, self._kept):
            yield connection

    def close(self) -> None:
        """Close the kept sessions."""
        while self._kept:
            self._kept.pop().close()


@contextmanager
def kept_afterwards(connection: Connection, kept: list[Connection] | None) -> Iterator[None]:
    """When the block ends, add the connection to `kept`. Close it if `kept` is None, or if anything was raised."""
    try:
        yield
    except BaseException:
        # Also if the task is stopped: its statement must not go on in a session that is used again.
        connection.close()
        raise
    if kept is None:
        connection.close()
    else:
        kept.append(connection)


_no_timeout: WeakKeyDictionary[Connection, str] = WeakKeyDictionary()
"""For each session the SQL that turns its timeouts off: reading the server's list takes longer than all the rest of the set-up."""


def _set_up(connection: Connection, role_search_path: bool) -> str:
    return _no_timeout[connection] + _SET_UP + (_USE_ROLE_SEARCH_PATH if role_search_path else "")


@contextmanager
def using_role_search_path(connection: Connection) -> Iterator[None]:
    """For the block, give a session of ours the search_path of role and database. Use it only to ask what a name means."""
    connection.execute(_USE_ROLE_SEARCH_PATH.removeprefix("; ").encode())
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("set search_path to ''")


EMPTY_SEARCH_PATH = (
    "select pg_catalog.set_config('pg_deploy.of_the_migration', pg_catalog.current_setting('search_path'), true);"
    " set local search_path to ''"
)
"""In an open transaction of a migration's session: remember its search_path and empty it, for statements of ours."""
RESTORE_SEARCH_PATH = (
    "select pg_catalog.set_config('search_path', pg_catalog.current_setting('pg_deploy.of_the_migration'), true)"
)
"""Put the migration's search_path back before the commit, because deferred triggers run then."""


def kept_alive(conninfo: str) -> str:
    """`conninfo` with settings that notice a lost network within a minute; those that it has already win. Pure.

    Every connection uses it, and every program that makes one. On the server's side `connect` sets the same.
    """
    given = {name: str(value) for name, value in psycopg.conninfo.conninfo_to_dict(conninfo).items()}
    return psycopg.conninfo.make_conninfo(**{**_KEPT_ALIVE, **given})


def _application_name(purpose: str) -> str:
    # The server cuts at 63 bytes, with a notice.
    return f"pg_deploy {purpose}"[:63]


def backend_and_time(connection: Connection) -> tuple[Backend, datetime]:
    """The server process behind `connection`, and its clock, in one round trip."""
    row = connection.execute(
        """select pid, backend_start, pg_catalog.clock_timestamp()
        from pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())"""
    ).fetchone()
    if row is None:
        raise ConnectionFailedError("the session", "its backend is not in pg_stat_activity")
    return Backend(row[0], row[1]), row[2]


@contextmanager
def aborted_transaction(
    connection: Connection,
    *,
    writes: bool = False,
    timeout_s: float | None = None,
    lock_timeout_s: float | None = None,
    role_search_path: bool = False,
) -> Iterator[None]:
    """A transaction that is always aborted. It is read only unless `writes`, and its search_path is empty unless `role_search_path`.

    `timeout_s` is for each statement and `lock_timeout_s` for each lock, in seconds; None leaves what the session has.
    """
    # One round trip: the check of a trivial migration takes less time than one of these commands.
    begin = ["begin" if writes else "begin read only"]
    if not role_search_path:
        begin.append("set local search_path to ''")
    if timeout_s is not None:
        begin.append(f"set local statement_timeout = {int(timeout_s * 1000)}")
    if lock_timeout_s is not None:
        begin.append(f"set local lock_timeout = {int(lock_timeout_s * 1000)}")
    connection.execute("; ".join(begin).encode())
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("rollback")


_LARGE = 2**20
_COMPRESSED_QUICKLY = """select pg_catalog.set_config('default_toast_compression', 'lz4', true)
from pg_catalog.pg_settings s where s.name = 'default_toast_compression' and 'lz4' = any (s.enumvals)"""


def compress_quickly(connection: Connection, size: int) -> None:
    """In an open transaction: let the server compress with lz4, if it has it and a value of `size` characters is large.

    The default method takes seconds for fifty megabytes. A reader does not notice which method was used.
    """
    if size > _LARGE:
        connection.execute(_COMPRESSED_QUICKLY)


def host_and_port(target: Target) -> tuple[str, int]:
    """Where the target is, for messages."""
    parts = psycopg.conninfo.conninfo_to_dict(target.conninfo)
    return str(parts.get("host") or "localhost"), int(parts.get("port") or 5432)


def one_line(text: str) -> str:
    """`text` on one line, runs of white space as one space."""
    return " ".join(text.split())


def this_host() -> str:
    """Where this process runs, for the ledger: `host/pid`."""
    return f"{socket.gethostname()}/{os.getpid()}"
