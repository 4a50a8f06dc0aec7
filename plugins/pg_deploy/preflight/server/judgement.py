"""What a server's state means for a deployment: lines for the log, refusals and warnings. Opens no connection."""

from __future__ import annotations

from collections.abc import Iterable

from pg_deploy.errors import PgDeployError
from pg_deploy.parsing.newer_syntax import KNOWN_MAJOR
from pg_deploy.preflight.errors import (
    ExtensionNotAvailableError,
    ExtensionNotInstalledError,
    LedgerNotWritableError,
    PartlyReadableError,
    ReadOnlyServerError,
    ServerTooNewError,
    ServerTooOldError,
    StandbyError,
    TooFewConnectionsError,
)
from pg_deploy.preflight.server.state import ServerState, Transaction
from pg_deploy.presentation.sizes import format_size

_OLDEST_SUPPORTED = 140000  # server_version_num
_OLD_TRANSACTION = 60.0  # seconds
_LONG_WAIT = 5.0  # seconds
_LAG_SECONDS = 10.0
_LAG_BYTES = 64 * 1024 * 1024
_RETAINED_BYTES = 1024 * 1024 * 1024
_HISTORY = "supabase_migrations"


def describe(state: ServerState) -> tuple[str, ...]:
    """The state before, for the task log: one line for each subject."""
    major, minor = divmod(state.version_num, 10000)
    connections = state.connections
    schemas = ", ".join(f"{name} {count}" for name, count in state.tables_per_schema.items())
    lines = [
        f"server: PostgreSQL {major}.{minor}{', Supabase by its roles' if state.is_supabase else ''}"
        f"{', a standby' if state.in_recovery else ''}",
        f'database: "{state.database}", {format_size(state.size_bytes)}, {state.table_count} tables and views in public'
        + (f" (tables by schema: {schemas})" if schemas else ""),
        f'role: "{state.role}"'
        + (f", {' '.join(state.role_attributes)}" if state.role_attributes else "")
        + (f", member of {', '.join(state.member_of)}" if state.member_of else ""),
        f"connections: {connections.used} of {connections.most} used, {connections.reserved} reserved, "
        f"{connections.free} free for this role",
        _oldest_transaction(state),
        "prepared transactions: "
        + (", ".join(f'"{each.gid}" ({_age(each.age_seconds)})' for each in state.prepared_transactions) or "none"),
        "waiting for locks: "
        + (
            ", ".join(
                f"pid {each.pid} for {each.mode} on {each.object} since {_age(each.waited_seconds)}, "
                f"behind {', '.join(map(str, each.blocked_by)) or 'nobody'}"
                for each in state.lock_waits
            )
            or "nobody"
        ),
        "replicas: "
        + (
            ", ".join(
                f'"{each.name}" {each.state or "state not visible"}'
                + (f" {format_size(each.lag_bytes)} behind" if each.lag_bytes is not None else "")
                + (f" ({_age(each.lag_seconds)})" if each.lag_seconds else "")
                for each in state.replicas
            )
            or "none"
        ),
        "replication slots: "
        + (
            ", ".join(
                f'"{each.name}" {"active" if each.active else "inactive"}, keeps {format_size(each.retained_bytes or 0)} of WAL'
                for each in state.slots
            )
            or "none"
        ),
        "extensions: "
        + (", ".join(f"{name} {version}" for name, version in state.extensions_installed.items()) or "none"),
        "settings: " + ", ".join(f"{name} = {value or '(empty)'}" for name, value in state.settings.items()),
    ]
    return (*lines, f"not visible to this role from SQL: {', '.join(state.not_visible)}")


def refusals(
    state: ServerState,
    *,
    required_extensions: Iterable[str],
    needed_connections: int = 4,
    must_read_everything: bool = False,
) -> tuple[PgDeployError, ...]:
    """Every reason why a deployment cannot work on this server; empty if there is none. Pure.

    `must_read_everything`: a backup or a rehearsal is part of the run, so rows hidden from the role are a reason too.
    """
    faults: list[PgDeployError] = []
    if state.version_num < _OLDEST_SUPPORTED:
        faults.append(ServerTooOldError(database=state.database, version_num=state.version_num))
    if state.version_num // 10000 > KNOWN_MAJOR:
        faults.append(ServerTooNewError(database=state.database, version_num=state.version_num, newest=KNOWN_MAJOR))
    if state.in_recovery:
        faults.append(StandbyError(database=state.database))
    elif state.settings.get("default_transaction_read_only") == "on":
        faults.append(ReadOnlyServerError(database=state.database, role=state.role))
    # A limit of 0 means that it could not be read.
    if state.connections.most and state.connections.free < needed_connections:
        faults.append(
            TooFewConnectionsError(database=state.database, free=state.connections.free, needed=needed_connections)
        )
    faults += [
        _extension_fault(state, name)
        for name in dict.fromkeys(required_extensions)
        if name not in state.extensions_installed
    ]
    faults += _not_writable(state)
    if must_read_everything and state.partly_readable:
        faults.append(PartlyReadableError(role=state.role, tables=state.partly_readable))
    return tuple(faults)


