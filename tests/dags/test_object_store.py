"""Backups in a bucket: a file system without renames, as s3:// is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from demo import cluster
from pg_deploy.backup.errors import BackupDamagedError, BackupFailedError, StoreError
from pg_deploy.backup.store import Store, apply_retention, backups_of_target, checked_backup
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


class AccessDenied(Exception):
    """As botocore, gcsfs and azure raise it: no OSError."""


@pytest.fixture
def refusing(bucket: str) -> Iterator[Callable[[str, str], None]]:
    """Makes a method of the bucket's file system refuse, with that text; the bucket holds a backup called one."""
    from airflow.sdk import ObjectStoragePath

    files = ObjectStoragePath(bucket).fs
    for name in ("one/manifest.json", "one/globals.sql"):
        files.pipe(f"/bucket/backups/{name}", b"{}")
    with pytest.MonkeyPatch.context() as patched:

        def refuse(method: str, text: str) -> None:
            def refused(*_: object, **__: object) -> None:
                raise AccessDenied(text)

            patched.setattr(files, method, refused)

        yield refuse


@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("ls", lambda store, folder: store.names()),
        ("_open", lambda store, folder: store.read("one", "manifest.json")),
        ("find", lambda store, folder: store.fetch("one", folder)),
        ("get_file", lambda store, folder: store.fetch("one", folder)),
        ("rm", lambda store, folder: store.remove("one")),
        ("put_file", lambda store, folder: store.publish(folder, "two")),
    ],
)
def test_what_a_bucket_refuses_is_said_in_one_sentence(
    bucket: str,
    refusing: Callable[[str, str], None],
    method: str,
    call: Callable[[Store, Path], object],
    tmp_path: Path,
) -> None:
    """Whoever is on call would read a traceback of botocore instead of which bucket refused what."""
    from pg_deploy.tasks.object_store import open_store

    store = open_store(bucket)
    (tmp_path / "manifest.json").touch()
    refusing(method, "not you")
    with pytest.raises(StoreError, match=r'"memory://bucket/backups".*AccessDenied.*not you.*see that') as raised:
        call(store, tmp_path)
    assert "\n" not in str(raised.value)


def test_an_address_that_no_store_has_is_said_in_one_sentence() -> None:
    """A typing error in BACKUP_URI is the first that anybody makes."""
    from pg_deploy.tasks.object_store import open_store

    with pytest.raises(StoreError, match='"s4://bucket/backups"'):
        open_store("s4://bucket/backups").names()


def test_a_bucket_that_takes_nothing_back_does_not_hide_why_the_backup_failed(
    bucket: str,
    refusing: Callable[[str, str], None],
    demo_cluster: cluster.Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It said who may not delete instead of that the bucket is full, and that what was written is removed."""
    from airflow.sdk import ObjectStoragePath

    from pg_deploy.tasks.object_store import open_store

    files = ObjectStoragePath(bucket).fs
    put = files.put_file

    def nearly_full(source: str, key: str, **how: object) -> None:
        if key.endswith("manifest.json"):
            raise AccessDenied("it is full")
        put(source, key, **how)

    refusing("rm", "you may not delete")
    target = Target("target_db", cluster.reset(demo_cluster).url())
    monkeypatch.setattr(files, "put_file", nearly_full)
    with pytest.raises(BackupFailedError, match=r"it is full.*could not be removed.*you may not delete") as raised:
        take_backup(target, (), open_store(bucket), replace(backup_settings(), workdir=tmp_path), log=LOG)
    assert "is removed" not in str(raised.value)


@pytest.mark.parametrize("key", ["../../planted", "/tmp/planted"])
def test_a_key_that_leads_out_of_the_folder_is_written_nowhere(key: str, bucket: str, tmp_path: Path) -> None:
    """Whoever may write into the bucket could write any file of the worker, before the first checksum is compared."""
    from airflow.sdk import ObjectStoragePath

    from pg_deploy.tasks.object_store import open_store

    ObjectStoragePath(bucket).fs.pipe(f"/bucket/backups/one/{key}", b"x")
    into = tmp_path / "a" / "b"
    into.mkdir(parents=True)
    with pytest.raises(BackupDamagedError, match="planted does not belong to it"):
        open_store(bucket).fetch("one", into)
    assert not (tmp_path / "planted").exists()
