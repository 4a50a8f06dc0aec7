"""A synchronous standby that is gone: no timeout of the primary ends a commit that waits for it, so it is looked for before."""

from __future__ import annotations

import logging

from pg_deploy.execution.errors import StandbyGoneError
from pg_deploy.postgres.polling import looks
from pg_deploy.postgres.session import OUR_NAMES, Connection
from pg_deploy.postgres.sql_files import engine_sql

_STANDBY = engine_sql("execution/synchronous_standby")
_PAUSE_S = 1.0


def wait_for_standby(connection: Connection, *, give_up_after: float, log: logging.Logger) -> None:
    """Return once a commit of this session waits for nobody who is away. Reads only. Raises StandbyGoneError."""
    for waited, is_first in looks(_PAUSE_S):
        row = _away(connection)
        if row is None:
            return
        if waited + _PAUSE_S >= give_up_after:
            raise StandbyGoneError(str(row[0]), waited)
        if is_first:
            log.info(
                "paused before a strong lock: no synchronous standby of (%s) is connected, a commit would hang", row[0]
            )


def _away(connection: Connection) -> tuple[object, ...] | None:
    # The session is the migration's, as its settings decide what a commit waits for; the names of our query are ours.
    with connection.transaction():
        connection.execute(OUR_NAMES)
        return connection.execute(_STANDBY).fetchone()
