"""Backends that an earlier, killed task left working: killing a client does not stop its statement."""

from __future__ import annotations

import logging
import time

from pg_deploy.errors import OldBackendError
from pg_deploy.session import Backend, Connection

_WORKING = """
    select distinct a.pid, a.backend_start
    from deploy_ledger.statement_run s
    join pg_catalog.pg_stat_activity a on a.pid = s.pid and a.backend_start = s.backend_start
    where s.attempt_id = %s and s.ended_at is null and a.pid <> pg_catalog.pg_backend_pid()
"""


def settle(connection: Connection, attempt_id: int, *, log: logging.Logger, patience_s: float = 0.0) -> None:
    """Return once no backend of an earlier try of this attempt works any more.

    Waits `patience_s` seconds for it to finish, then terminates it and waits until it is gone. A backend is known by pid
    and start. Raises OldBackendError when it does not end.
    """
    started = time.monotonic()
    said = terminated = False
    while found := [Backend(*row) for row in connection.execute(_WORKING, [attempt_id])]:
        waited = time.monotonic() - started
        if not said:
            log.info("an earlier try is still working in the server, pid %s", ", ".join(str(b.pid) for b in found))
            said = True
        if waited >= patience_s and not terminated:
            for backend in found:
                log.info("ending the earlier try's backend, pid %d", backend.pid)
                connection.execute(
                    """select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
                    where pid = %s and backend_start = %s""",
                    [backend.pid, backend.started_at],
                )
            terminated = True
        if waited >= patience_s + 60:
            raise OldBackendError(tuple(backend.pid for backend in found))
        time.sleep(0.2)
