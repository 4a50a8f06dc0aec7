"""pg_dump as a child process. It uses the snapshot in which rows are counted and the catalog is read, and logs its progress."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import psycopg.conninfo

from pg_deploy.postgres.errors import ProgramFailedError
from pg_deploy.postgres.programs import Programs, tied_to_our_process
from pg_deploy.postgres.quoting import in_full
from pg_deploy.postgres.session import KEPT_ALIVE_IN_SERVER, kept_alive
from pg_deploy.presentation.secrecy import without_secrets

_SAY_EVERY_S = 5.0
_LOCK_WAIT = "60s"
_VARIABLES = {"password": "PGPASSWORD", "options": "PGOPTIONS"}
# Parameters of a connection that say where and who, and give nobody access.
_PUBLIC = frozenset({
    "host", "hostaddr", "port", "dbname", "user", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslcrldir", "sslsni",
    "sslcompression", "ssl_min_protocol_version", "ssl_max_protocol_version", "sslnegotiation", "sslcertmode", "connect_timeout",
    "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "target_session_attrs",
    "gssencmode", "krbsrvname", "gsslib", "gssdelegation", "channel_binding", "require_auth", "client_encoding",
    "application_name", "fallback_application_name", "load_balance_hosts", "requirepeer", "replication",
})  # fmt: skip


@contextmanager
def credentials(conninfo: str) -> Iterator[tuple[str, dict[str, str]]]:
    """`conninfo` without what is or may be secret, and the environment that hands the rest to a child (see `handed_down`).

    Everybody can read a child's command line. A secret for which libpq has no variable goes through a file without a name,
    which is gone with the last process that has it open.
    """
    parts = {key: str(value) for key, value in psycopg.conninfo.conninfo_to_dict(kept_alive(conninfo)).items()}
    secret = {name: parts.pop(name) for name in list(parts) if name not in _PUBLIC}
    environment = {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "PGAPPNAME": "pg_deploy backup",
        "PGCONNECT_TIMEOUT": "15",
    }
    environment |= {key: value for key, value in os.environ.items() if key in ("HOME", "PGSSLROOTCERT", "KRB5CCNAME")}
    environment |= {_VARIABLES[name]: secret.pop(name) for name in list(secret) if name in _VARIABLES}
    if "PGOPTIONS" not in environment and (options := server_side_options(conninfo)):
        environment["PGOPTIONS"] = options
    if not secret:
        yield psycopg.conninfo.make_conninfo(**parts), environment
        return
    handle = os.memfd_create("pg_deploy service")
    try:
        lines = ["[pg_deploy]", *(f"{name}={value}" for name, value in secret.items())]
        os.write(handle, ("\n".join(lines) + "\n").encode())
        environment["PGSERVICEFILE"] = f"/proc/self/fd/{handle}"
        yield psycopg.conninfo.make_conninfo(**parts, service="pg_deploy"), environment
    finally:
        os.close(handle)


def handed_down(environment: Mapping[str, str]) -> tuple[int, ...]:
    """The open files that a child with that environment needs."""
    _, _, handle = environment.get("PGSERVICEFILE", "").rpartition("/proc/self/fd/")
    return (int(handle),) if handle else ()


def server_side_options(conninfo: str) -> str:
    """The options by which a program makes its server notice a lost network within a minute.

    Empty if the server does not accept them: a session pooler may refuse options that it does not know.
    """
    try:
        psycopg.connect(
            kept_alive(conninfo), options=KEPT_ALIVE_IN_SERVER, connect_timeout=15, application_name="pg_deploy options"
        ).close()
    except psycopg.Error:
        return ""
    return KEPT_ALIVE_IN_SERVER


def dump(
    programs: Programs,
    conninfo: str,
    folder: Path,
    *,
    snapshot: str,
    left_out: Sequence[str],
    schema_only: bool,
    jobs: int,
    tables: int,
    log: logging.Logger,
) -> None:
    """Dump the database as of `snapshot`, without the schemas left out, into `folder`/dump. Raises ProgramFailedError."""
    with credentials(conninfo) as (plain, environment):
        command = [
            programs.path("pg_dump"),
            "--format=directory",
            f"--file={folder / 'dump'}",
            f"--jobs={jobs}",
            "--compress=1",
            f"--snapshot={snapshot}",
            f"--lock-wait-timeout={_LOCK_WAIT}",
            "--no-password",
            "--verbose",
            # Jobs are kept as catalog facts, and their history is of no use in a copy.
            "--exclude-table-data=cron.*",
            *(f"--exclude-schema={in_full(schema)}" for schema in left_out),
            *(["--schema-only"] if schema_only else []),
            f"--dbname={plain}",
        ]
        follow(command, environment, _Progress(folder, tables, log))


class _Progress:
    """Logs now and then how far pg_dump has come, as it reports itself."""

    def __init__(self, folder: Path, tables: int, log: logging.Logger) -> None:
        self.folder = folder
        self.tables = tables
        self.log = log
        self.begun = 0
        self.last_said = time.monotonic()

    def line(self, text: str) -> None:
        if "dumping contents of table" in text:
            self.begun += 1
        now = time.monotonic()
        if now - self.last_said >= _SAY_EVERY_S:
            self.last_said = now
            written = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
            self.log.info("  table %d of %d begun, %.0f MB written", self.begun, self.tables, written / 2**20)


class Listener:
    """A reader of what a program prints."""

    def line(self, text: str) -> None:
        """One line of its standard error."""


def follow(command: Sequence[str], environment: Mapping[str, str], progress: Listener | _Progress) -> None:
    """Run a program to its end and hand over each line of its standard error. Raises ProgramFailedError with its last errors."""
    last: deque[str] = deque(maxlen=200)
    process = subprocess.Popen(
        # If we were killed, an orphan would go on reading and hold its locks until it is done.
        tied_to_our_process(command) or list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=dict(environment),
        pass_fds=handed_down(environment),
        cwd="/",
    )
    try:
        for line in process.stderr or ():
            last.append(line.rstrip())
            progress.line(line)
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if code:
        errors = [
            line for line in last if "error" in line.lower() or "detail" in line.lower() or "fatal" in line.lower()
        ]
        reason = "; ".join((errors or list(last))[-4:]) or f"exit code {code}"
        raise ProgramFailedError(Path(command[0]).name, without_secrets(reason))
