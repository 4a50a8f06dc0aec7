"""Processes, read from /proc: which are alive, which belong together, where they listen; and ending them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from launch.errors import StillRunningError

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One living process. `started` is in clock ticks since boot; together with the pid it names this process and no later one."""

    pid: int
    parent: int
    session: int
    started: int


def read(pid: int) -> Process | None:
    """The process of this pid, or None if there is none or it is a zombie. Reads only."""
    try:
        # The command's name stands in parentheses and may itself hold spaces and parentheses.
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields[0] in {"Z", "X"}:
        return None
    return Process(pid, parent=int(fields[1]), session=int(fields[3]), started=int(fields[19]))


def everybody() -> list[Process]:
    """All living processes. Reads only."""
    found = (read(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit())
    return [process for process in found if process is not None]


def family(leader: int) -> list[Process]:
    """The processes of the leader's session and all their descendants, even those in a session of their own. Reads only."""
    processes = everybody()
    members = {process.pid for process in processes if leader in {process.session, process.pid}}
    grown = True
    while grown:
        children = {process.pid for process in processes if process.parent in members and process.pid not in members}
        members |= children
        grown = bool(children)
    return [process for process in processes if process.pid in members]


def working_folder(pid: int) -> Path | None:
    """The folder that the process works in, or None if that cannot be seen. Reads only."""
    try:
        return Path(os.readlink(PROC / str(pid) / "cwd"))
    except OSError:
        return None


def end(first: list[Process], others: list[Process], *, patience: float, grace: float) -> None:
    """End these processes: SIGTERM to the first, after `patience` seconds to the others, SIGKILL after `grace` more.

    A pid that meanwhile belongs to somebody else is left alone. Raises StillRunningError.
    """
    everyone = [*first, *others]
    for number, processes, seconds in (
        (signal.SIGTERM, first, patience),
        (signal.SIGTERM, others, grace),
        (signal.SIGKILL, everyone, 10.0),
    ):
        _signal(processes, number)
        if _wait(everyone, seconds):
            return
    raise StillRunningError(tuple(process.pid for process in everyone if _alive(process)))


def command_line(pid: int) -> str:
    """The process's arguments with spaces between them; empty if it is gone. Reads only."""
    try:
        return (PROC / str(pid) / "cmdline").read_text(errors="replace").replace("\0", " ").strip()
    except OSError:
        return ""


def variable(pid: int, name: str) -> str | None:
    """A variable of the environment that the process was started with, or None if that cannot be seen. Reads only."""
    try:
        entries = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    start = f"{name}=".encode()
    return next((entry[len(start) :].decode(errors="replace") for entry in entries if entry.startswith(start)), None)


def _alive(process: Process) -> bool:
    now = read(process.pid)
    return now is not None and now.started == process.started


def _signal(processes: list[Process], number: signal.Signals) -> None:
    for process in processes:
        if _alive(process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)


def _wait(processes: list[Process], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(_alive(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def listeners(processes: list[Process]) -> list[tuple[str, int]]:
    """(address in /proc's hexadecimal, port) of every TCP socket on which these processes listen. Reads only."""
    inodes = set[str]()
    for process in processes:
        with contextlib.suppress(OSError):
            for descriptor in (PROC / str(process.pid) / "fd").iterdir():
                with contextlib.suppress(OSError):
                    inodes.add(os.readlink(descriptor))
    found = []
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError):
            for line in (PROC / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                    address, _, port = fields[1].rpartition(":")
                    found.append((address, int(port, 16)))
    return found
