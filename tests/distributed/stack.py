"""The services of docker-compose.yaml as processes of this machine: the same commands, the same environment.

Only what Docker would provide is replaced. Host names become ports of the loopback address; folders of the image become the
checkout and folders of the test's own. Each service has a home that no other one sees.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from demo import server as programs
from launch import processes
from tests.distributed.compose import CHECKOUT, Service, services

AIRFLOW = ("dag-processor", "scheduler", "triggerer", "worker-1", "worker-2")
USER = PASSWORD = "admin"


@dataclass
class Stack:
    """The running services. `folder` is the test's own; `migrations` is what every service sees read only.

    With a `venv` they are its Airflow, and what they have of ours is what is installed in it: nothing of this checkout.
    """

    folder: Path
    backups: Path
    migrations: Path
    ports: Mapping[str, int]
    connections: str
    dags: Path = CHECKOUT / "dags"
    venv: Path | None = None
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    wanted: dict[str, Service] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the UI and the REST API are."""
        return f"http://127.0.0.1:{self.ports['api-server']}"

    @property
    def _bin(self) -> Path:
        return self.venv / "bin" if self.venv else Path(sys.executable).parent

    def home(self, name: str) -> Path:
        """What only this service sees: its AIRFLOW_HOME and its logs."""
        return self.folder / name

    def environment(self, name: str) -> dict[str, str]:
        """The service's environment of the file, with Docker's names and folders replaced."""
        home = self.home(name)
        # Airflow may find nothing of the tests' own, nor of whoever runs them.
        kept = {key: value for key, value in os.environ.items() if key in {"LANG", "LC_ALL", "TMPDIR", "USER"}}
        return {
            **kept,
            "PATH": f"{self._bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(home),
            "AIRFLOW_HOME": str(home),
            "NO_PROXY": "127.0.0.1,localhost",
            **({} if self.venv else {"PYTHONPATH": str(CHECKOUT / "plugins")}),
            # In a container the API server listens on every address and Docker publishes one: here there is no Docker.
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.ports["api-server"]),
            **{key: self.translated(value, home) for key, value in self.wanted[name].environment.items()},
        }

    def translated(self, value: str, home: Path) -> str:
        """A value of the file, for this machine."""
        for host, port in (("postgres", 5432), ("redis", 6379), ("api-server", 8080)):
            value = re.sub(rf"(?<=[@/]){host}:{port}\b", f"127.0.0.1:{self.ports[host]}", value)
        value = value.replace("/opt/airflow/backups", str(self.backups)).replace("/opt/airflow", str(home))
        value = value.replace("/opt/pg_deploy/sql/migrations", str(self.migrations))
        value = value.replace("/opt/pg_deploy/dags", str(self.dags))
        if self.venv:
            value = value.replace("/opt/pg_deploy/plugins", str(self.folder / "plugins"))
        return value.replace("/opt/pg_deploy", str(CHECKOUT))

    def command(self, name: str) -> list[str]:
        """The service's command of the file."""
        return [self.translated(word, self.home(name)) for word in self.wanted[name].command]

    def start(self, name: str) -> None:
        """Start a service in a process session of its own."""
        self.home(name).mkdir(exist_ok=True)
        # Each host has its own copy, as a mounted secret would be.
        vault = self.home(name) / "secrets" / "connections.yaml"
        vault.parent.mkdir(exist_ok=True)
        vault.write_text(self.connections)
        with (self.folder / f"{name}.log").open("ab") as output:
            self.running[name] = subprocess.Popen(
                self.command(name),
                env=self.environment(name),
                cwd=self.home(name),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def run(self, name: str, *words: str) -> None:
        """Run another command with the environment of a service, to its end."""
        done = subprocess.run(
            list(words), env=self.environment(name), cwd=self.home(name), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(f"{words}: {done.stdout[-1000:]}{done.stderr[-2000:]}")

    def kill(self, name: str) -> None:
        """kill -9 of everything that the service started, as the loss of its host would be."""
        for process in processes.list_members(self.running.pop(name).pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def output_of(self, name: str) -> str:
        """The end of what a service printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """End every service; with SIGKILL if it does not end by itself."""
        members = [one for started in self.running.values() for one in processes.list_members(started.pid)]
        first = [one for one in members if one.pid in {started.pid for started in self.running.values()}]
        processes.end(first, [one for one in members if one not in first], patience=15, grace=5)
        for started in self.running.values():
            started.wait()


@contextmanager
def stack(
    folder: Path, migrations: Path, connections: str, *, dags: Path = CHECKOUT / "dags", venv: Path | None = None
) -> Iterator[Stack]:
    """Start all services and wait until they are healthy; ends them whatever happened. The secrets backend reads `connections`."""
    ports: dict[str, int] = {}
    for name in ("postgres", "redis", "api-server"):
        ports[name] = programs.next_free_port(max(21000 + secrets.randbelow(9000), *ports.values(), 0) + 1)
    backups = folder / "backups"
    backups.mkdir()
    made = Stack(folder, backups, migrations, ports, connections, dags, venv)
    variables = {
        "FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        **{name: secrets.token_hex(32) for name in ("API_SECRET_KEY", "JWT_SECRET")},
        **{name: secrets.token_hex(8) for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD")},
        "ADMIN_PASSWORD": PASSWORD,
        "BASE_URL": made.url,
        "TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
        # As docs/security.md shows it.
        "SECRETS_BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "SECRETS_BACKEND_KWARGS": '{"connections_file_path": "/opt/airflow/secrets/connections.yaml"}',
    }
    made.wanted = services(variables)
    bindir = _metadata(made)
    try:
        _redis(made)
        made.start("init")
        if made.running.pop("init").wait(timeout=300):
            raise AssertionError(f"init failed:\n{made.output_of('init')}")
        for name in ("api-server", *AIRFLOW):
            made.start(name)
        until(lambda: _is_healthy(made), "Airflow is healthy", 300, made)
        yield made
    finally:
        made.stop()
        programs.stop(bindir, folder / "postgres", "immediate")


def until(holds: Callable[[], bool], what: str, seconds: float, made: Stack) -> None:
    """Wait until it holds; fails, with what the services said, if it does not hold in time or if one of them ended."""
    deadline = time.monotonic() + seconds
    while not holds():
        ended = [name for name, started in made.running.items() if started.poll() is not None]
        if ended or time.monotonic() > deadline:
            outputs = "\n".join(f"=== {name}\n{made.output_of(name)}" for name in (ended or made.running))
            raise AssertionError(f"not {what}; ended: {ended}\n{outputs}")
        time.sleep(0.5)


def _metadata(made: Stack) -> Path:
    """PostgreSQL as the service "postgres" has it: a role, a database, a password. Returns its programs' folder."""
    wanted = made.wanted["postgres"].environment
    installation = programs.find_installation()
    if installation is None:
        raise AssertionError("no PostgreSQL server is installed: run `make demo-packages`")
    data = made.folder / "postgres"
    made.folder.chmod(0o755)
    account = programs.server_account()
    data.mkdir(mode=0o700)
    secret = made.folder / "postgres-password"
    secret.write_text(wanted["POSTGRES_PASSWORD"])
    if os.geteuid() == 0:
        os.chown(data, account.pw_uid, account.pw_gid)
        os.chown(secret, account.pw_uid, account.pw_gid)
    arguments = ("-U", wanted["POSTGRES_USER"], "--auth=scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--no-sync")
    programs.run(installation.bindir, "initdb", "-D", str(data), *arguments)
    settings = dict(part.split("=", 1) for part in made.command("postgres")[1:] if part != "-c")
    programs.start(
        installation.bindir, data, made.ports["postgres"],
        {"listen_addresses": "127.0.0.1", "unix_socket_directories": "''", "fsync": "off", "max_connections": "100", **settings},
    )  # fmt: skip
    url = f"postgresql://{wanted['POSTGRES_USER']}:{wanted['POSTGRES_PASSWORD']}@127.0.0.1:{made.ports['postgres']}"
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        connection.execute(f"create database {wanted['POSTGRES_DB']}")
    return installation.bindir


def _redis(made: Stack) -> None:
    if shutil.which("redis-server") is None:
        raise AssertionError("redis-server is missing: run `make test-packages`")
    home = made.home("redis")
    home.mkdir()
    command = [*made.command("redis"), "--port", str(made.ports["redis"]), "--bind", "127.0.0.1", "--dir", str(home)]
    with (made.folder / "redis.log").open("ab") as output:
        made.running["redis"] = subprocess.Popen(
            [*command, "--save", ""],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _is_healthy(made: Stack) -> bool:
    try:
        health = httpx.get(f"{made.url}/api/v2/monitor/health", timeout=5, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
    return all((health.get(part) or {}).get("status") == "healthy" for part in parts) and all(
        f"{name}@" in made.output_of(name) and "ready." in made.output_of(name) for name in ("worker-1", "worker-2")
    )
