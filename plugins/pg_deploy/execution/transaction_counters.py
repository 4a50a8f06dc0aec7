"""The server's counts of one transaction (`pg_stat_xact_…`), without what the session wrote before it."""

from __future__ import annotations

from pg_deploy.postgres.session import Connection

_FLUSH_SINCE = 150000
_FLUSH = "select pg_catalog.pg_stat_force_next_flush()"
# PostgreSQL 14 hands its counts over when the session is idle, but not within half a second of the last time.
_WAIT = """select pg_catalog.pg_sleep(0.5) where exists (
    select from pg_catalog.pg_stat_xact_user_tables s where s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0)"""


def count_from_none(connection: Connection) -> None:
    """Make the counts of the next transaction start at zero. Call it outside of a transaction.

    A session hands its counts over once a second at most. Until then they run on through its transactions, even through
    those that were rolled back.
    """
    connection.execute(_FLUSH if hands_counts_over(connection) else _WAIT)


def hands_counts_over(connection: Connection) -> bool:
    """Whether a session hands its counts over on request. If not, only a new session, or some time, makes them start at zero."""
    return connection.info.server_version >= _FLUSH_SINCE
