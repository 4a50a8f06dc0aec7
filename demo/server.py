"""PostgreSQL's own programs: finding them, running them as the right account, starting and stopping the server.

Nothing here knows what the cluster holds.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from demo.errors import ServerFailedError, ServerMissingError
from pg_deploy.postgres.programs import Programs, installations

FIRST_PORT = 54320
SERVER_USER = "postgres"
_EXTENSIONS = ("pg_cron", "pgcrypto", "pg_stat_statements")
START_PATIENCE_S = 20.0
SAME_START_S = 30.0
"""A process and its pid file begin within this time of each other: no other PostgreSQL gets the same pid so soon."""


def find_installation() -> Programs | None:
    """The newest server here with pg_cron, pgcrypto and pg_stat_statements; None if there is none. Reads only.

    It looks where the engine does: only at PG_DEPLOY_BINDIR, if that is set.
    """
    complete = [
        each
        for each in installations("postgres", "initdb")
        if all((each.folders()[1] / "extension" / f"{name}.control").exists() for name in _EXTENSIONS)
    ]
    return max(complete, key=lambda each: (each.major, each.minor), default=None)


def server_account() -> pwd.struct_passwd:
    """The unprivileged account that the server runs as: the caller's, or postgres if the caller is root.

    Makes the account postgres if root finds none. Raises ServerMissingError.
    """
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam(SERVER_USER)
    except KeyError:
        useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
        if useradd is None:
            raise ServerMissingError("root cannot run it without an account named postgres") from None
        subprocess.run(
            [useradd, "--system", "--home-dir", "/var/lib/postgresql", SERVER_USER], check=True, capture_output=True
        )
        return pwd.getpwnam(SERVER_USER)


def run(bindir: Path, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs as the server's account. Raises ServerFailedError with its output."""
    account = server_account()
    switch = os.geteuid() == 0
    # The output goes to a file: a pipe would stay open as long as the server that pg_ctl leaves behind.
    with open(os.memfd_create("output"), "w+", encoding="utf-8", errors="replace") as output:
        done = subprocess.run(
            [str(bindir / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": account.pw_dir},
            user=account.pw_uid if switch else None,
            group=account.pw_gid if switch else None,
            extra_groups=[] if switch else None,
            check=False,
        )
        output.seek(0)
        said = output.read()
    if done.returncode != 0:
        raise ServerFailedError(program, "\n".join(said.splitlines()[-15:]))


@dataclass(frozen=True)
class Serving:
    """The server that runs on a data directory, and its port."""

    pid: int
    port: int


def serving(data: Path) -> Serving | None:
    """The server that runs on this data directory, whoever started it, with whatever options; None if none does. Reads only.

    The pid file that a server writes into its directory may be stale. It counts if its pid is a PostgreSQL that began when the
    file says so, or that names this directory in its command line, or works in it.
    """
    try:
        pid, folder, began, port, *_ = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        found = Serving(int(pid), int(port))
        process = psutil.Process(found.pid)
        words = process.cmdline()
        same_start = abs(process.create_time() - int(began)) < SAME_START_S
    except (OSError, ValueError, psutil.Error):
        return None
    if not Path("".join(words[:1]).split(":")[0]).name.startswith(("postgres", "postmaster")):
        return None
    # Root in a container may be unable to read where another account's process works.
    here = same_start or str(data) in words or _works_in(process) == data
    return found if here and Path(folder).resolve() == data.resolve() else None


def server_pid(data: Path) -> int | None:
    """The pid of the server that runs on this data directory; None if none does. Reads only."""
    found = serving(data)
    return found.pid if found else None


def _works_in(process: psutil.Process) -> Path | None:
    try:
        return Path(process.cwd())
    except psutil.Error:
        return None


def start(bindir: Path, data: Path, port: int, options: Mapping[str, str] | None = None) -> None:
    """Start the server and return when it accepts connections. Raises ServerFailedError with the end of its log."""
    flags = "".join(f" -c {name}={value}" for name, value in (options or {}).items())
    log = data / "server.log"
    deadline = time.monotonic() + START_PATIENCE_S
    while True:
        _forget_reused_pid(data)
        try:
            run(
                bindir, "pg_ctl", "start", "-w", "-t", "120", "-D", str(data), "-l", str(log), "-o", f"-p {port}{flags}"
            )
            return
        except ServerFailedError as failure:
            words = _tail(log) or failure.output
            # The backends of a killed server need a moment to notice that, and hold its shared memory until then.
            if "shared memory block" not in words or time.monotonic() > deadline:
                raise ServerFailedError("postgres", words) from None
            time.sleep(0.3)


def start_from(bindir: Path, data: Path, first: int, options: Mapping[str, str] | None = None) -> int:
    """Start the server on the lowest free port from `first` up; returns the port. Raises ServerFailedError."""
    port = next_free_port(first)
    while True:
        try:
            start(bindir, data, port, options)
            return port
        except ServerFailedError:
            if port_is_free(port):
                raise
            # Somebody took the port between the look and the start.
            port = next_free_port(port + 1)


def _forget_reused_pid(data: Path) -> None:
    """Remove a pid file whose number now belongs to another program, because PostgreSQL would refuse to start.

    If no process has the pid the file stays: from it PostgreSQL finds out whether orphans of its predecessor live on.
    """
    file = data / "postmaster.pid"
    if file.exists() and server_pid(data) is None:
        pid = file.read_text(encoding="utf-8").split("\n", 1)[0]
        if not pid.isdecimal() or psutil.pid_exists(int(pid)):
            file.unlink(missing_ok=True)


def stop(bindir: Path, data: Path, mode: str = "fast") -> None:
    """Stop the server of this data directory, and no other; harmless if it does not run. Raises ServerFailedError."""
    if server_pid(data) is not None:
        run(bindir, "pg_ctl", "stop", "-w", "-t", "120", "-m", mode, "-D", str(data))


def _tail(log: Path) -> str:
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
    except OSError:
        return ""


def port_is_free(port: int) -> bool:
    """Whether nothing listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def next_free_port(first: int = FIRST_PORT) -> int:
    """The lowest free port of 127.0.0.1 from this one up."""
    return next(port for port in range(first, 65536) if port_is_free(port))
