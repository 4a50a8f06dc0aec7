"""Starting, stopping and finding this checkout's Airflow: one process session, one state file, loopback only."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import httpx

from launch import ports, processes
from launch.api import Api
from launch.errors import DatabaseSetupError, PortTakenError, RunningElsewhereError, StartError
from launch.settings import Place, digest, prepare, process_environment

START_SECONDS = 180
PORT_LOST = "its port belongs to another program"
# A component stops in some 6 s; a task that still runs then is asked to stop too.
PATIENCE_SECONDS = 10
GRACE_SECONDS = 10
COMPONENTS_SCRIPT = "components.sh"
COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


@dataclass(frozen=True)
class Running:
    """An Airflow that was started: the leader of its session, named for good by pid and start, and its port."""

    pid: int
    started: int
    port: int
    digest: str

    @property
    def url(self) -> str:
        """Where the UI and the REST API are."""
        return f"http://127.0.0.1:{self.port}"


def start(where: Place, variables: Mapping[str, str]) -> Running:
    """Start Airflow, or find it running and healthy; returns once it answers.

    One that is half dead, or was started with other settings, is stopped and started anew. Raises LaunchError.
    """
    demanded = ports.asked(variables, "AIRFLOW_PORT")
    prepare(where)
    with _alone(where):
        running = find(where)
        if running:
            if demanded not in {None, running.port}:
                raise RunningElsewhereError(running.port, demanded or 0)
            # It may have been started a moment ago by somebody who did not wait for it.
            age = time.time() - where.state.stat().st_mtime
            if _wait(where, running, max(15, START_SECONDS - age)) is None:
                if running.digest == digest(where, running.port):
                    return running
                if Api(running.url).open_runs("~"):
                    print("Airflow was started with older settings and is kept, because a run is open", flush=True)
                    return running
                print("Airflow was started with older settings: starting it anew", flush=True)
            else:
                print(f"Airflow on port {running.port} is half dead: starting it anew", flush=True)
            _end(where, running)
            demanded = running.port
        _leftovers(where)
        return _start_on_some_port(where, variables, demanded)


def _start_on_some_port(where: Place, variables: Mapping[str, str], demanded: int | None) -> Running:
    first = ports.FIRST
    while True:
        port = ports.choose(demanded, "AIRFLOW_PORT", first=first)
        print(f"starting Airflow on port {port} (some 20 s; the first time a little longer)", flush=True)
        began = time.monotonic()
        running = _launch(where, port, variables)
        wrong = _wait(where, running, START_SECONDS)
        if wrong is None:
            print(f"Airflow is up after {time.monotonic() - began:.0f} s", flush=True)
            return running
        tail = _tail(where)
        _end(where, running)
        if wrong != PORT_LOST:
            raise StartError(time.monotonic() - began, wrong, str(where.logs), tail)
        # Another program took the port between our look and our server's start.
        if demanded is not None:
            raise PortTakenError("AIRFLOW_PORT", port)
        print(f"port {port} was taken meanwhile by another program", flush=True)
        first = port + 1


def stop(where: Place) -> bool:
    """Stop this checkout's Airflow with everything that it started; False where none was running."""
    if not where.home.is_dir():
        return False
    with _alone(where):
        running = find(where)
        if running:
            _end(where, running)
        return _leftovers(where) or running is not None


def find(where: Place) -> Running | None:
    """The Airflow of this home whose session leader is alive, healthy or not. Reads only."""
    running = _recorded(where)
    if running is None:
        return None
    leader = processes.read(running.pid)
    return running if leader is not None and leader.started == running.started else None


def problem(running: Running) -> str | None:
    """What keeps this Airflow from being used, in a few words, or None. Reads only."""
    # Another program, even another checkout's Airflow with the same login, may have got the port in between.
    if not _listens(running):
        return f"its API server does not listen on port {running.port}"
    try:
        answer = httpx.get(f"{running.url}/api/v2/monitor/health", timeout=5, trust_env=False)
        health = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return f"its API server does not answer: {type(error).__name__}"
    ill = [name for name in COMPONENTS if (health.get(name) or {}).get("status") != "healthy"]
    return f"not healthy: {', '.join(ill)}" if ill else None


