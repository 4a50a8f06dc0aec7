"""A PostgreSQL cluster of our own for one rehearsal.

It stands behind a wall, listens on a socket that only this task reaches, runs no job and leaves nothing behind. Its folder
holds a marker with the pid and the start of the process that owns it, so that the next task can remove what a killed one
left. The server itself does not wait for that: the kernel ends it when its owner dies.
"""

from __future__ import annotations

import logging
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg.conninfo

from pg_deploy.configuration.duration import format_duration
from pg_deploy.postgres.errors import DiskTooSmallError, ProgramFailedError
from pg_deploy.postgres.ledger_name import DEFAULT_LEDGER
from pg_deploy.postgres.programs import Programs, run_program, unprivileged_account
from pg_deploy.postgres.session import Target
from pg_deploy.postgres.temporary import PREFIX, is_alive, mark_as_ours, owner_of, process_start
from pg_deploy.postgres.wall_around_server import Wall, behind, strongest_wall

_START_S = 60.0
_PORT = 5432
# A socket's path may have 107 bytes, the file's name included.
_LONGEST_FOLDER = 107 - len("/.s.PGSQL.5432.lock")
_LOOK_EVERY_S = 2.0

# Nothing here has to survive a power cut, and only our own connections come in.
_SETTINGS = {
    "listen_addresses": "",
    # Files in the cluster's folder, not in /dev/shm: so the limit on the disk counts them.
    "dynamic_shared_memory_type": "mmap",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "jit": "off",
    "autovacuum": "off",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "max_worker_processes": "16",
    "password_encryption": "scram-sha-256",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] %q%u@%d %a ",
}
# Several locks on one door: older versions of pg_cron know only the last two. If a job were started nevertheless, it would
# look for its server in a folder that does not exist.
_NO_JOBS = {
    "cron.launch_active_jobs": "off",
    "cron.max_running_jobs": "0",
    "cron.use_background_workers": "off",
    "cron.host": "/pg_deploy_runs_no_jobs",
}
_HARMLESS_LIBRARIES = ("pg_cron", "pg_stat_statements", "auto_explain", "pg_hint_plan", "supautils", "plpgsql_check")


@dataclass(frozen=True)
class PrivateCluster:
    """The running server. Everything of it is in `directory`; `password` is the superuser's."""

    directory: Path
    programs: Programs
    socket: Path
    wall: Wall
    superuser: str
    password: str = field(repr=False)
    preloaded: tuple[str, ...] = ()
    ledger: str = DEFAULT_LEDGER

    def target(self, database: str, *, role: str | None = None, password: str | None = None, name: str = "") -> Target:
        """One of its databases as a target, reached as the superuser unless another role is given."""
        conninfo = psycopg.conninfo.make_conninfo(
            host=str(self.socket),
            port=_PORT,
            dbname=database,
            user=role or self.superuser,
            password=password or self.password,
        )
        return Target(name or f"copy {database}", conninfo, self.ledger)


@contextmanager
def private_cluster(
    programs: Programs,
    *,
    superuser: str,
    cron_database: str,
    preload: Iterable[str],
    settings: Mapping[str, str],
    workdir: Path | None,
    needed_bytes: int = 0,
    most_s: float = 12 * 3600.0,
    log: logging.Logger,
) -> Iterator[PrivateCluster]:
    """Make and start a cluster, and remove it at the end whatever happened. Raises DiskTooSmallError, ProgramFailedError.

    The server is ended, and the log says so, after `most_s` seconds, or when it has nearly filled its disk.

    `preload` names the libraries that the target preloads. The copy preloads those that are harmless and installed here.
    """
    account = unprivileged_account()
    area = _area(workdir, account)
    remove_abandoned(area, log)
    free = shutil.disk_usage(area).free
    if free < needed_bytes:
        raise DiskTooSmallError(str(area), needed_bytes, free, "copy")
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=area))
    process: subprocess.Popen[bytes] | None = None
    socket = directory / "socket"
    ended = threading.Event()
    try:
        mark_as_ours(directory)
        # The server's account must be able to pass through.
        directory.chmod(0o711)
        password = secrets.token_urlsafe(24)
        _initdb(programs, directory, account, superuser, password)
        preloaded = tuple(name for name in _HARMLESS_LIBRARIES if name in preload and _has_library(programs, name))
        _configure(directory, account, {**settings, **_SETTINGS}, preloaded, cron_database)
        socket = _socket_folder(directory, account)
        wall = strongest_wall(programs)
        process = _start(wall, programs, directory, socket, account)
        limits = threading.Thread(
            target=_keep_limits,
            args=(process, directory, most_s, ended, log),
            name="pg_deploy copy's limits",
            daemon=True,
        )
        limits.start()
        yield PrivateCluster(directory, programs, socket, wall, superuser, password, preloaded)
    finally:
        ended.set()
        if process is not None:
            _stop(process)
        for folder in {directory, socket}:
            shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(area: Path, log: logging.Logger) -> list[Path]:
    """Stop and remove the clusters in `area` whose owner is gone; returns their folders. Leaves all others alone."""
    removed = []
    for directory in sorted(area.glob(f"{PREFIX}*")):
        owner = owner_of(directory)
        if owner is None or is_alive(owner):
            continue
        postmaster = _postmaster(directory / "data")
        if postmaster is not None:
            with suppress(ProcessLookupError):
                os.kill(postmaster, signal.SIGQUIT)
            _await_end(postmaster)
        shutil.rmtree(directory, ignore_errors=True)
        log.info("removed the copy that an interrupted rehearsal left behind in %s", directory)
        removed.append(directory)
    return removed


