"""Where backups are kept: their names, completeness and retention, over a small protocol that any file system can serve."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from pg_deploy.backup.errors import BackupDamagedError, StoreError
from pg_deploy.backup.manifest import MANIFEST, BackupManifest, check_files, read_backup_manifest
from pg_deploy.errors import PgDeployError
from pg_deploy.postgres.session import one_line
from pg_deploy.postgres.temporary import owned_folder
from pg_deploy.presentation.secrecy import without_secrets

_NAME = re.compile(r"^(?P<target>.+?)(?:-(?P<owner>[0-9a-f]{10}))?-(?P<time>\d{8}T\d{6}Z)(?:-\d+)?$")
PARTIAL = ".partial"


class Store(Protocol):
    """A place for backups. Each is a folder of files; a folder without manifest.json is no backup.

    What it refuses, it raises as StoreError: each service has exceptions of its own, and few of them are an OSError.
    """

    @property
    def uri(self) -> str:
        """Where it is, for people."""

    def staging(self, name: str) -> Path | None:
        """A folder on the store's own disk to write the backup into; None if any temporary folder will do."""

    def publish(self, staged: Path, name: str) -> None:
        """Make the complete folder `staged` the backup `name`; its manifest comes last."""

    def names(self) -> list[str]:
        """The names of all complete backups, sorted."""

    def read(self, name: str, file: str) -> bytes | None:
        """The bytes of a small file of that backup; None if it is missing."""

    def fetch(self, name: str, into: Path) -> Path:
        """A local folder with the backup's files: the store's own, or `into` after they were copied there."""

    def remove(self, name: str) -> None:
        """Remove the backup; its manifest goes first."""

    def remove_partial(self) -> None:
        """Remove what interrupted backups left behind."""


_S = TypeVar("_S", bound=Store)
_P = ParamSpec("_P")
_R = TypeVar("_R")


def store_error(uri: str, doing: str, error: Exception, *, left_behind: str | None = None) -> StoreError:
    """What `error` means, in a sentence without secrets."""
    reason = one_line(without_secrets(f"{type(error).__name__}: {error}"))
    return StoreError(without_secrets(uri), doing, reason, left_behind=left_behind)


def named_if_refused(doing: str) -> Callable[[Callable[Concatenate[_S, _P], _R]], Callable[Concatenate[_S, _P], _R]]:
    """For each method of a store: whatever it raises, but for our own errors, becomes a StoreError that says what it was `doing`."""

    def decorate(method: Callable[Concatenate[_S, _P], _R]) -> Callable[Concatenate[_S, _P], _R]:
        @wraps(method)
        def call(store: _S, /, *args: _P.args, **named: _P.kwargs) -> _R:
            try:
                return method(store, *args, **named)
            except PgDeployError:
                raise
            except Exception as error:
                raise store_error(store.uri, doing, error) from error

        return call

    return decorate


