"""Failures of preflight, one class each."""

from __future__ import annotations

from collections.abc import Sequence

from pg_deploy.errors import PgDeployError
from pg_deploy.parsing.committing import OUTSIDE_A_TRANSACTION


class FolderChangedError(PgDeployError):
    """The tasks see another folder than the one that the run was triggered for."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(
            f'the migrations folder is "{found}", but this run was triggered for "{expected}"; '
            "wait until the DAG was parsed again (a few seconds) and trigger a new run"
        )


class ProcedureCommitsError(PgDeployError):
    """A CALL in a transaction calls a procedure that commits."""

    def __init__(self, file: str, line: int, procedure: str, summary: str) -> None:
        self.file = file
        self.line = line
        super().__init__(
            f'"{file}" line {line}: procedure "{procedure}" commits, which no transaction lets it do, and this part of the file is '
            f"one; let the call run alone, by this comment right before it (it is then not repeated by itself):\n"
            f"    {OUTSIDE_A_TRANSACTION}\n    {summary};"
        )


class HistoryMismatchError(PgDeployError):
    """Ledger and history disagree, and only a person can settle it."""

    def __init__(self, stem: str, version: str) -> None:
        super().__init__(
            f'"{stem}" was verified by an earlier deployment but is gone from supabase_migrations.schema_migrations; '
            f"if it is still in place, run `supabase migration repair --status applied {version}`, else restore it from "
            "the backup, and trigger again"
        )


class MissingFileError(PgDeployError):
    """The history holds a version that has no file."""

    def __init__(self, versions: Sequence[str]) -> None:
        super().__init__(
            f"the history holds version {', '.join(versions)}, but the folder has no such file; add the missing file "
            "(git pull, or `supabase migration fetch`), or take the version out with "
            f"`supabase migration repair --status reverted {versions[0]}`"
        )


class VersionOfOtherError(PgDeployError):
    """Two projects that share a database have the same version: the history that they share can hold it once."""

    def __init__(self, stem: str, version: str, ledger: str) -> None:
        super().__init__(
            f'version {version} of "{stem}" belongs to the project whose ledger is "{ledger}", which shares this database: '
            "give one of the two files another version"
        )


class OutOfOrderError(PgDeployError):
    """A pending version is older than the newest applied one."""

    def __init__(self, stems: Sequence[str], newest: str) -> None:
        self.stems = tuple(stems)
        named = ", ".join(f'"{stem}"' for stem in stems)
        super().__init__(
            f"{named} {'is' if len(self.stems) == 1 else 'are'} older than the newest applied version {newest}; rename to a later time "
            """stamp, or let the run take what stands there, by CONF='{"out_of_order": true}'"""
        )


class NoStatementsError(PgDeployError):
    """The ledger says that a migration is verified, but holds none of its statements."""

    def __init__(self, stem: str) -> None:
        super().__init__(
            f'the ledger calls "{stem}" verified, but none of its statements ended, so that is not believed; find out who wrote '
            "that row, look whether the change is in the database, then delete the row, or adopt the version "
            "with the DAG baseline_migrations (of a project: baseline_<name>)"
        )


class ServerTooOldError(PgDeployError):
    """The server's major version is not supported."""

    def __init__(self, *, database: str, version_num: int) -> None:
        super().__init__(
            f'the server of "{database}" runs PostgreSQL {version_num // 10000}, and deployments need 14 or newer: '
            "upgrade the server first"
        )


class ServerTooNewError(PgDeployError):
    """The server's major version is newer than those that this version of pg_deploy knows."""

    def __init__(self, *, database: str, version_num: int, newest: int) -> None:
        super().__init__(
            f'the server of "{database}" runs PostgreSQL {version_num // 10000}, and this version of pg_deploy knows '
            f"PostgreSQL 14 to {newest}: its catalog and its syntax were not tried, upgrade pg_deploy first"
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
        super().__init__(
            f'"{database}" has {free} connections left for this role and a deployment needs {needed}: '
            "close idle clients or raise the limit, then run again"
        )


class ExtensionNotInstalledError(PgDeployError):
    """A required extension is on the server but not created in this database."""

    def __init__(self, *, extension: str, database: str, cause: str = "") -> None:
        quoted = extension if extension.isidentifier() and extension.islower() else f'"{extension}"'
        super().__init__(
            f'extension "{extension}" is required and not installed in "{database}": '
            + (cause or f"run `create extension if not exists {quoted};`")
        )


class ExtensionNotAvailableError(PgDeployError):
    """A required extension is not on the server at all."""

    def __init__(self, *, extension: str, database: str) -> None:
        super().__init__(
            f'extension "{extension}" is required and the server of "{database}" does not have it: '
            "install its package on the server, or enable it at your provider, then create it"
        )


class LedgerNotWritableError(PgDeployError):
    """The role cannot make or write the schema where deployments are recorded."""

    def __init__(self, *, role: str, schema: str, database: str, grant: str) -> None:
        super().__init__(
            f'role "{role}" cannot record deployments in schema "{schema}" of "{database}": '
            f"let an administrator run `{grant}`"
        )


class PartlyReadableError(PgDeployError):
    """Row level security hides rows from the deploying role, so a backup by it would not hold everything."""

    def __init__(self, *, role: str, tables: tuple[str, ...]) -> None:
        more = f" and {len(tables) - 3} more" if len(tables) > 3 else ""
        named = ", ".join(f'"{table}"' for table in tables[:3])
        super().__init__(
            f'role "{role}" does not see every row of {named}{more}, so a backup or a rehearsal would miss rows: '
            f'give it BYPASSRLS (`alter role "{role}" bypassrls`) or deploy without backup and rehearsal'
        )


class MissingRightsError(PgDeployError):
    """The role lacks rights that pending statements need."""

    def __init__(self, *, role: str, sentences: tuple[str, ...]) -> None:
        super().__init__(
            f'role "{role}" lacks {len(sentences)} right{"s" if len(sentences) != 1 else ""} that the pending migrations '
            "need, grant them or deploy as another role: " + "; ".join(sentences)
        )


class LockLintError(PgDeployError):
    """squawk could not be asked about the locks of a migration."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f'the lock lint "squawk" did not answer, {reason}: install squawk-cli into the Python of this worker'
        )
