"""Every failure that the engine reports on purpose, one class each.

The message of each is one sentence: the object in quotes, what happened, what to do next. The fields hold the same facts
for callers that want to act on them.
"""

from __future__ import annotations


class PgDeployError(Exception):
    """Base of all failures with a message written for the engineer on call."""


class TransactionPoolerError(PgDeployError):
    """The connection goes through a transaction pooler."""

    def __init__(self, *, host: str, port: int) -> None:
        self.host = host
        self.port = port
        if host.endswith(".pooler.supabase.com"):
            direct = "db.<project-ref>.supabase.co:5432"
            instead = f'the session pooler, "{host}:5432" (not 6543), or the direct connection, "{direct}"'
        elif host.endswith(".supabase.co"):
            instead = f'the direct connection, "{host}:5432" (not {port})'
        else:
            instead = "the server's own port, or a pool with pool_mode = session (Supabase: port 5432, not 6543)"
        super().__init__(
            f'"{host}:{port}" is a transaction pooler, where settings, SET ROLE and advisory locks leak to other '
            f"clients: let the connection use {instead}"
        )


class ServerTooOldError(PgDeployError):
    """The server's major version is not supported."""

    def __init__(self, *, database: str, version_num: int) -> None:
        self.version_num = version_num
        super().__init__(
            f'the server of "{database}" runs PostgreSQL {version_num // 10000}, and deployments need 14 or newer: '
            "upgrade the server first"
        )


class StandbyError(PgDeployError):
    """The server is a standby."""

    def __init__(self, *, database: str) -> None:
        super().__init__(
            f'the server of "{database}" is a standby (in recovery) and takes no changes: '
            "let the connection name the primary's host"
        )


class ReadOnlyServerError(PgDeployError):
    """Sessions of this role are read-only by default."""

    def __init__(self, *, database: str, role: str) -> None:
        super().__init__(
            f'sessions of "{role}" in "{database}" are read-only (default_transaction_read_only = on; Supabase sets it '
            "when the disk is full): free disk space or ask who set it, then set it off"
        )


class TooFewConnectionsError(PgDeployError):
    """The server has too few connections left for a deployment."""

    def __init__(self, *, database: str, free: int, needed: int) -> None:
        self.free = free
        self.needed = needed
        super().__init__(
            f'"{database}" has {free} connections left for this role and a deployment needs {needed}: '
            "close idle clients or raise the limit, then run again"
        )


class ExtensionNotInstalledError(PgDeployError):
    """A required extension is on the server but not created in this database."""

    def __init__(self, *, extension: str, database: str, cause: str = "") -> None:
        self.extension = extension
        quoted = extension if extension.isidentifier() and extension.islower() else f'"{extension}"'
        super().__init__(
            f'extension "{extension}" is required and not installed in "{database}": '
            + (cause or f"run `create extension if not exists {quoted};`")
        )


class ExtensionNotAvailableError(PgDeployError):
    """A required extension is not on the server at all."""

    def __init__(self, *, extension: str, database: str) -> None:
        self.extension = extension
        super().__init__(
            f'extension "{extension}" is required and the server of "{database}" does not have it: '
            "install its package on the server, or enable it at your provider, then create it"
        )


class LedgerNotWritableError(PgDeployError):
    """The role cannot make or write the schema where deployments are recorded."""

    def __init__(self, *, role: str, schema: str, database: str, grant: str) -> None:
        self.schema = schema
        super().__init__(
            f'role "{role}" cannot record deployments in schema "{schema}" of "{database}": '
            f"let an administrator run `{grant}`"
        )


class PartlyReadableError(PgDeployError):
    """Row level security hides rows from the deploying role, so a backup by it would not hold everything."""

    def __init__(self, *, role: str, tables: tuple[str, ...]) -> None:
        self.tables = tables
        more = f" and {len(tables) - 3} more" if len(tables) > 3 else ""
        named = ", ".join(f'"{table}"' for table in tables[:3])
        super().__init__(
            f'role "{role}" does not see every row of {named}{more}, so a backup or a rehearsal would miss rows: '
            f'give it BYPASSRLS (`alter role "{role}" bypassrls`) or deploy without backup and rehearsal'
        )


class MissingRightsError(PgDeployError):
    """The role lacks rights that pending statements need."""

    def __init__(self, *, role: str, sentences: tuple[str, ...]) -> None:
        self.sentences = sentences
        super().__init__(
            f'role "{role}" lacks {len(sentences)} right{"s" if len(sentences) != 1 else ""} that the pending migrations '
            "need, grant them or deploy as another role: " + "; ".join(sentences)
        )
