"""Backups behind Airflow's ObjectStoragePath: file:// by default, s3:// and its like in production."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airflow.sdk import ObjectStoragePath

from pg_deploy.backup.errors import BackupDamagedError, StoreError
from pg_deploy.backup.manifest import MANIFEST
from pg_deploy.backup.store import LocalStore, Store, named_if_refused, store_error

_LOCAL = ("file", "local", "")


def open_store(uri: str) -> Store:
    """The place for backups at `uri`; `s3://connection@bucket/path` takes its credentials from that Airflow connection.

    Raises StoreError.
    """
    try:
        path = ObjectStoragePath(uri)
        if path.protocol in _LOCAL:
            return LocalStore(Path(path.path))
        # Only now Airflow asks for the connection, and fsspec for the package of that service.
        _ = path.fs
    except Exception as error:
        raise store_error(uri, "open", error) from error
    return ObjectStore(path)


@dataclass(frozen=True)
class ObjectStore:
    """Backups in a bucket. Nothing can be renamed there: a backup without its manifest, written last, is none."""

    root: ObjectStoragePath

    @property
    def uri(self) -> str:
        """Where it is, without the connection's id."""
        return f"{self.root.protocol}://{self.root.path.lstrip('/')}".rstrip("/")

    def staging(self, name: str) -> Path | None:
        """Any temporary folder will do."""
        return None

    @named_if_refused("take in a backup")
    def publish(self, staged: Path, name: str) -> None:
        """Copy file by file, the manifest last."""
        files = sorted(path for path in staged.rglob("*") if path.is_file() and path.name != MANIFEST)
        try:
            for path in (*files, staged / MANIFEST):
                self._write(path, name, path.relative_to(staged).as_posix())
        except BaseException as error:
            try:
                self.remove(name)
            except StoreError as second:
                if isinstance(error, Exception):
                    raise store_error(self.uri, "take in a backup", error, left_behind=str(second)) from error
            raise

    @named_if_refused("list its backups")
    def names(self) -> list[str]:
        """Those with a manifest."""
        if not self.root.exists():
            return []
        return sorted(each.name for each in self.root.iterdir() if (each / MANIFEST).exists())

    @named_if_refused("hand out a file of a backup")
    def read(self, name: str, file: str) -> bytes | None:
        """The file's bytes, None if it is missing."""
        path = self.root / name / file
        if not path.exists():
            return None
        content: bytes = path.read_bytes()
        return content

    @named_if_refused("hand out a backup")
    def fetch(self, name: str, into: Path) -> Path:
        """Copy every file of the backup into `into`. Raises BackupDamagedError for a key that leads out of it."""
        folder = self.root / name
        prefix = folder.path.rstrip("/") + "/"
        for found in folder.fs.find(folder.path):
            relative = str(found).removeprefix("/" if not prefix.startswith("/") else "").removeprefix(prefix)
            target = into / relative
            if not target.resolve().is_relative_to(into.resolve()):
                raise BackupDamagedError(name, f"{relative} does not belong to it")
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.fs.get_file((folder / relative).path, str(target))
        return into

    @named_if_refused("remove a backup")
    def remove(self, name: str) -> None:
        """The manifest first, so that half a backup never counts as one."""
        folder = self.root / name
        (folder / MANIFEST).unlink(missing_ok=True)
        if folder.exists():
            folder.fs.rm(folder.path, recursive=True)

    def remove_partial(self) -> None:
        """Nothing to do: what has no manifest is no backup, and a bucket's own lifecycle rules expire it."""

    def _write(self, path: Path, name: str, relative: str) -> None:
        target = self.root / name / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.fs.put_file(str(path), target.path)
