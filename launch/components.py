"""Airflow's processes: started with our settings, and ended in an order in which they do end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import psutil

from launch import processes
from launch.errors import DatabaseSetupError
from launch.settings import Place, process_environment

SCRIPT = Path(__file__).with_name("components.sh")
# A component stops in some 6 s; after these seconds a task that still runs is asked to stop too.
PATIENCE_SECONDS = 10
GRACE_SECONDS = 10


def launch(where: Place, port: int, variables: Mapping[str, str]) -> psutil.Process:
    """Start the components in a process session of their own; returns its leader. Raises DatabaseSetupError."""
    environment = process_environment(where, port, variables)
    _migrate(where, environment)
    for log in where.logs.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))
    with (where.logs / "components.log").open("ab") as output:
        leader = subprocess.Popen(
            ["/bin/sh", str(SCRIPT), str(where.logs)],
            env=environment,
            cwd=where.home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return psutil.Process(leader.pid)


def end(members: list[psutil.Process]) -> None:
    """End the components, and what they started only if it does not end with them. Raises StillRunningError.

    If a LocalExecutor's worker were ended first, it might hold the lock of the queue on which the others wait.
    """
    shells = {one.pid for one in members if SCRIPT.name in " ".join(processes.command_line(one))}
    started = {one.pid for one in members} - shells
    others = [one for one in members if processes.try_read(one.ppid) in started]
    processes.end([one for one in members if one not in others], others, patience=PATIENCE_SECONDS, grace=GRACE_SECONDS)


def is_component(process: psutil.Process) -> bool:
    """Whether the process is one of Airflow's own, or the shell that starts them: by its title, or by the program it is."""
    words = " ".join(processes.command_line(process)).split()
    return any(Path(word).name in {"airflow", SCRIPT.name} for word in words[:2])


def read_log_ends(where: Place) -> str:
    """The last lines of each component's log."""
    shown = []
    for log in sorted(where.logs.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-6:]
        shown += [f"{log.name}: {line}" for line in lines]
    return "\n".join(shown)


def _migrate(where: Place, environment: dict[str, str]) -> None:
    """Make or update the metadata database, if this version of Airflow has not done it yet."""
    version = metadata.version("apache-airflow-core")
    done = where.home / "migrated_to"
    if (where.metadata or where.database.exists()) and done.exists() and done.read_text() == version:
        return
    # A new database gets its name only when it is complete: Airflow could never finish one that was interrupted.
    database = where.database if where.database.exists() else where.database.with_suffix(".new")
    if database != where.database:
        database.unlink(missing_ok=True)
    url = where.metadata or f"sqlite:///{database}"
    migrated = subprocess.run(
        [str(Path(sys.executable).with_name("airflow")), "db", "migrate"],
        env={**environment, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url},
        cwd=where.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if migrated.returncode:
        raise DatabaseSetupError(str(where.home), "\n".join(migrated.stdout.splitlines()[-15:]))
    if not where.metadata:
        database.replace(where.database)
    done.write_text(version)
