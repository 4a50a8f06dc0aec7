"""A cluster's files: `cluster.json`, which says what is known about it, its lock, its data directories."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from demo import build, server
from demo.errors import ForeignDirectoryError

ADMIN = "supabase_admin"
DEPLOYER = "postgres"


@dataclass(frozen=True)
class Cluster:
    """A private PostgreSQL cluster on the loopback interface."""

    directory: Path
    port: int
    bindir: Path
    scale: float
    filled_at: datetime
    deployer_password: str = field(repr=False)
    admin_password: str = field(repr=False)
    made_from: str = ""
    """build.made_from() of the code that made it."""

    @property
    def data(self) -> Path:
        """The data directory that the server runs on."""
        return self.directory / "data"

    def url(self, role: str = DEPLOYER, database: str = build.DATABASE) -> str:
        """`postgresql://user:password@127.0.0.1:port/database` for postgres (the deploying role) or supabase_admin."""
        password = {DEPLOYER: self.deployer_password, ADMIN: self.admin_password}[role]
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"

    def admin_url(self, database: str = build.DATABASE) -> str:
        """The superuser's URL."""
        return self.url(ADMIN, database)


@contextmanager
def locked(directory: Path) -> Iterator[Path]:
    """One maker at a time for a directory: a second `make` waits instead of building into the first one's files.

    Raises ForeignDirectoryError.
    """
    lock = directory.with_name(directory.name + ".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if directory.exists() and directory.stat().st_uid != os.geteuid():
            raise ForeignDirectoryError(directory)
        yield lock


def load_cluster(directory: Path) -> Cluster | None:
    """The cluster that cluster.json describes; None if it is missing or cannot be read. Reads only."""
    directory = directory.resolve()
    try:
        found = json.loads((directory / "cluster.json").read_text(encoding="utf-8"))
        return Cluster(
            directory=directory,
            port=int(found["port"]),
            bindir=Path(found["bindir"]),
            scale=float(found["scale"]),
            filled_at=datetime.fromisoformat(found["filled_at"]),
            deployer_password=str(found["deployer_password"]),
            admin_password=str(found["admin_password"]),
            made_from=str(found.get("made_from", "")),
        )
    except (OSError, ValueError, KeyError):
        return None


def save_cluster(cluster: Cluster) -> None:
    """Write cluster.json as a whole or not at all: the file marks a cluster as complete."""
    facts = {**asdict(cluster), "bindir": str(cluster.bindir), "filled_at": cluster.filled_at.isoformat()}
    del facts["directory"]
    draft = cluster.directory / "cluster.json.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(facts, file, indent=4)
    draft.rename(cluster.directory / "cluster.json")


def copy_data(source: Path, target: Path) -> None:
    """Copy a stopped data directory with its owners and modes. It gets its final name only when it is whole."""
    draft = target.with_name(target.name + ".part")
    erase_folder(draft)
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(draft)], check=True)
    erase_folder(target)
    draft.rename(target)


def erase_folder(path: Path) -> None:
    """Remove a folder with all that is in it; harmless if there is none."""
    if path.exists():
        shutil.rmtree(path)


def remove_cluster(directory: Path) -> None:
    """Remove a cluster, complete or half made, together with the server that may still run in it."""
    for data in (directory / "data", directory / "template"):
        pid = server.server_pid(data)
        if pid is not None:
            installation = load_cluster(directory) or server.find_installation()
            if installation is not None:
                server.stop(installation.bindir, data, "immediate")
    erase_folder(directory)
