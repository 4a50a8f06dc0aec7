"""A synchronous standby that is gone: no timeout ends a commit that waits for it, so we look for it before."""

from __future__ import annotations

import logging

from pg_deploy.execution.errors import StandbyGoneError
from pg_deploy.postgres.polling import looks
from pg_deploy.postgres.session import EMPTY_SEARCH_PATH, Connection
from pg_deploy.postgres.sql_files import engine_sql

_STANDBY = engine_sql("execution/synchronous_standby")
_PAUSE_S = 1.0


def wait_for_standby(connection: Connection, *, give_up_after: float, log: logging.Logger) -> None:
    """Return once no commit of this session would wait for an absent standby. Reads only. Raises StandbyGoneError."""
    for waited, is_first in looks(_PAUSE_S):
        row = _absent_standbys(connection)
        if row is None:
            return
        if waited + _PAUSE_S >= give_up_after:
            raise StandbyGoneError(str(row[0]), waited)
        if is_first:
            log.info(
                "paused before a strong lock: no synchronous standby of (%s) is connected, a commit would hang", row[0]
            )


def _absent_standbys(connection: Connection) -> tuple[object, ...] | None:
    # We ask in the migration's own session, because its settings decide what a commit waits for, but without its search_path.
    with connection.transaction():
        connection.execute(EMPTY_SEARCH_PATH)
        return connection.execute(_STANDBY).fetchone()
