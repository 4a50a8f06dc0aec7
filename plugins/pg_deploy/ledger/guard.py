"""The lock that says: now a task of a deployment works on this database.

A session advisory lock cannot span tasks (each is a process of its own), and a lock row alone survives a killed pod; so
each working task takes both: the deployment's fence in the ledger, and this lock while it works.
"""

from __future__ import annotations

import logging
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from pg_deploy.catalog.finding import Finding
from pg_deploy.catalog.objects import Which
from pg_deploy.catalog.reader import Facts, read_facts
from pg_deploy.ledger import deployment as deployments
from pg_deploy.ledger.errors import LockNotFreeError, TwoServersError
from pg_deploy.postgres.polling import looks
from pg_deploy.postgres.server_identity import Server, server_of, writable_session
from pg_deploy.postgres.session import Connection, Target, kept_afterwards

_HEARTBEAT_S = 30.0
_PLANNED_AFTER = 2


@dataclass(frozen=True)
class Ownership:
    """What a task must show to work for a deployment: the row's id and the fence it was given."""

    deployment_id: int
    fence: int
    good_for: float = 600.0


@dataclass
class Quiet:
    """What was read of a database where nobody else is at work: it holds until something is run there.

    `findings` are the lints' by the fingerprint of the facts that they look at, `snapshots` those of attempts, by moment: the
    copy's ledger goes with the copy, so they are kept nowhere else.
    """

    facts: Facts | None = None
    findings: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    snapshots: dict[tuple[int, str], Facts] = field(default_factory=dict)


@dataclass(frozen=True)
class Guard:
    """Held while a task works: an autocommit connection that has the lock and writes the ledger's own rows."""

    connection: Connection
    ownership: Ownership
    target: Target
    server: Server | None = None
    """Which server the lock is held on; every other session has to be on the same one."""
    quiet: Quiet | None = None
    """Of a private copy; None if others may be at work."""
    _kept: list[Connection] = field(default_factory=list, repr=False, compare=False)
    _reader: list[Connection] = field(default_factory=list, repr=False, compare=False)

    @contextmanager
    def session(
        self, purpose: str, *, keep: bool = True, role_search_path: bool = False, new: bool = False
    ) -> Iterator[Connection]:
        """A second session, as new, for working on the target; kept for whoever comes next, closed with the guard.

        With `new` no session is used again: what the server counts of a transaction begins at none.
        With `role_search_path` it has the search_path of role and database, see `Target.connect`.

        It is not kept after a failure, nor if `keep` is false: the settings of role and database are read only when a session
        connects.
        """
        again = None if new else self.target.take_kept(self._kept, purpose, role_search_path=role_search_path)
        connection = again or self._connect(purpose, role_search_path=role_search_path)
        with kept_afterwards(connection, self._kept if keep else None):
            yield connection

    def _connect(self, purpose: str, *, role_search_path: bool = False) -> Connection:
        """A new session on the server that the lock is held on. Raises TwoServersError if the address led elsewhere."""
        connection = self.target.connect(purpose, role_search_path=role_search_path)
        found = server_of(connection)
        if self.server is not None and found != self.server:
            connection.close()
            raise TwoServersError(str(self.server), str(found))
        return connection

    def read_facts(self, objects: Which = "none") -> Facts:
        """All catalog facts, in a session that serves nothing else: it has its plan ready, and no migration ran in it.

        Of a quiet database they are read once, and again after something was run. Raises as `catalog.reader.read_facts`.
        """
        if self.quiet is None:
            return self._read_facts(objects)
        if self.quiet.facts is None:
            self.quiet.facts = self._read_facts("all")
        return self.quiet.facts

    def forget(self) -> None:
        """To be called before and after anything is run that may change what there is."""
        if self.quiet is not None:
            self.quiet.facts = None

    def _read_facts(self, objects: Which) -> Facts:
        connection = self._reader.pop() if self._reader else self._connect("catalog")
        if not _is_quiet(connection):
            # The server was restarted, or somebody ended the session: a new one is as good.
            connection.close()
            connection = self._connect("catalog")
        with kept_afterwards(connection, self._reader):
            return read_facts(connection, keep_plan=True, objects=objects)

    def close(self) -> None:
        """Close the sessions that were kept."""
        for kept in (self._kept, self._reader):
            while kept:
                kept.pop().close()

    def check_fence(self) -> None:
        """Before anything is begun: the deployment still holds the target. Reads only. Raises DeploymentLostError."""
        deployments.check_fence(self.connection, self.ownership.deployment_id, self.ownership.fence)

    def hold_fence(self, connection: Connection) -> None:
        """Inside a transaction on `connection`: the deployment still holds the target, until it commits."""
        deployments.hold_fence(connection, self.ownership.deployment_id, self.ownership.fence)


