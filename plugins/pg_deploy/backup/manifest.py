"""manifest.json: what a backup holds. It is written last, and the files are checked against it before anything is touched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pg_deploy.backup.errors import BackupDamagedError
from pg_deploy.catalog.kept_facts import as_read_today
from pg_deploy.catalog.reader import Fact, Facts

MANIFEST = "manifest.json"
FACTS = "facts.json"
FORMAT = 1
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Extension:
    """An extension of the target: its objects are in `schema`; `schemas` are those that it makes itself."""

    name: str
    version: str
    schema: str
    makes_schema: bool
    owner: str
    schemas: tuple[str, ...] = ()


@dataclass(frozen=True)
class Server:
    """The properties of the target's server and database that a copy must share; sizes in bytes."""

    database: str
    role: str
    bootstrap_role: str
    encoding: str
    collate: str
    ctype: str
    locale_provider: str
    locale: str | None
    preload: tuple[str, ...]
    settings: Mapping[str, str]
    data_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class ExpectedError:
    """An error of pg_restore that means nothing: a regular expression for its beginning, and why."""

    pattern: str
    why: str


@dataclass(frozen=True)
class StoredFile:
    """One file of a backup."""

    size: int
    sha256: str


@dataclass(frozen=True)
class BackupManifest:
    """One backup: what it holds, of which moment, and the size and sha256 of each file.

    `doubt` is a sentence if the programs that took it were older than the server: then only a restore shows that it is whole.
    """

    name: str
    target: str
    kind: str  # full | schema
    taken_at: datetime
    lsn: str
    server_version: int
    dumped_by: int
    server: Server
    schemas: tuple[str, ...]
    left_out: tuple[str, ...]
    extensions: tuple[Extension, ...]
    globals: tuple[str, ...]
    rows: Mapping[str, int]
    fingerprint: str
    database_fingerprint: str
    cluster_fingerprint: str
    fact_count: int
    pending: tuple[str, ...]
    files: Mapping[str, StoredFile]
    format: int = FORMAT
    doubt: str | None = None

    @property
    def size(self) -> int:
        """All files together, in bytes."""
        return sum(file.size for file in self.files.values())

    def as_bytes(self) -> bytes:
        """The text of manifest.json."""
        values = {**asdict(self), "taken_at": self.taken_at.isoformat()}
        return (json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def read_backup_manifest(name: str, content: bytes) -> BackupManifest:
    """The manifest of the backup `name` from its bytes. Raises BackupDamagedError."""
    try:
        values: dict[str, Any] = json.loads(content)
        # Older versions listed the errors that mean nothing here. A file must not excuse its own errors.
        values.pop("expected_errors", None)
        if values["format"] != FORMAT:
            raise BackupDamagedError(name, f"its format is {values['format']!r}, which this version does not know")
        server = values["server"]
        return BackupManifest(
            **{
                **values,
                "taken_at": datetime.fromisoformat(values["taken_at"]),
                "server": Server(**{**server, "preload": tuple(server["preload"])}),
                "schemas": tuple(values["schemas"]),
                "left_out": tuple(values["left_out"]),
                "extensions": tuple(
                    Extension(**{**each, "schemas": tuple(each["schemas"])}) for each in values["extensions"]
                ),
                "globals": tuple(values["globals"]),
                "pending": tuple(values["pending"]),
                "files": {path: StoredFile(**each) for path, each in values["files"].items()},
            }
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BackupDamagedError(name, f"its manifest cannot be read ({error})") from None


def describe_files(folder: Path) -> dict[str, StoredFile]:
    """Size and sha256 of each file below `folder`, by its path in it. Reads only."""
    return {
        path.relative_to(folder).as_posix(): StoredFile(path.stat().st_size, sha256_of(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def check_files(manifest: BackupManifest, folder: Path) -> None:
    """Raise BackupDamagedError unless `folder` holds every file of the manifest as it was written, and no other file."""
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    missing = sorted(manifest.files.keys() - present)
    if missing:
        raise BackupDamagedError(manifest.name, f"{missing[0]} is missing")
    foreign = sorted(present - manifest.files.keys())
    if foreign:
        raise BackupDamagedError(manifest.name, f"{foreign[0]} does not belong to it")
    for path, stored in sorted(manifest.files.items()):
        size = (folder / path).stat().st_size
        if size != stored.size:
            raise BackupDamagedError(manifest.name, f"{path} has {size:,} bytes instead of {stored.size:,}")
        if sha256_of(folder / path) != stored.sha256:
            raise BackupDamagedError(manifest.name, f"{path} has another sha256 than when it was written")


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def write_facts(facts: Facts, path: Path) -> None:
    """Write the catalog facts into a file, one a line."""
    lines = [
        json.dumps([each.kind, each.identity, each.definition, each.scope], ensure_ascii=False)
        for each in sorted(facts.facts)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_facts_file(manifest: BackupManifest, folder: Path) -> Facts:
    """The facts of the moment at which the backup was taken. Raises BackupDamagedError."""
    try:
        lines = (folder / FACTS).read_text(encoding="utf-8").splitlines()
        written = frozenset(Fact(*json.loads(line)) for line in lines)
    except (OSError, ValueError, TypeError) as error:
        raise BackupDamagedError(manifest.name, f"{FACTS} cannot be read ({error})") from None
    if Facts(written, manifest.server_version, manifest.taken_at).fingerprint != manifest.fingerprint:
        raise BackupDamagedError(manifest.name, f"{FACTS} is not what the manifest says")
    facts = as_read_today((each.kind, each.identity, each.definition, each.scope) for each in written)
    return Facts(facts, manifest.server_version, manifest.taken_at)
