"""What the server counts of a transaction (`pg_stat_xact_…`), told apart from what the session wrote before it."""

from __future__ import annotations

from pg_deploy.postgres.session import Connection

_FLUSH_SINCE = 150000
_FLUSH = "select pg_catalog.pg_stat_force_next_flush()"
# 14 hands its counts over when it is idle, and not within half a second of the last time.
_WAIT = """select pg_catalog.pg_sleep(0.5) where exists (
    select from pg_catalog.pg_stat_xact_user_tables s where s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0)"""


def count_from_none(connection: Connection) -> None:
    """Let the counts of the next transaction begin at none. To be called outside of a transaction.

    Until a session hands its counts over, which it does once a second at most, they go on through its transactions, also
    through those that were rolled back.
    """
    connection.execute(_FLUSH if hands_counts_over(connection) else _WAIT)


def hands_counts_over(connection: Connection) -> bool:
    """Whether the server hands a session's counts over when it is asked to; else beginning at none takes a new session, or time."""
    return connection.info.server_version >= _FLUSH_SINCE
