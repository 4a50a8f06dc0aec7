"""The state of the server before anything is changed. Reads only; needs no right beyond a login.

What the role may not see is named in `ServerState.not_visible`, and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import psycopg

from pg_deploy.postgres.ledger_name import DEFAULT_LEDGER, own_ledger
from pg_deploy.preflight.server.queries import rows

_SHOWN_QUERY = 100  # characters
_Row = TypeVar("_Row")

_COMMENTS_NAMES_LITERALS = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<name> "(?:[^"]|"")*(?:"|\Z) )
    | (?P<literal>
        [eE]'(?:\\.|''|[^'\\])*(?:'|\Z)
        | '(?:[^']|'')*(?:'|\Z)
        | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)
        | (?<![\w$])\d[\d.]*(?:[eE][+-]?\d+)?
    )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Transaction:
    """Another session's open transaction in this database. `query` has no literals and at most 100 characters."""

    pid: int
    user: str
    application: str
    state: str
    age_seconds: float
    query: str


@dataclass(frozen=True)
class Replica:
    """A standby as the server sees it. The lags are None if the role may not see them."""

    name: str
    state: str
    lag_bytes: int | None
    lag_seconds: float | None


@dataclass(frozen=True)
class Slot:
    """A replication slot, and how many bytes of WAL the server keeps for it."""

    name: str
    active: bool
    retained_bytes: int | None


@dataclass(frozen=True)
class PreparedTransaction:
    """A transaction of this database that is prepared for two-phase commit: it holds its locks until somebody ends it."""

    gid: str
    owner: str
    age_seconds: float


@dataclass(frozen=True)
class LockWait:
    """A session that waits for a lock now, and the pids that it waits for."""

    pid: int
    mode: str
    object: str
    waited_seconds: float
    blocked_by: list[int]


@dataclass(frozen=True)
class Connections:
    """Client connections: in use, at most, and reserved for others. A limit is None if there is none."""

    used: int
    most: int
    reserved: int
    role_limit: int | None
    role_used: int
    database_limit: int | None
    database_used: int

    @property
    def free(self) -> int:
        """How many more connections this role can open to this database now. Never negative."""
        free = [self.most - self.reserved - self.used]
        if self.role_limit is not None:
            free.append(self.role_limit - self.role_used)
        if self.database_limit is not None:
            free.append(self.database_limit - self.database_used)
        return max(0, min(free))


@dataclass(frozen=True)
class OwnSchema:
    """A schema that the engine writes into, and what the role may do there."""

    schema: str
    usable: bool
    extensible: bool
    writable: bool
    has_history: bool


@dataclass(frozen=True)
class ServerState:
    """The server before a deployment, as the connected role sees it."""

    version_num: int
    database: str
    size_bytes: int
    table_count: int  # of schema public: tables and views that the role can see
    role: str
    role_attributes: list[str]
    member_of: list[str]
    sees_other_sessions: bool
    in_recovery: bool
    can_create_schema: bool
    is_supabase: bool  # guessed from the roles that every Supabase project has
    connections: Connections
    tables_per_schema: Mapping[str, int] = field(default_factory=dict)
    own_schemas: Mapping[str, OwnSchema] = field(default_factory=dict)
    ledger: str = DEFAULT_LEDGER
    """Which of `own_schemas` is the ledger."""
    transactions: tuple[Transaction, ...] = ()  # oldest first
    replicas: tuple[Replica, ...] = ()
    slots: tuple[Slot, ...] = ()
    prepared_transactions: tuple[PreparedTransaction, ...] = ()
    lock_waits: tuple[LockWait, ...] = ()
    extensions_installed: Mapping[str, str] = field(default_factory=dict)
    extensions_available: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    partly_readable: tuple[str, ...] = ()
    not_visible: tuple[str, ...] = ()

    @property
    def oldest_transaction(self) -> Transaction | None:
        """The oldest open transaction of another session in this database, or None."""
        return self.transactions[0] if self.transactions else None

    @property
    def idle_in_transaction(self) -> int:
        """How many sessions of this database hold a transaction open and do nothing in it."""
        return sum(each.state.startswith("idle in transaction") for each in self.transactions)


def read_server_state(connection: psycopg.Connection) -> ServerState:
    """Everything that preflight wants to know about the server. Reads only. What cannot be read is named in `not_visible`."""
    reader = _Reader(connection)
    server = rows(connection, "server")[0]
    connections = reader.rows("connections", Connections, "free connections")
    extensions = reader.dicts("extensions", "extensions")
    transactions = tuple(
        replace(each, query=without_literals(each.query))
        for each in reader.rows("transactions", Transaction, "open transactions")
    )
    parts: dict[str, Any] = {
        "connections": connections[0] if connections else Connections(0, 0, 0, None, 0, None, 0),
        "tables_per_schema": {str(row["schema"]): row["tables"] for row in reader.dicts("schemas", "tables")},
        "ledger": own_ledger(connection),
        "own_schemas": {own.schema: own for own in reader.rows("own_schemas", OwnSchema, "schema deploy_ledger")},
        "transactions": transactions,
        "replicas": reader.rows("replicas", Replica, "replicas"),
        "slots": reader.rows("slots", Slot, "replication slots"),
        "prepared_transactions": reader.rows("prepared", PreparedTransaction, "prepared transactions"),
        "lock_waits": reader.rows("waits", LockWait, "waits for locks"),
        "extensions_installed": {str(row["name"]): row["installed"] for row in extensions if row["installed"]},
        "extensions_available": {str(row["name"]): row["available"] for row in extensions if row["available"]},
        "settings": {str(row["name"]): row["value"] for row in reader.dicts("settings", "settings")},
        "partly_readable": tuple(str(row["name"]) for row in reader.dicts("partly_readable", "row level security")),
    }
    if not server["sees_other_sessions"]:
        reader.not_visible += ["transactions of other roles", "lag of replicas"]
    return ServerState(**server, **parts, not_visible=(*reader.not_visible, "free disk space"))


def without_literals(query: str) -> str:
    """`query` for a log: on one line, without comments, `?` for each literal, cut to 100 characters. Pure."""
    bare = _COMMENTS_NAMES_LITERALS.sub(lambda found: found["name"] or ("?" if found["literal"] else " "), query)
    line = " ".join(bare.split())
    return line if len(line) <= _SHOWN_QUERY else line[: _SHOWN_QUERY - 1] + "…"


@dataclass
class _Reader:
    connection: psycopg.Connection
    not_visible: list[str] = field(default_factory=list)

    def rows(self, name: str, kind: Callable[..., _Row], subject: str) -> tuple[_Row, ...]:
        try:
            return tuple(kind(**row) for row in rows(self.connection, name))
        except psycopg.ProgrammingError:
            # The role may not read it, or a server older than 14 does not have it.
            self.not_visible.append(subject)
            return ()

    def dicts(self, name: str, subject: str) -> tuple[dict[str, Any], ...]:
        return self.rows(name, dict, subject)