def _area(workdir: Path | None, account: pwd.struct_passwd | None) -> Path:
    """A folder for temporary files that the server's account can reach."""
    for candidate in (workdir, Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/tmp")):
        if candidate is None or not candidate.is_dir():
            continue
        resolved = candidate.resolve()
        if account is None or all(folder.stat().st_mode & stat.S_IXOTH for folder in (resolved, *resolved.parents)):
            return resolved
    raise ProgramFailedError("initdb", "no temporary folder is open to the server's account, set PG_DEPLOY_WORKDIR")


def _initdb(
    programs: Programs, directory: Path, account: pwd.struct_passwd | None, superuser: str, password: str
) -> None:
    data, secret = directory / "data", directory / "initial-password"
    data.mkdir(mode=0o700)
    secret.touch(mode=0o600)
    secret.write_text(password, encoding="utf-8")
    if account is not None:
        for path in (data, secret):
            os.chown(path, account.pw_uid, account.pw_gid)
    options = ("--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={secret}")
    run_program([programs.path("initdb"), "-D", str(data), "-U", superuser, *options], account=account)
    secret.unlink()


def _configure(
    directory: Path,
    account: pwd.struct_passwd | None,
    settings: Mapping[str, str],
    preloaded: tuple[str, ...],
    cron_database: str,
) -> None:
    lines = dict(settings)
    lines["shared_preload_libraries"] = ",".join(preloaded)
    if "pg_cron" in preloaded:
        lines |= {**_NO_JOBS, "cron.database_name": cron_database}
    with (directory / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
        for name, value in lines.items():
            escaped = value.replace("\\", "\\\\").replace("'", "''")
            file.write(f"{name} = '{escaped}'\n")


def _socket_folder(directory: Path, account: pwd.struct_passwd | None) -> Path:
    """The folder where the server listens: only its account and root may enter."""
    folder = directory / "socket"
    if len(str(folder)) > _LONGEST_FOLDER:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
        mark_as_ours(folder)
    folder.mkdir(mode=0o700, exist_ok=True)
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def _start(
    wall: Wall, programs: Programs, directory: Path, socket: Path, account: pwd.struct_passwd | None
) -> subprocess.Popen[bytes]:
    process = _spawn(wall, programs, directory, socket, account)
    if _await_start(process, directory):
        return process
    _stop(process)
    raise ProgramFailedError("postgres", _tail(directory / "server.log"))


def _spawn(
    wall: Wall, programs: Programs, directory: Path, socket: Path, account: pwd.struct_passwd | None
) -> subprocess.Popen[bytes]:
    data = directory / "data"
    command = [programs.path("postgres"), "-D", str(data), "-p", str(_PORT), "-k", str(socket)]
    # The kernel ends the server when its owner is killed: nobody has to wait for the next run.
    walled = behind(wall, programs, (data, socket), command)
    if walled is not None:
        command, account = walled, None
    with (directory / "server.log").open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            # A signal to the task's process group must not end the server before the task has finished with it.
            start_new_session=True,
        )


def _keep_limits(
    process: subprocess.Popen[bytes], directory: Path, most_s: float, ended: threading.Event, log: logging.Logger
) -> None:
    """End the server if it has been at work for too long, or leaves too little of the disk to others."""
    deadline = time.monotonic() + most_s
    while not ended.wait(_LOOK_EVERY_S):
        disk = shutil.disk_usage(directory)
        if time.monotonic() > deadline:
            log.error("the copy is ended: it has been at work for %s", format_duration(most_s))
        elif disk.free < min(256 * 2**20, disk.total // 50):
            log.error("the copy is ended: only %.0f MB of its disk are left", disk.free / 2**20)
        else:
            continue
        process.kill()
        return


def _await_start(process: subprocess.Popen[bytes], directory: Path) -> bool:
    """Whether it became ready: its pid file says so in the last line, so nobody has to try and fail to connect."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            lines = (directory / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return True
        time.sleep(0.05)
    return False


_QUIT_S = 2.0


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server at once: nothing in it is needed any more.

    A shell lets its background programs ignore SIGQUIT, and all that they start inherits that. If the task runs under such a
    program, the wall around the server does not react, so it is killed.
    """
    if process.poll() is None:
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(timeout=_QUIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _has_library(programs: Programs, name: str) -> bool:
    return (programs.folders()[0] / f"{name}.so").exists()


def _postmaster(data: Path) -> int | None:
    """The pid of the server that runs on `data`; None if the pid file is stale."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        return pid if str(data) in psutil.Process(pid).cmdline() else None
    except (OSError, ValueError, psutil.Error):
        return None


def _await_end(pid: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process_start(pid):
        time.sleep(0.05)


def _tail(log: Path) -> str:
    with suppress(OSError):
        return "; ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-6:])
    return ""
