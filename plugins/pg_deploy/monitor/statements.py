"""pg_stat_statements. The monitor compares the counters of two runs, and never resets them.

A counter that is lower than at the last run has begun at zero again (reset, eviction, restart): then it is itself the difference.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from pg_deploy.monitor.measures import set_deadlines
from pg_deploy.postgres.session import Connection, one_line
from pg_deploy.postgres.sql_files import engine_sql
from pg_deploy.preflight.server.state import without_literals


@dataclass(frozen=True)
class StatementCounter:
    """What one statement of one role has cost since it was first counted. Times are in ms, blocks are of shared buffers.

    `fastest_ms` and `slowest_ms` are its quickest and its slowest call, 0 if the server does not tell. The ledger does not keep the
    quickest.
    """

    calls: float
    total_ms: float
    blocks: float
    fastest_ms: float = 0.0
    slowest_ms: float = 0.0


@dataclass(frozen=True)
class Counters:
    """The counters of all statements of this database by `queryid/role`, and what tells whether they went on.

    `max_statements` is the setting pg_stat_statements.max, `role` this session's role. If nothing could be read, `problem` says why,
    and the rest is empty; `hidden` is true if the extension is there and this role may not see it.
    """

    by_key: Mapping[str, StatementCounter] = field(default_factory=dict)
    reset_at: str | None = None
    evictions: int | None = None
    max_statements: int | None = None
    role: str = ""
    problem: str | None = None
    hidden: bool = False

    def as_json(self) -> dict[str, object]:
        """For the ledger."""
        return {
            "reset_at": self.reset_at,
            "evictions": self.evictions,
            "problem": self.problem,
            "role": self.role,
            "counters": {
                key: [one.calls, round(one.total_ms, 3), one.blocks, 0.0, round(one.slowest_ms, 1)]
                for key, one in self.by_key.items()
            },
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Counters:
        """Back from the ledger."""
        return cls(
            {key: StatementCounter(*numbers) for key, numbers in value["counters"].items()},
            value["reset_at"],
            value["evictions"],
            role=value["role"],
            problem=value["problem"],
        )


@dataclass(frozen=True)
class Window:
    """What one statement cost between two runs: its calls, and the mean ms and blocks of a call.

    `slowest_ms` is its slowest call if that was its slowest ever, else None: the server tells no other.
    """

    calls: float
    mean_ms: float
    mean_blocks: float
    slowest_ms: float | None = None

    @property
    def total_ms(self) -> float:
        """All calls together, in ms."""
        return self.calls * self.mean_ms


def read_counters(connection: Connection) -> Counters:
    """The counters as they are now. Reads only; never resets them.

    If the extension is missing, too old or unreadable, `problem` says so. Raises only if the connection is lost.
    """
    try:
        with connection.transaction():
            set_deadlines(connection)
            with connection.cursor(row_factory=dict_row) as cursor:
                server = cursor.execute(engine_sql("monitor/statements/server")).fetchone()
                if server is None:
                    return Counters(problem="the extension pg_stat_statements is missing in this database")
                return _read_extension(connection, server)
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        # The extension is hidden, or created and missing in shared_preload_libraries: then every use of it is an error.
        hidden = isinstance(error, psycopg.errors.InsufficientPrivilege)
        return Counters(problem=one_line(error.diag.message_primary or str(error)), hidden=hidden)


def _read_extension(connection: Connection, server: Mapping[str, Any]) -> Counters:
    columns = set(server["columns"] or ())
    time = next((name for name in ("total_exec_time", "total_time") if name in columns), None)
    if time is None:
        return Counters(problem="this version of pg_stat_statements tells no times")
    schema = str(server["schema"])
    fastest = next((name for name in ("min_exec_time", "min_time") if name in columns), None)
    slowest = next((name for name in ("max_exec_time", "max_time") if name in columns), None)
    rows = connection.execute(
        sql.SQL(
            """select s.queryid || '/' || s.userid, sum(s.calls)::float8, sum(s.{time})::float8,
                sum(s.shared_blks_hit + s.shared_blks_read)::float8, min({fastest})::float8, max({slowest})::float8
            from {function}(false) s
            where s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
                and s.queryid is not null
            group by 1"""
        ).format(
            time=sql.Identifier(time),
            fastest=sql.Identifier(fastest) if fastest else sql.SQL("0"),
            slowest=sql.Identifier(slowest) if slowest else sql.SQL("0"),
            function=sql.Identifier(schema, "pg_stat_statements"),
        )
    ).fetchall()
    reset_at, evictions = None, None
    if server["has_info"]:
        info = connection.execute(
            sql.SQL("select i.stats_reset::text, i.dealloc from {} i").format(
                sql.Identifier(schema, "pg_stat_statements_info")
            )
        ).fetchone()
        reset_at, evictions = info or (None, None)
    role = connection.execute("select r.oid::text from pg_catalog.pg_roles r where r.rolname = current_user").fetchone()
    return Counters(
        {row[0]: StatementCounter(*row[1:]) for row in rows},
        reset_at,
        evictions,
        server["most"],
        role[0] if role else "",
    )


def windows_between(before: Counters, now: Counters) -> dict[str, Window]:
    """What each statement that was called cost between two readings. Pure."""
    windows = {}
    for key, counter in now.by_key.items():
        old = before.by_key.get(key)
        if old is None or old.calls > counter.calls or old.total_ms > counter.total_ms + 0.01:
            old = StatementCounter(0, 0, 0)
        calls = counter.calls - old.calls
        if calls > 0:
            windows[key] = Window(
                calls,
                max(0.0, counter.total_ms - old.total_ms) / calls,
                max(0.0, counter.blocks - old.blocks) / calls,
                counter.slowest_ms if counter.slowest_ms > old.slowest_ms + 0.1 else None,
            )
    return windows


def with_most_time(windows: Mapping[str, Window], count: int) -> dict[str, Window]:
    """The `count` statements whose calls took the most time together. Pure."""
    return dict(sorted(windows.items(), key=lambda item: item[1].total_ms, reverse=True)[:count])


def read_texts(connection: Connection, keys: Collection[str], naming: Collection[str] = ()) -> dict[str, str]:
    """The normalised texts of these statements, and of all whose text holds one of `naming`, by key. Reads only."""
    ids = sorted({int(key.split("/")[0]) for key in keys})
    if not ids and not naming:
        return {}
    with connection.transaction():
        set_deadlines(connection)
        with connection.cursor(row_factory=dict_row) as cursor:
            server = cursor.execute(engine_sql("monitor/statements/server")).fetchone()
        if server is None:
            return {}
        rows = connection.execute(
            sql.SQL(
                """select s.queryid || '/' || s.userid, min(s.query)
                from {}(true) s
                where s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
                    and (s.queryid = any (%s) or s.query like any (%s))
                group by 1"""
            ).format(sql.Identifier(str(server["schema"]), "pg_stat_statements")),
            [ids, [f"%{name}%" for name in naming]],
        ).fetchall()
    return {row[0]: row[1] for row in rows if row[1]}


def read_texts_size(connection: Connection) -> int | None:
    """How many bytes the texts of all statements take, or None if this role may not ask. Reads only."""
    with connection.transaction():
        set_deadlines(connection)
        row = connection.execute(
            "select pg_catalog.has_function_privilege('pg_catalog.pg_stat_file(text, boolean)', 'execute')"
        ).fetchone()
        if not (row and row[0]):
            return None
        row = connection.execute(
            "select size from pg_catalog.pg_stat_file('pg_stat_tmp/pgss_query_texts.stat', true)"
        ).fetchone()
    return row[0] if row else None


def shown_text(text: str | None) -> str:
    """A statement's text as a log may show it, with literals masked, or that it was not read. Pure."""
    return without_literals(text) if text else "its text was not read"
