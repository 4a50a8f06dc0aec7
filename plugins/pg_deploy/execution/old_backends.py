"""Backends that an earlier, killed task left at work: to kill a client does not stop its statement."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from pg_deploy.execution.errors import OldBackendError
from pg_deploy.execution.statement_watch import build_progress
from pg_deploy.postgres.polling import looks
from pg_deploy.postgres.session import Backend, Connection
from pg_deploy.postgres.sql_files import engine_text

# A session that is being closed, or a transaction that is being aborted, is gone within moments.
_ENDS_WITHIN_S = 60.0

_WORKING = engine_text("""
    select distinct a.pid, a.backend_start, not s.transactional as alone, s.summary, a.state = 'active' as active
    from deploy_ledger.statement_run s
    join pg_catalog.pg_stat_activity a on a.pid = s.pid and a.backend_start = s.backend_start
    where s.attempt_id = %s and s.ended_at is null and s.sqlstate is null and a.pid <> pg_catalog.pg_backend_pid()
""")


@dataclass(frozen=True)
class _Working:
    backend: Backend
    alone: bool
    summary: str
    active: bool


def wait_for_old_backends(connection: Connection, attempt_id: int, *, log: logging.Logger, patience_s: float) -> None:
    """Return once no backend of an earlier try of this attempt is at work any more. Raises OldBackendError if one does not end.

    We wait up to `patience_s` seconds for a build outside a transaction: to end it would throw its work away and leave an
    invalid index. A backend inside a transaction is ended at once: its client is gone, so it can only abort, or has just
    committed, and then the ledger shows that.
    """
    terminated_at: float | None = None
    for waited, is_due in looks(0.2, say_every_s=5):
        old = [_Working(Backend(row[0], row[1]), *row[2:]) for row in connection.execute(_WORKING, [attempt_id])]
        if not old:
            return
        if is_due:
            for each in old:
                progress = build_progress(connection, each.backend.pid)
                log.info(
                    "an earlier try is still at work in the server: pid %d, %s%s",
                    each.backend.pid,
                    each.summary,
                    f", {progress}" if progress else "",
                )
        if terminated_at is None and not (waited < patience_s and any(each.alone and each.active for each in old)):
            terminate(connection, [each.backend for each in old], log)
            terminated_at = waited
        if terminated_at is not None and waited - terminated_at > _ENDS_WITHIN_S:
            raise OldBackendError(tuple(each.backend.pid for each in old))


def terminate(connection: Connection, backends: Sequence[Backend], log: logging.Logger) -> None:
    """End these sessions in the server. A session that only has the same pid is left alone."""
    for backend in backends:
        log.info("ending the backend with pid %d", backend.pid)
        connection.execute(
            """select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
            where pid = %s and backend_start = %s""",
            [backend.pid, backend.started_at],
        )


def terminate_all(connection: Connection, deployment_id: int, log: logging.Logger) -> None:
    """End every session in which a statement of that deployment is still at work, because a person stopped its task."""
    rows = connection.execute(
        engine_text("""select distinct a.pid, a.backend_start
        from deploy_ledger.statement_run s
        join pg_catalog.pg_stat_activity a on a.pid = s.pid and a.backend_start = s.backend_start
        where s.deployment_id = %s and s.ended_at is null and s.sqlstate is null"""),
        [deployment_id],
    )
    terminate(connection, [Backend(*row) for row in rows], log)