@dataclass(frozen=True)
class LocalStore:
    """Backups in a folder of this machine. A backup is written beside its place and renamed when it is complete."""

    root: Path

    @property
    def uri(self) -> str:
        """`file://` and the path."""
        return f"file://{self.root}"

    @named_if_refused("make a folder for a backup")
    def staging(self, name: str) -> Path | None:
        """A folder whose name says that it is not complete."""
        folder = self.root / f"{name}{PARTIAL}"
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        return folder

    @named_if_refused("take in a backup")
    def publish(self, staged: Path, name: str) -> None:
        """One rename."""
        staged.rename(self.root / name)

    @named_if_refused("list its backups")
    def names(self) -> list[str]:
        """The names of the folders with a manifest."""
        return sorted(path.parent.name for path in self.root.glob(f"*/{MANIFEST}") if _NAME.match(path.parent.name))

    @named_if_refused("hand out a file of a backup")
    def read(self, name: str, file: str) -> bytes | None:
        """The file's bytes; None if it is missing."""
        try:
            return (self.root / name / file).read_bytes()
        except FileNotFoundError:
            return None

    @named_if_refused("hand out a backup")
    def fetch(self, name: str, into: Path) -> Path:
        """The backup's own folder: nothing is copied."""
        return self.root / name

    @named_if_refused("remove a backup")
    def remove(self, name: str) -> None:
        """Manifest first, so that half a backup never counts as one."""
        (self.root / name / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(self.root / name, ignore_errors=True)

    @named_if_refused("remove what interrupted backups left")
    def remove_partial(self) -> None:
        """Remove folders that were never renamed, if they are older than a day: a backup of another target may be running."""
        for path in self.root.glob(f"*{PARTIAL}"):
            if _older_than_a_day(path):
                shutil.rmtree(path, ignore_errors=True)


def _older_than_a_day(path: Path) -> bool:
    try:
        return datetime.now(timezone.utc).timestamp() - path.stat().st_mtime > 86400
    except OSError:
        return False


def new_backup_name(target: str, owner: str, at: datetime, taken: list[str]) -> str:
    """`<target>-<owner>-<UTC time>`, with a number after it if that name is taken.

    `owner` has ten hexadecimal digits, and each installation and database has its own: see `take.backup_owner`.
    """
    unnumbered = f"{_plain(target)}-{owner}-{at.astimezone(timezone.utc):%Y%m%dT%H%M%SZ}"
    name, number = unnumbered, 1
    while name in taken:
        number += 1
        name = f"{unnumbered}-{number}"
    return name


def _plain(target: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", target)


def backups_of_target(names: Sequence[str], target: str) -> list[tuple[str, str]]:
    """The backups of a target of that name, as (name, owner), oldest first. The owner is empty for names from older versions."""
    # Older versions, which wrote no owner, also replaced hyphens.
    spellings = {_plain(target), re.sub(r"[^A-Za-z0-9_.]+", "_", target)}
    matches = [match for name in names if (match := _NAME.match(name)) and match["target"] in spellings]
    return [
        (match.string, match["owner"] or "")
        for match in sorted(matches, key=lambda match: (match["time"], match.string))
    ]


def uri_of(store: Store, name: str) -> str:
    """The address of that backup, for people."""
    return f"{store.uri.rstrip('/')}/{name}"


def manifest_of(store: Store, name: str) -> BackupManifest:
    """The manifest of that backup. Raises BackupDamagedError if it is missing or unreadable."""
    content = store.read(name, MANIFEST)
    if content is None:
        raise BackupDamagedError(name, f"there is no {MANIFEST} at {uri_of(store, name)}")
    return read_backup_manifest(name, content)


def refuse_other_manifest(store: Store, name: str, manifest_sha256: str) -> None:
    """Raise BackupDamagedError unless the manifest is the one that the ledger knows."""
    content = store.read(name, MANIFEST)
    if content is None:
        raise BackupDamagedError(name, f"there is no {MANIFEST} in it")
    if hashlib.sha256(content).hexdigest() != manifest_sha256:
        raise BackupDamagedError(name, f"its {MANIFEST} is not the one that the ledger recorded")


@contextmanager
def checked_backup(store: Store, name: str, workdir: Path | None) -> Iterator[tuple[BackupManifest, Path]]:
    """The backup as a local folder, after every file was compared with its sha256. Raises BackupDamagedError. Changes nothing."""
    manifest = manifest_of(store, name)
    with owned_folder(workdir) as into:
        folder = store.fetch(name, into)
        check_files(manifest, folder)
        yield manifest, folder


def apply_retention(
    store: Store, target: str, owner: str, *, keep_count: int, keep_age: float, log: logging.Logger
) -> list[str]:
    """Remove the owner's backups of the target beyond the newest `keep_count`, and those older than `keep_age` seconds.

    Backups of another installation or an older version are left alone. The newest one with a readable manifest always
    stays. Returns the names of those that were removed.
    """
    store.remove_partial()
    owned = [name for name, whose in backups_of_target(store.names(), target) if whose == owner]
    newest_first = sorted(owned, key=lambda name: (_taken_at(name), name), reverse=True)
    newest_readable = next((name for name in newest_first if _is_readable(store, name)), None)
    now = datetime.now(timezone.utc)
    removed = []
    for position, name in enumerate(newest_first):
        age = (now - _taken_at(name)).total_seconds()
        if name != newest_readable and (position >= keep_count or age > keep_age):
            store.remove(name)
            removed.append(name)
            log.info("retention: removed backup %s", name)
    return removed


def _taken_at(name: str) -> datetime:
    match = _NAME.match(name)
    return datetime.strptime(match["time"] if match else "", "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)


def _is_readable(store: Store, name: str) -> bool:
    try:
        manifest_of(store, name)
    except BackupDamagedError:
        return False
    return True
