"""Temporary folders of one task, marked with their owner, so that the next task can remove what a killed one left.

The marker holds the owner's pid and start: a pid alone is reused.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "pg-deploy-rehearsal-"
_MARKER = "owner.json"


@contextmanager
def owned_folder(parent: Path | None) -> Iterator[Path]:
    """A new folder in `parent`, or among the system's temporary files. Only we may enter it, and it is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        mark_as_ours(folder)
        inside = folder / "files"
        inside.mkdir(mode=0o700)
        yield inside
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def mark_as_ours(directory: Path) -> None:
    """Write the marker that says: this process owns `directory`."""
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "started": process_start(os.getpid())}
    (directory / _MARKER).write_text(json.dumps(owner), encoding="utf-8")


def owner_of(directory: Path) -> tuple[int, str] | None:
    """Pid and start of the owner; None if the folder is not ours to judge."""
    try:
        if directory.stat().st_uid != os.geteuid():
            return None
        marker = json.loads((directory / _MARKER).read_text(encoding="utf-8"))
        # The disk may be shared: another machine's processes cannot be seen from here.
        return None if marker["host"] != socket.gethostname() else (int(marker["pid"]), str(marker["started"]))
    except (OSError, ValueError, KeyError):
        return None


def is_alive(owner: tuple[int, str]) -> bool:
    """Whether exactly that process still runs."""
    pid, started = owner
    return process_start(pid) == started


def process_start(pid: int) -> str:
    """When that process started, in the kernel's ticks since boot with the boot's id; empty if there is no such process."""
    # Not psutil's time of creation: it is counted from a clock that may be set meanwhile, and this is kept in files.
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
    # A zombie has ended, though it still has a number.
    return "" if after_name[0] == "Z" else f"{boot} {after_name[19]}"
