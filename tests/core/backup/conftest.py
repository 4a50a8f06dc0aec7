"""A backup of the demo database, and what it takes to make and break one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from demo import cluster
from pg_deploy.backup.manifest import BackupManifest
from pg_deploy.backup.store import LocalStore, checked_backup
from pg_deploy.backup.take import Backup, take_backup
from pg_deploy.configuration.backup import BackupSettings, backup_settings
from pg_deploy.migrations.migration import Migration, load_all, scan_folder
from pg_deploy.postgres.session import Target
from pg_deploy.rehearsal.copy import Copy, private_copy

PROJECT = Path(__file__).resolve().parents[3]
LOG = logging.getLogger("tests")


@dataclass(frozen=True)
class Place:
    """A target and where its backups go."""

    target: Target
    admin: Target
    store: LocalStore
    settings: BackupSettings

    def take(self, *migrations: Migration, schema_only: bool = False) -> Backup:
        """A backup for these migrations."""
        return take_backup(self.target, migrations, self.store, self.settings, schema_only=schema_only, log=LOG)

    def copy_of(self, manifest: BackupManifest) -> AbstractContextManager[Copy]:
        """A private copy from the backup of that name, whatever the manifest says of it."""
        return private_copy(manifest, self.store.root / manifest.name, self.settings, log=LOG)

    @contextmanager
    def copied(self, *migrations: Migration) -> Iterator[Copy]:
        """A private copy of the target as it is now."""
        name = self.take(*migrations).manifest.name
        with checked_backup(self.store, name, self.store.root) as (manifest, _), self.copy_of(manifest) as copy:
            yield copy

    def run(self, sql: str) -> None:
        """Run statements as the superuser."""
        with self.admin.session("tests") as connection:
            connection.execute(sql.encode())


def server_of(directory: Path) -> int:
    """The oldest process that serves this folder, as this machine counts: behind a wall its own number is another one."""
    running = [(each.pid, each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"])]
    return min(pid for pid, words in running if str(directory) in " ".join(words) and "-c" not in words[1:2])


@pytest.fixture
def place(demo_cluster: cluster.Cluster, tmp_path: Path) -> Place:
    """The demo database, reset."""
    fresh = cluster.reset(demo_cluster)
    return Place(
        Target("target_db", fresh.url()),
        Target("target_db", fresh.admin_url()),
        LocalStore(tmp_path / "backups"),
        replace(backup_settings(), workdir=None, jobs=2),
    )


@pytest.fixture(scope="session")
def four_migrations() -> tuple[Migration, ...]:
    """The guide's."""
    return load_all(scan_folder(PROJECT / "sql" / "migrations").files)
