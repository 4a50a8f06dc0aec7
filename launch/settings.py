"""The folders of this checkout's Airflow, and every setting that Airflow is started with."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from launch.target import DEMO_CONNECTION

CHECKOUT = Path(__file__).resolve().parent.parent
LOGIN = "admin"
PASSWORD = "admin"
_SECRETS = ("fernet_key", "api_secret_key", "jwt_secret")
# Variables of the terminal that must not reach Airflow: its own settings come from this module alone, libpq's would redirect
# connections, and make's hold the command line with its secrets.
_STRIPPED_PREFIXES = ("AIRFLOW", "PG", "PYTHON", "MAKE", "MFLAGS", "SCARF")
_STRIPPED = frozenset({"TARGET_URL", "CONF", "MIGRATIONS_DIR", "VIRTUAL_ENV"})


@dataclass(frozen=True)
class Place:
    """The folders of one Airflow: the checkout's code, and a home that no other checkout shares."""

    checkout: Path
    dags: Path
    plugins: Path
    home: Path
    # The tests of faults need another metadata database than SQLite, and other seconds until a silent task counts as dead.
    metadata: str = ""
    heartbeat_timeout: str = "60"

    @property
    def logs(self) -> Path:
        """The folder of the components' own logs."""
        return self.home / "processes"

    @property
    def pointer(self) -> Path:
        """The text file that names the folder of migrations."""
        return self.home / "migrations_dir"

    @property
    def database(self) -> Path:
        """Airflow's own metadata, in SQLite."""
        return self.home / "airflow.db"

    @property
    def state(self) -> Path:
        """The file that says which processes are running and on which port."""
        return self.home / "running.json"


def place(variables: Mapping[str, str]) -> Place:
    """This checkout's Airflow; LAUNCH_HOME, LAUNCH_DAGS and LAUNCH_METADATA_URL point the tests elsewhere."""
    return Place(
        checkout=CHECKOUT,
        dags=Path(variables.get("LAUNCH_DAGS") or CHECKOUT / "dags").resolve(),
        plugins=CHECKOUT / "plugins",
        home=Path(variables.get("LAUNCH_HOME") or CHECKOUT / ".run" / "airflow").resolve(),
        metadata=variables.get("LAUNCH_METADATA_URL") or "",
        heartbeat_timeout=variables.get("LAUNCH_HEARTBEAT_TIMEOUT") or "60",
    )


def prepare_home(where: Place) -> None:
    """Make the home with its keys and its login, readable by the owner only. Keys that are there stay."""
    where.home.mkdir(parents=True, exist_ok=True)
    where.home.chmod(0o700)
    where.logs.mkdir(exist_ok=True)
    for name in _SECRETS:
        if not (where.home / name).exists():
            key = secrets.token_bytes(32)
            _write_private(where.home / name, base64.urlsafe_b64encode(key).decode())
    _write_private(where.home / "passwords.json", json.dumps({LOGIN: PASSWORD}))


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)


def environment(where: Place, port: int) -> dict[str, str]:
    """Every setting of ours for an Airflow of this home on this port; reads the keys that prepare_home() made."""
    keys = {name: (where.home / name).read_text() for name in _SECRETS}
    airflow = {
        "CORE__DAGS_FOLDER": str(where.dags),
        "CORE__PLUGINS_FOLDER": str(where.plugins),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__FERNET_KEY": keys["fernet_key"],
        "CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{LOGIN}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(where.home / "passwords.json"),
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        # On a busy machine the first answers of an API server take longer than the default of 5 s, and a task that cannot report
        # its start is failed without a word.
        "WORKERS__EXECUTION_API_TIMEOUT": "60",
        "DATABASE__SQL_ALCHEMY_CONN": where.metadata or f"sqlite:///{where.database}",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API__SECRET_KEY": keys["api_secret_key"],
        "API__INSTANCE_NAME": f"pg_deploy in {where.checkout.name}",
        "API_AUTH__JWT_SECRET": keys["jwt_secret"],
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        # A task whose worker is gone is noticed after this many seconds; until then its run stays open.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": where.heartbeat_timeout,
        # Parsing costs seconds of processor time; `make deploy` asks for it when the folder has changed.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "2",
        "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(where.home / "bundles"),
        "LOGGING__BASE_LOG_FOLDER": str(where.home / "logs"),
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {
        **{f"AIRFLOW__{name}": value for name, value in airflow.items()},
        "AIRFLOW_HOME": str(where.home),
        "SCARF_ANALYTICS": "false",
        "PG_DEPLOY_MIGRATIONS_POINTER": str(where.pointer),
    }


def process_environment(where: Place, port: int, variables: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of Airflow's processes: the caller's, without variables that could redirect them, plus ours."""
    kept = {
        name: value
        for name, value in variables.items()
        if name.startswith("PG_DEPLOY_") or not (name.startswith(_STRIPPED_PREFIXES) or name in _STRIPPED)
    }
    loopback = "127.0.0.1,localhost"
    for name in ("NO_PROXY", "no_proxy"):
        # A task talks to the API server with a client that obeys proxy variables.
        kept[name] = f"{kept[name]},{loopback}" if kept.get(name) else loopback
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    kept["PYTHONUNBUFFERED"] = "1"
    # Every row of the demo target is ours. Only its owner can accept a copy of another target without a wall.
    accepted = {
        DEMO_CONNECTION,
        *(each.strip() for each in kept.get("PG_DEPLOY_WITHOUT_WALL", "").split(",") if each.strip()),
    }
    kept["PG_DEPLOY_WITHOUT_WALL"] = ",".join(sorted(accepted))
    return {**kept, **environment(where, port)}


def settings_digest(where: Place, port: int) -> str:
    """A digest that changes whenever a running Airflow would have to be started anew to obey the settings."""
    lock = where.checkout / "requirements.txt"
    parts = [json.dumps(environment(where, port), sort_keys=True), lock.read_text() if lock.exists() else ""]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
