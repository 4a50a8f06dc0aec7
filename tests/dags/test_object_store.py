"""Backups in a bucket: a file system without renames, as s3:// is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from demo import cluster
from pg_deploy.backup.errors import BackupFailedError
from pg_deploy.backup.store import apply_retention, backups_of_target, checked_backup
from pg_deploy.backup.take import take_backup
from pg_deploy.configuration.backup import backup_settings
from pg_deploy.postgres.session import Target

LOG = logging.getLogger("tests")


@pytest.fixture
def bucket() -> Iterator[str]:
    """A bucket in memory."""
    from airflow.sdk.io import attach
    from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

    files = MemoryFileSystem()
    attach(protocol="memory", fs=files)
    yield "memory://bucket/backups"
    files.rm("/bucket", recursive=True)


def test_a_backup_goes_into_a_bucket_and_comes_back_the_same(
    bucket: str, demo_cluster: cluster.Cluster, tmp_path: Path
) -> None:
    """In production the worker's own disk is gone with the worker."""
    from pg_deploy.tasks.object_store import open_store

    store = open_store(bucket)
    settings = replace(backup_settings(), workdir=tmp_path)
    target = Target("target_db", cluster.reset(demo_cluster).url())

    taken = take_backup(target, (), store, settings, log=LOG)

    assert store.names() == [taken.manifest.name]
    assert taken.uri == f"memory://bucket/backups/{taken.manifest.name}"
    with checked_backup(store, taken.manifest.name, tmp_path) as (manifest, folder):
        assert manifest == taken.manifest
        assert (folder / "dump" / "toc.dat").exists()
    assert not list(tmp_path.iterdir())
    second = take_backup(target, (), store, settings, log=LOG)
    apply_retention(
        store,
        "target_db",
        backups_of_target([second.manifest.name], "target_db")[0][1],
        keep_count=1,
        keep_age=1e9,
        log=LOG,
    )
    assert store.names() == [second.manifest.name]


def test_an_upload_that_breaks_off_leaves_no_backup(
    bucket: str, demo_cluster: cluster.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a backup that looks like one would be the newest good one, and retention would keep it instead of a real one."""
    from pg_deploy.tasks.object_store import ObjectStore, open_store

    store = open_store(bucket)
    write = ObjectStore._write

    def breaking(self: ObjectStore, path: Path, name: str, relative: str) -> None:
        if relative == "manifest.json":
            raise OSError("connection reset by peer")
        write(self, path, name, relative)

    monkeypatch.setattr(ObjectStore, "_write", breaking)
    target = Target("target_db", cluster.reset(demo_cluster).url())
    with pytest.raises(BackupFailedError, match="connection reset by peer"):
        take_backup(target, (), store, replace(backup_settings(), workdir=tmp_path), log=LOG)
    assert store.names() == []
    assert not list(tmp_path.iterdir())