def _is_quiet(connection: Connection) -> bool:
    """Whether the server has said nothing to an idle session: one that it ended has the farewell waiting, unread."""
    if connection.closed:
        return False
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return not waiting.poll(0)


@contextmanager
def working(
    target: Target,
    ownership: Ownership,
    phase: str,
    *,
    give_up_after: float,
    log: logging.Logger,
    quiet: Quiet | None = None,
) -> Iterator[Guard]:
    """Take the deploy lock, check the fence, and keep the deployment alive until the block ends.

    Never waits inside the server: a waiting session would hold a snapshot that an index build waits for, so the lock is
    polled in autocommit. A server that takes no writes is waited for as long: in a failover the address leads to a standby.
    Raises LockNotFreeError after `give_up_after` seconds, NotWritableError, OtherServerError, and DeploymentLostError if the
    fence was raised.
    """
    with writable_session(target, f"guard {phase}", give_up_after=give_up_after, log=log) as (connection, server):
        deployments.refuse_other_server(connection, ownership.deployment_id, server.system, target.name)
        _take_lock(connection, give_up_after=give_up_after, log=log)
        deployments.renew(connection, ownership.deployment_id, ownership.fence, phase, good_for=ownership.good_for)
        # The guard's session belongs to one server process as long as it lives (the lock sees to that), and says the same few
        # things of each migration: said three times, a statement is planned once for all.
        connection.prepare_threshold = _PLANNED_AFTER
        stop = threading.Event()
        beat = threading.Thread(
            target=_keep_alive, args=(connection, ownership, phase, stop, log), name="pg_deploy heartbeat", daemon=True
        )
        beat.start()
        guard = Guard(connection, ownership, target, server, quiet)
        try:
            yield guard
        finally:
            guard.close()
            stop.set()
            beat.join(timeout=5)


def _take_lock(connection: Connection, *, give_up_after: float, log: logging.Logger) -> None:
    for waited, is_due in looks(0.5, say_every_s=10):
        row = connection.execute(f"select pg_catalog.pg_try_advisory_lock({deployments.LOCK_KEY})").fetchone()
        if row and row[0]:
            return
        holder = deployments.lock_holder(connection) or "nobody any more"
        if waited >= give_up_after:
            raise LockNotFreeError(holder, waited)
        if is_due:
            log.info("waiting for the deploy lock, held by %s, for %.0f s so far", holder, waited)


def _keep_alive(
    connection: Connection, ownership: Ownership, phase: str, stop: threading.Event, log: logging.Logger
) -> None:
    interval = min(_HEARTBEAT_S, ownership.good_for / 3)
    while not stop.wait(interval):
        try:
            deployments.renew(connection, ownership.deployment_id, ownership.fence, phase, good_for=ownership.good_for)
        except psycopg.Error as error:
            # The work itself finds out about a lost connection; the heartbeat only says what it saw.
            log.warning("could not renew the deployment's good_until: %s", error)
            return
        except Exception as error:
            log.error("%s", error)
            return
