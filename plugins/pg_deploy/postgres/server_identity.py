"""Which server a session has reached, and whether it takes writes. A moment later the same address may lead to another server."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pg_deploy.errors import ConnectionFailedError
from pg_deploy.postgres.errors import NotWritableError
from pg_deploy.postgres.session import Connection, Target

_PAUSE_S = 1.0
_SAY_EVERY_S = 10.0

_WHERE = """
    select pg_catalog.pg_is_in_recovery(),
        pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool,
        (select s.system_identifier::pg_catalog.text from pg_catalog.pg_control_system() as s),
        case when pg_catalog.pg_is_in_recovery() then ''
            else pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8) end,
        extract(epoch from pg_catalog.pg_postmaster_start_time())::pg_catalog.text  -- the same text in any time zone and date style
"""


@dataclass(frozen=True)
class Server:
    """A server: its cluster, the timeline that it writes, and when it was started.

    `refuses` says why it takes no writes; empty if it takes them. It does not count when servers are compared: the same
    server may begin to refuse in the middle of a run, when its disk is full.
    """

    system: str
    timeline: str
    started: str
    refuses: str = field(default="", compare=False)


def server_of(connection: Connection) -> Server:
    """The server behind `connection`. Reads only."""
    row = connection.execute(_WHERE).fetchone()
    if row is None:
        raise ConnectionFailedError("the session", "its server does not say which one it is")
    in_recovery, read_only, system, timeline, started = row
    refuses = ""
    if in_recovery:
        refuses = "it is a standby that has not been promoted"
    elif read_only:
        refuses = "its sessions are read-only by default, as Supabase makes them when the disk is full"
    return Server(str(system), str(timeline), str(started), refuses)


@contextmanager
def writable_session(
    target: Target, purpose: str, *, give_up_after: float, log: logging.Logger
) -> Iterator[tuple[Connection, Server]]:
    """A session on a server that takes writes, and which server that is.

    During a failover the address leads to a standby for a while, so new connections are tried until one takes writes.
    Raises NotWritableError after `give_up_after` seconds.
    """
    started = time.monotonic()
    last_said = -_SAY_EVERY_S
    while True:
        with target.session(purpose) as connection:
            server = server_of(connection)
            if not server.refuses:
                yield connection, server
                return
        waited = time.monotonic() - started
        if waited + _PAUSE_S >= give_up_after:
            raise NotWritableError(target.name, server.refuses, waited)
        if waited - last_said >= _SAY_EVERY_S:
            last_said = waited
            log.warning(
                "the server behind %s takes no writes: %s; waiting, for %.0f s so far",
                target.name,
                server.refuses,
                waited,
            )
        time.sleep(_PAUSE_S)