def _recorded(where: Place) -> Running | None:
    try:
        return Running(**json.loads(where.state.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _launch(where: Place, port: int, variables: Mapping[str, str]) -> Running:
    environment = process_environment(where, port, variables)
    _migrate(where, environment)
    for log in where.logs.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))
    with (where.logs / "components.log").open("ab") as output:
        leader = subprocess.Popen(
            ["/bin/sh", str(Path(__file__).with_name(COMPONENTS_SCRIPT)), str(where.logs)],
            env=environment,
            cwd=where.home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    process = processes.read(leader.pid)
    running = Running(leader.pid, process.started if process else 0, port, digest(where, port))
    where.state.write_text(json.dumps(asdict(running)))
    return running


def _migrate(where: Place, environment: dict[str, str]) -> None:
    """Make or update the metadata database, where this version of Airflow has not done it yet."""
    version = metadata.version("apache-airflow-core")
    done = where.home / "migrated_to"
    if where.database.exists() and done.exists() and done.read_text() == version:
        return
    # A new database gets its name when it is complete: one that was interrupted could never be finished.
    database = where.database if where.database.exists() else where.database.with_suffix(".new")
    if database != where.database:
        database.unlink(missing_ok=True)
    migrated = subprocess.run(
        [str(Path(sys.executable).with_name("airflow")), "db", "migrate"],
        env={**environment, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}"},
        cwd=where.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if migrated.returncode:
        raise DatabaseSetupError(str(where.home), "\n".join(migrated.stdout.splitlines()[-15:]))
    database.replace(where.database)
    done.write_text(version)


def _wait(where: Place, running: Running, seconds: float) -> str | None:
    """Wait until it is healthy; returns what is still wrong after that time, or at once when it can never be."""
    deadline = time.monotonic() + seconds
    lost = 0
    while True:
        wrong = problem(running)
        if wrong is None:
            return None
        if find(where) is None:
            return "it ended at once"
        # Three times, because somebody who only looks for a free port holds it for a moment too.
        lost = lost + 1 if _belongs_to_another(running) else 0
        if lost == 3:
            return PORT_LOST
        if time.monotonic() > deadline:
            return wrong
        time.sleep(0.3)


def _belongs_to_another(running: Running) -> bool:
    return not ports.is_free(running.port) and not _listens(running)


def _listens(running: Running) -> bool:
    return running.port in {port for _, port in processes.listeners(processes.family(running.pid))}


def _migrate(where: Place, environment: dict[str, str]) -> None:
    """Make or update the metadata database, where this version of Airflow has not done it yet."""
    version = metadata.version("apache-airflow-core")
    done = where.home / "migrated_to"
    if where.database.exists() and done.exists() and done.read_text() == version:
        return
    # A new database gets its name when it is complete: one that was interrupted could never be finished.
    database = where.database if where.database.exists() else where.database.with_suffix(".new")
    if database != where.database:
        database.unlink(missing_ok=True)
    migrated = subprocess.run(
        [str(Path(sys.executable).with_name("airflow")), "db", "migrate"],
        env={**environment, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}"},
        cwd=where.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if migrated.returncode:
        raise DatabaseSetupError(str(where.home), "\n".join(migrated.stdout.splitlines()[-15:]))
    database.replace(where.database)
    done.write_text(version)


def _wait(where: Place, running: Running, seconds: float) -> str | None:
    """Wait until it is healthy; returns what is still wrong after that time, or at once when it has died."""
    deadline = time.monotonic() + seconds
    while True:
        wrong = problem(running)
        if wrong is None:
            return None
        if find(where) is None:
            return "it ended at once"
        if time.monotonic() > deadline:
            return wrong
        time.sleep(0.3)


def _end(where: Place, running: Running) -> None:
    _end_all(processes.family(running.pid))
    where.state.unlink(missing_ok=True)


def _end_all(members: list[processes.Process]) -> None:
    """End the components, and what they started only if it does not end with them.

    A LocalExecutor's worker that is ended by itself may hold the lock of the queue on which the others wait.
    """
    shells = {one.pid for one in members if COMPONENTS_SCRIPT in processes.command_line(one.pid)}
    started = {one.pid for one in members} - shells
    first = [one for one in members if one.parent not in started]
    others = [one for one in members if one.parent in started]
    processes.end(first, others, patience=PATIENCE_SECONDS, grace=GRACE_SECONDS)


def _leftovers(where: Place) -> bool:
    """End what is left of a session whose leader is gone; True where there was something.

    A number in an old state file may name somebody else's session by now: only who works in our home is ours.
    """
    stale = _recorded(where)
    if stale is None:
        return False
    ours = [
        process
        for process in processes.everybody()
        if process.session == stale.pid
        and process.started >= stale.started
        and processes.working_folder(process.pid) == where.home
    ]
    _end_all(ours)
    where.state.unlink(missing_ok=True)
    return bool(ours)


def _tail(where: Place) -> str:
    """The last lines of each component's log."""
    shown = []
    for log in sorted(where.logs.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-6:]
        shown += [f"{log.name}: {line}" for line in lines]
    return "\n".join(shown)


@contextlib.contextmanager
def _alone(where: Place) -> Iterator[None]:
    """One start or stop at a time for this home; a second one waits."""
    with open(os.open(where.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
