"""Starting, stopping and finding this checkout's Airflow: one process session, one state file, loopback only."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil

from launch import components, ports, processes
from launch.api import Api
from launch.errors import PortTakenError, RunningElsewhereError, StartError
from launch.settings import Place, prepare_home, settings_digest

START_SECONDS = 360
HEALTHY = ("metadatabase", "scheduler", "dag_processor", "triggerer")
PORT_LOST = "its port belongs to another program"


@dataclass(frozen=True)
class Running:
    """An Airflow that was started: the leader of its session, known by pid and start together, and its port."""

    pid: int
    started: int
    port: int
    digest: str

    @property
    def url(self) -> str:
        """The address of the UI and the REST API."""
        return f"http://127.0.0.1:{self.port}"


def start(where: Place, variables: Mapping[str, str]) -> Running:
    """Start Airflow, or find it running and healthy; returns once it answers.

    If it is half dead, or was started with other settings, it is stopped and started anew. Raises LaunchError.
    """
    demanded = ports.read_demanded(variables, "AIRFLOW_PORT")
    prepare_home(where)
    with _locked(where):
        running = find(where)
        if running:
            if demanded not in {None, running.port}:
                raise RunningElsewhereError(running.port, demanded or 0)
            # It may have been started a moment ago by somebody who did not wait for it.
            age = time.time() - where.state.stat().st_mtime
            if _wait(where, running, max(15, START_SECONDS - age)) is None:
                if running.digest == settings_digest(where, running.port):
                    return running
                if Api(running.url).open_runs("~"):
                    print("Airflow was started with older settings and is kept, because a run is open", flush=True)
                    return running
                print("Airflow was started with older settings: starting it anew", flush=True)
            else:
                print(f"Airflow on port {running.port} is half dead: starting it anew", flush=True)
            _end(where, running)
        _end_leftovers(where)
        return _start_on_some_port(where, variables, demanded, running.port if running else ports.FIRST)


def stop(where: Place) -> bool:
    """Stop this checkout's Airflow with everything that it started; False if none was running."""
    if not where.home.is_dir():
        return False
    with _locked(where):
        running = find(where)
        if running:
            _end(where, running)
        return _end_leftovers(where) or running is not None


def find(where: Place) -> Running | None:
    """The Airflow of this home whose session leader is alive, healthy or not. Reads only."""
    running = _recorded(where)
    return running if running and 0 < running.started == processes.started(running.pid) else None


def find_problem(running: Running) -> str | None:
    """What keeps this Airflow from being used, in a few words, or None. Reads only."""
    # Another program, even another checkout's Airflow with the same login, may have got the port in between.
    if not _listens(running):
        return f"its API server does not listen on port {running.port}"
    try:
        answer = httpx.get(f"{running.url}/api/v2/monitor/health", timeout=5, trust_env=False)
        health = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return f"its API server does not answer: {type(error).__name__}"
    ill = [name for name in HEALTHY if (health.get(name) or {}).get("status") != "healthy"]
    return f"not healthy: {', '.join(ill)}" if ill else None


def _start_on_some_port(where: Place, variables: Mapping[str, str], demanded: int | None, first: int) -> Running:
    while True:
        port = ports.choose(demanded, "AIRFLOW_PORT", first=first)
        print(f"starting Airflow on port {port} (some 20 s; the first time a little longer)", flush=True)
        began = time.monotonic()
        leader = components.launch(where, port, variables)
        running = Running(leader.pid, processes.started(leader.pid), port, settings_digest(where, port))
        where.state.write_text(json.dumps(asdict(running)))
        problem = _wait(where, running, START_SECONDS)
        if problem is None:
            print(f"Airflow is up after {time.monotonic() - began:.0f} s", flush=True)
            return running
        log_ends = components.read_log_ends(where)
        _end(where, running)
        if problem != PORT_LOST:
            raise StartError(time.monotonic() - began, problem, str(where.logs), log_ends)
        # Another program took the port between our look and our server's start.
        if demanded is not None:
            raise PortTakenError("AIRFLOW_PORT", port)
        print(f"port {port} was taken meanwhile by another program", flush=True)
        first = port + 1


def _wait(where: Place, running: Running, seconds: float) -> str | None:
    """Wait until it is healthy; returns what is still wrong after that time, or at once when it can never be."""
    deadline = time.monotonic() + seconds
    lost = 0
    while True:
        problem = find_problem(running)
        if problem is None:
            return None
        if find(where) is None:
            return "it ended at once"
        # Three times, because somebody who only looks for a free port holds it for a moment too.
        lost = lost + 1 if not ports.is_free(running.port) and not _listens(running) else 0
        if lost == 3:
            return PORT_LOST
        if time.monotonic() > deadline:
            return problem
        time.sleep(0.3)


def _listens(running: Running) -> bool:
    members = processes.list_members(running.pid)
    return running.port in {port for _, _, port in processes.connections(members, psutil.CONN_LISTEN)}


def _recorded(where: Place) -> Running | None:
    try:
        return Running(**json.loads(where.state.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _end(where: Place, running: Running) -> None:
    components.end(processes.list_members(running.pid))
    where.state.unlink(missing_ok=True)


def _end_leftovers(where: Place) -> bool:
    """End all processes of Airflow that serve our home, whoever started them; True if there were any.

    The caller has ended the session that it knows. A process is ours if it serves our home. A remembered number does not tell:
    it may name somebody else's session by now, and nobody remembered a process that was started by hand, or whose state file
    was lost. Other programs that only work in the home are left alone.
    """
    stale = _recorded(where)
    ours = [
        process
        for process in processes.list_all()
        if (components.is_component(process) and _home_of(process) == where.home)
        or (
            stale is not None
            and processes.session(process) == stale.pid
            and processes.started(process.pid) >= stale.started
            and processes.working_folder(process) == where.home
        )
    ]
    members = {member for process in ours for member in processes.list_members(process.pid)}
    components.end(list(members))
    where.state.unlink(missing_ok=True)
    return bool(members)


def _home_of(process: psutil.Process) -> Path | None:
    """The home that a component serves: the one it was given, or else the folder that it works in."""
    given = processes.read_variable(process, "AIRFLOW_HOME")
    return Path(given) if given else processes.working_folder(process)


@contextlib.contextmanager
def _locked(where: Place) -> Iterator[None]:
    """One start or stop at a time for this home; a second one waits."""
    with open(os.open(where.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