def warnings(state: ServerState) -> tuple[str, ...]:
    """One sentence for each thing that does not stop a deployment, but may slow it down or deserves a look before. Pure."""
    sentences = [
        f"{_session(each)} has had a transaction open for {_age(each.age_seconds)} ({each.state}): "
        "every CONCURRENTLY build waits for its end"
        for each in state.transactions
        if each.age_seconds > _OLD_TRANSACTION
    ]
    sentences += [
        f'prepared transaction "{each.gid}" of "{each.owner}" has been open for {_age(each.age_seconds)}: it holds its '
        "locks, and CONCURRENTLY builds wait for it until it is committed or rolled back"
        for each in state.prepared_transactions
    ]
    sentences += [
        f"pid {each.pid} has waited for {each.mode} on {each.object} for {_age(each.waited_seconds)} behind "
        f"{', '.join(map(str, each.blocked_by)) or 'nobody'}: find out why before you add to the queue"
        for each in state.lock_waits
        if each.waited_seconds > _LONG_WAIT
    ]
    sentences += [
        f'replica "{each.name}" is {format_size(each.lag_bytes or 0)} and {_age(each.lag_seconds or 0)} behind: index builds and '
        "table rewrites will widen that"
        for each in state.replicas
        if (each.lag_bytes or 0) > _LAG_BYTES or (each.lag_seconds or 0) > _LAG_SECONDS
    ]
    sentences += [
        f'replication slot "{each.name}" is inactive and keeps {format_size(each.retained_bytes or 0)} of WAL on disk: '
        "drop it if nobody reads it"
        for each in state.slots
        if not each.active and (each.retained_bytes or 0) > _RETAINED_BYTES
    ]
    if state.connections.most and state.connections.free < max(10, state.connections.most // 10):
        sentences.append(
            f"only {state.connections.free} of {state.connections.most} connections are left for this role: "
            "clients may be refused while the deployment runs"
        )
    if state.settings.get("synchronous_standby_names"):
        sentences.append(
            "commits wait for a synchronous standby: a standby that stops would stop the deployment and the application"
        )
    return tuple(sentences)


def _age(seconds: float) -> str:
    """`seconds` for people: 0.4 s, 75 s, 12 min, 3.5 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _oldest_transaction(state: ServerState) -> str:
    oldest = state.oldest_transaction
    scope = "" if state.sees_other_sessions else " (of this role only: others are not visible)"
    if oldest is None:
        return f"oldest transaction: none is open{scope}"
    return (
        f"oldest transaction: {_age(oldest.age_seconds)}, {_session(oldest)}, {oldest.state}: {oldest.query}; "
        f"{state.idle_in_transaction} idle in transaction{scope}"
    )


def _session(transaction: Transaction) -> str:
    return f'pid {transaction.pid} ("{transaction.user}"' + (
        f', "{transaction.application}")' if transaction.application else ")"
    )


def _extension_fault(state: ServerState, name: str) -> PgDeployError:
    if name not in state.extensions_available:
        return ExtensionNotAvailableError(extension=name, database=state.database)
    cause = ""
    if name == "pg_cron":
        # pg_cron can be created in one database only, and only if it was loaded when the server started.
        home = state.settings.get("cron.database_name")
        if home is None:
            cause = (
                "add pg_cron to shared_preload_libraries (or enable it at your provider), restart the server, then run "
                "`create extension if not exists pg_cron;`"
            )
        elif home != state.database:
            cause = (
                f'it can live in one database only, cron.database_name = "{home}": deploy there, or change that setting'
            )
    return ExtensionNotInstalledError(extension=name, database=state.database, cause=cause)


def _not_writable(state: ServerState) -> list[PgDeployError]:
    faults: list[PgDeployError] = []
    grants: set[str] = set()
    for schema in (state.ledger, _HISTORY):
        own = state.own_schemas.get(schema)
        if own is None:
            grant = "" if state.can_create_schema else f'grant create on database "{state.database}" to "{state.role}"'
        elif not own.usable:
            grant = f'grant usage, create on schema "{schema}" to "{state.role}"'
        elif not own.writable:
            grant = f'grant select, insert, update, delete on all tables in schema "{schema}" to "{state.role}"'
        elif schema == _HISTORY and not own.has_history and not own.extensible:
            grant = f'grant create on schema "{schema}" to "{state.role}"'
        else:
            grant = ""
        if grant and grant not in grants:
            grants.add(grant)
            faults.append(LedgerNotWritableError(role=state.role, schema=schema, database=state.database, grant=grant))
    return faults
