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

Seen = TypeVar("Seen")


def read(pid: int) -> psutil.Process | None:
    """The process of this pid, or None where there is none or it is a zombie. Reads only."""
    process = seen(lambda: psutil.Process(pid))
    return process if process and is_alive(process) else None


def everybody() -> list[psutil.Process]:
    """All living processes. Reads only."""
    return [process for process in psutil.process_iter() if is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    """Whether that very process runs: neither a zombie nor another that has its pid by now. Reads only."""
    return process.is_running() and seen(process.status) not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD, None}


def seen(look: Callable[[], Seen]) -> Seen | None:
    """What a look at a process shows, or None where it is gone or that is not for us to see. Reads only."""
    try:
        return look()
    except (psutil.Error, OSError):
        return None


def started(pid: int) -> int:
    """When the process started, in clock ticks since boot: with the pid it names it for good. 0 where there is none."""
    return int(process_start(pid).rpartition(" ")[2] or 0)


def session(process: psutil.Process) -> int | None:
    """The pid of the leader of the process's session. Reads only."""
    return seen(lambda: os.getsid(process.pid))


def family(leader: int) -> list[psutil.Process]:
    """Who is in the leader's session, and everyone who descends from them, a new session or not. Reads only."""
    processes = everybody()
    parents = {process.pid: seen(process.ppid) for process in processes}
    members = {process.pid for process in processes if leader in {session(process), process.pid}}
    while children := {pid for pid, parent in parents.items() if parent in members} - members:
        members |= children
    return [process for process in processes if process.pid in members]


def working_folder(process: psutil.Process) -> Path | None:
    """The folder that the process works in, or None where that cannot be seen. Reads only."""
    found = seen(process.cwd)
    return Path(found) if found else None


def command_line(process: psutil.Process) -> list[str]:
    """The process's arguments, none where it is gone. Reads only."""
    return seen(process.cmdline) or []


def variable(process: psutil.Process, name: str) -> str | None:
    """A variable of the environment that the process was started with, or None where that cannot be seen. Reads only."""
    return (seen(process.environ) or {}).get(name)


def connections(processes: list[psutil.Process], status: str) -> set[tuple[psutil.Process, str, int]]:
    """Each process's TCP sockets in that state, with their own address and port. Reads only."""
    return {
        (process, socket.laddr.ip, socket.laddr.port)
        for process in processes
        for socket in seen(partial(process.net_connections, "tcp")) or []
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
