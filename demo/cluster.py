"""The life of a demo target: it is made once, started, reset to its first state, stopped, destroyed.

A cluster's directory holds `cluster.json` (port, scale, passwords; readable by its owner only), `template` (the data
directory as it was after filling) and `data` (the one that the server runs on). A reset replaces `data` by a
copy of `template`: no change to rows, roles, settings, cron jobs or other databases survives it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psycopg
from psycopg import sql

from demo import build, server
from demo.cluster_files import Cluster, copy_data, erase_folder, load_cluster, locked, remove_cluster, save_cluster
from demo.errors import NoClusterError, NotACopyError, PortTakenError
from demo.making import make_cluster

__all__ = ["Cluster", "clone", "destroy", "drop", "empty", "ensure", "existing", "exists", "reset", "running", "stop"]

FRESH_FOR = timedelta(days=2)
"""Telemetry ends at the time of the fill. After this time a reset fills anew, so that "the last 7 days" stay full of rows."""


def ensure(directory: Path, *, scale: float = 1.0, port: int | None = None) -> Cluster:
    """The running cluster of this directory: made or started if needed; one that exists keeps its scale.

    It runs on the given port, else raises PortTakenError. None keeps its last port, or takes the next free one from 54320 up.
    """
    directory = directory.resolve()
    with locked(directory):
        cluster = load_cluster(directory)
        if cluster is None or not (cluster.bindir / "postgres").exists():
            remove_cluster(directory)
            cluster = make_cluster(directory, scale, server.FIRST_PORT if port is None else _free(port))
        return _started(cluster, port)


def running(directory: Path) -> Cluster | None:
    """The cluster of this directory with the port on which its server runs; None if it does not run. Reads only."""
    cluster = load_cluster(directory)
    found = server.serving(cluster.data) if cluster is not None else None
    return replace(cluster, port=found.port) if cluster is not None and found is not None else None


def existing(directory: Path) -> Cluster:
    """The cluster of this directory, running or not. Raises NoClusterError if none was made. Reads only."""
    cluster = running(directory) or load_cluster(directory)
    if cluster is None:
        raise NoClusterError(directory)
    return cluster


def exists(directory: Path) -> bool:
    """Whether a complete cluster is in this directory. Reads only."""
    return load_cluster(directory) is not None


def stop(cluster: Cluster) -> None:
    """Stop the server, which ends its connections; harmless if it does not run."""
    with locked(cluster.directory):
        server.stop(cluster.bindir, cluster.data)


def destroy(directory: Path) -> None:
    """Stop the server and remove all its files; harmless if there are none."""
    directory = directory.resolve()
    with locked(directory) as lock:
        remove_cluster(directory)
        lock.unlink(missing_ok=True)


def reset(cluster: Cluster, *, scale: float | None = None) -> Cluster:
    """Bring everything in the cluster back to its first state, and leave it running on the same URLs.

    Ends all connections and removes every database that was added. Fills anew if the scale changes, if the
    telemetry is older than two days, or if the SQL that it is made from was changed; else copies files.
    """
    with locked(cluster.directory):
        wanted = cluster.scale if scale is None else scale
        fresh = datetime.now(timezone.utc) - cluster.filled_at < FRESH_FOR and cluster.made_from == build.made_from()
        if wanted != cluster.scale or not fresh or not (cluster.directory / "template").exists():
            remove_cluster(cluster.directory)
            return _started(make_cluster(cluster.directory, wanted, cluster.port, cluster), None)
        coming, going = cluster.directory / "data.new", cluster.directory / "data.old"
        copy_data(cluster.directory / "template", coming)
        server.stop(cluster.bindir, cluster.data, "immediate")
        erase_folder(going)
        if cluster.data.exists():
            cluster.data.rename(going)
        coming.rename(cluster.data)
        erase_folder(going)
        return _started(cluster, None)


def clone(cluster: Cluster, name: str) -> str:
    """Copy the demo database as it was filled; returns the deploying role's URL. pg_cron runs no jobs there."""
    return _copy_database(cluster, name, build.TEMPLATE)


def empty(cluster: Cluster, name: str) -> str:
    """Make a database bootstrapped like Supabase's, with no table in public; returns the deploying role's URL."""
    return _copy_database(cluster, name, build.EMPTY)


def drop(cluster: Cluster, name: str) -> None:
    """Drop a database made by clone() or empty(), which ends its connections; harmless if it is gone. Raises NotACopyError."""
    if name in (build.DATABASE, build.TEMPLATE, build.EMPTY, "postgres", "template0", "template1"):
        raise NotACopyError(name)
    with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _copy_database(cluster: Cluster, name: str, template: str) -> str:
    with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} owner postgres template {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    return cluster.url(database=name)


def _free(port: int) -> int:
    if not server.port_is_free(port):
        raise PortTakenError(port)
    return port


def _started(cluster: Cluster, port: int | None) -> Cluster:
    """Start the server if it is not running on the wanted port; the cluster with its port."""
    found = server.serving(cluster.data)
    if found is not None:
        if port in (None, found.port):
            # Somebody may have started it by hand, on another port than we remember.
            here = replace(cluster, port=found.port)
            if here != cluster:
                save_cluster(here)
            return here
        _free(port)
        server.stop(cluster.bindir, cluster.data)
    erase_folder(cluster.directory / "data.new")
    erase_folder(cluster.directory / "data.old")
    if not cluster.data.exists():
        copy_data(cluster.directory / "template", cluster.data)
    if port is None:
        started = replace(cluster, port=server.start_from(cluster.bindir, cluster.data, cluster.port))
    else:
        server.start(cluster.bindir, cluster.data, _free(port))
        started = replace(cluster, port=port)
    if started != cluster:
        save_cluster(started)
    return started
