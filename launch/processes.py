"""Processes of a session: who is alive, and which of them listens where."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import psutil

from launch.errors import StillRunningError
from pg_deploy.postgres.temporary import process_start

Value = TypeVar("Value")


def read(pid: int) -> psutil.Process | None:
    """The process of this pid, or None if there is none or it is a zombie. Reads only."""
    process = try_read(lambda: psutil.Process(pid))
    return process if process and is_alive(process) else None


def list_all() -> list[psutil.Process]:
    """All living processes. Reads only."""
    return [process for process in psutil.process_iter() if is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    """Whether that very process runs: neither a zombie nor another that has its pid by now. Reads only."""
    return process.is_running() and try_read(process.status) not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD, None}


def try_read(read_value: Callable[[], Value]) -> Value | None:
    """What a call reads of a process, or None if the process is gone or we may not see that. Reads only."""
    try:
        return read_value()
    except (psutil.Error, OSError):
        return None


def started(pid: int) -> int:
    """When the process started, in clock ticks since boot: together with the pid this never names another process. 0 if there is none."""
    return int(process_start(pid).rpartition(" ")[2] or 0)


def session(process: psutil.Process) -> int | None:
    """The pid of the leader of the process's session. Reads only."""
    return try_read(lambda: os.getsid(process.pid))


def list_members(leader: int) -> list[psutil.Process]:
    """The processes of the leader's session, and all that descend from them, also in a session of their own. Reads only."""
    processes = list_all()
    parents = {process.pid: try_read(process.ppid) for process in processes}
    members = {process.pid for process in processes if leader in {session(process), process.pid}}
    while children := {pid for pid, parent in parents.items() if parent in members} - members:
        members |= children
    return [process for process in processes if process.pid in members]


def working_folder(process: psutil.Process) -> Path | None:
    """The folder that the process works in, or None if that cannot be seen. Reads only."""
    found = try_read(process.cwd)
    return Path(found) if found else None


def command_line(process: psutil.Process) -> list[str]:
    """The process's arguments; none if it is gone. Reads only."""
    return try_read(process.cmdline) or []


def read_variable(process: psutil.Process, name: str) -> str | None:
    """A variable of the environment that the process was started with, or None if that cannot be seen. Reads only."""
    return (try_read(process.environ) or {}).get(name)


def connections(processes: list[psutil.Process], status: str) -> set[tuple[psutil.Process, str, int]]:
    """Each process's TCP sockets in that state, with their own address and port. Reads only."""
    return {
        (process, socket.laddr.ip, socket.laddr.port)
        for process in processes
        for socket in try_read(partial(process.net_connections, "tcp")) or []
        if socket.status == status
    }


def end(first: list[psutil.Process], others: list[psutil.Process], *, patience: float, grace: float) -> None:
    """End these processes: SIGTERM to the first, after `patience` seconds to the others, SIGKILL after `grace` more.

    A pid that meanwhile belongs to somebody else is left alone. Raises StillRunningError.
    """
    everyone = [*first, *others]
    for number, processes, seconds in (
        (signal.SIGTERM, first, patience),
        (signal.SIGTERM, others, grace),
        (signal.SIGKILL, everyone, 10.0),
    ):
        for process in filter(is_alive, processes):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        if _wait(everyone, seconds):
            return
    raise StillRunningError(tuple(process.pid for process in everyone if is_alive(process)))


def _wait(processes: list[psutil.Process], seconds: float) -> bool:
    # Not psutil's own wait: to it a zombie, which its parent has yet to bury, is alive.
    deadline = time.monotonic() + seconds
    while any(is_alive(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
