"""Backends that an earlier, killed task left working: killing a client does not stop its statement."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from pg_deploy.execution.errors import OldBackendError
from pg_deploy.execution.statement_watch import build_progress
from pg_deploy.postgres.polling import looks
from pg_deploy.postgres.session import Backend, Connection

# An idle session that is being torn down, or a transaction that is being aborted, is gone within moments.
_ENDS_WITHIN_S = 60.0

_WORKING = """
    select distinct a.pid, a.backend_start, not s.transactional as alone, s.summary, a.state = 'active' as active
    from deploy_ledger.statement_run s
    join pg_catalog.pg_stat_activity a on a.pid = s.pid and a.backend_start = s.backend_start
    where s.attempt_id = %s and s.ended_at is null and s.sqlstate is null and a.pid <> pg_catalog.pg_backend_pid()
"""


@dataclass(frozen=True)
class _Working:
    backend: Backend
    alone: bool
    summary: str
    active: bool


def settle(connection: Connection, attempt_id: int, *, log: logging.Logger, patience_s: float) -> None:
    """Return once no backend of an earlier try of this attempt works any more.

    One that builds outside a transaction is waited for, up to `patience_s` seconds: ending it would throw its work away
    and leave an invalid index. One inside a transaction is ended at once: its client is gone, so it can only abort, or
    has just committed, which the ledger then shows. A backend is known by pid and start. Raises OldBackendError when one
    does not end.
    """
    terminated_at: float | None = None
    for waited, is_due in looks(0.2, say_every_s=5):
        found = [_Working(Backend(row[0], row[1]), *row[2:]) for row in connection.execute(_WORKING, [attempt_id])]
        if not found:
            return
        if is_due:
            for each in found:
                progress = build_progress(connection, each.backend.pid)
                log.info(
                    "an earlier try is still at work in the server: pid %d, %s%s",
                    each.backend.pid,
                    each.summary,
                    f", {progress}" if progress else "",
                )
        if terminated_at is None and not (waited < patience_s and any(each.alone and each.active for each in found)):
            terminate(connection, [each.backend for each in found], log)
            terminated_at = waited
        if terminated_at is not None and waited - terminated_at > _ENDS_WITHIN_S:
            raise OldBackendError(tuple(each.backend.pid for each in found))


def terminate(connection: Connection, backends: Sequence[Backend], log: logging.Logger) -> None:
    """End these sessions in the server, each only if it is still the same one."""
    for backend in backends:
        log.info("ending the backend with pid %d", backend.pid)
        connection.execute(
            """select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
            where pid = %s and backend_start = %s""",
            [backend.pid, backend.started_at],
        )


def terminate_all(connection: Connection, deployment_id: int, log: logging.Logger) -> None:
    """End every session in which a statement of that deployment is still at work: a person stopped its task."""
    rows = connection.execute(
        """select distinct a.pid, a.backend_start
        from deploy_ledger.statement_run s
        join pg_catalog.pg_stat_activity a on a.pid = s.pid and a.backend_start = s.backend_start
        where s.deployment_id = %s and s.ended_at is null and s.sqlstate is null""",
        [deployment_id],
    )
    terminate(connection, [Backend(*row) for row in rows], log)
