"""The demo target's life: made once, started where it is, reset to its first state, stopped, destroyed.

A cluster's directory holds `cluster.json` (port, scale, passwords; for its owner's eyes), `template` (the data directory
as it was sealed after filling) and `data` (the one that the server runs on). A reset replaces `data` by a copy of
`template`: nothing that anybody did - to rows, roles, settings of the server, cron jobs, other databases - can survive it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psycopg
from psycopg import sql

from demo import build, server
from demo.errors import ForeignDirectoryError, NotACopyError, PortTakenError, ServerFailedError, ServerMissingError

ADMIN = "supabase_admin"
DEPLOYER = "postgres"
FRESH_FOR = timedelta(days=2)
"""Telemetry ends at the fill; after this a reset fills anew, so that "the last 7 days" stay full of rows."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "512MB",
    "max_worker_processes": "20",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d %a ",
    "shared_preload_libraries": "pg_cron,pg_stat_statements",
    "cron.database_name": build.DATABASE,
    # Jobs over a connection would need a password file; workers need none.
    "cron.use_background_workers": "on",
}

# A cluster that is thrown away when building is interrupted needs no protection against a power cut.
WHILE_BUILDING = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "autovacuum": "off",
}


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


def ensure(directory: Path, *, scale: float = 1.0, port: int | None = None) -> Cluster:
    """The running cluster of this directory: made, or started, where needed; one that exists keeps its scale.

    A given port is taken exactly (PortTakenError); None keeps the last one, or takes the next free one from 54320 up.
    """
    with _alone(directory):
        cluster = _load(directory)
        if cluster is None or not (cluster.bindir / "postgres").exists():
            _remove(directory)
            cluster = _build(directory, scale, _free(port))
        return _started(cluster, port)


def running(directory: Path) -> Cluster | None:
    """The cluster of this directory if its server runs, else None. Reads only."""
    cluster = _load(directory)
    return cluster if cluster is not None and server.server_pid(cluster.data) is not None else None


def stop(cluster: Cluster) -> None:
    """Stop the server, ending its connections; harmless when it does not run."""
    with _alone(cluster.directory):
        server.stop(cluster.bindir, cluster.data)


def destroy(directory: Path) -> None:
    """Stop the server and remove all its files; harmless when there are none."""
    with _alone(directory) as lock:
        _remove(directory)
        lock.unlink(missing_ok=True)


def reset(cluster: Cluster, *, scale: float | None = None) -> Cluster:
    """Bring everything in the cluster back to its first state, and leave it running on the same URLs.

    Ends all connections and removes every database that was added. Fills anew when the scale changes, or when the
    telemetry is older than two days; else it copies files.
    """
    with _alone(cluster.directory):
        wanted = cluster.scale if scale is None else scale
        fresh = datetime.now(timezone.utc) - cluster.filled_at < FRESH_FOR
        if wanted != cluster.scale or not fresh or not (cluster.directory / "template").exists():
            was_running = server.server_pid(cluster.data) is not None
            _remove(cluster.directory)
            return _started(_build(cluster.directory, wanted, cluster.port if was_running else _free(None), cluster), None)
        coming, going = cluster.directory / "data.new", cluster.directory / "data.old"
        _copy(cluster.directory / "template", coming)
        server.stop(cluster.bindir, cluster.data, "immediate")
        _erase(going)
        if cluster.data.exists():
            cluster.data.rename(going)
        coming.rename(cluster.data)
        _erase(going)
        return _started(cluster, None)


def clone(cluster: Cluster, name: str) -> str:
    """Copy the demo database, as it was filled, under another name; returns the deploying role's URL. pg_cron runs no jobs there."""
    return _copy_database(cluster, name, build.TEMPLATE)


def empty(cluster: Cluster, name: str) -> str:
    """Make a database bootstrapped like Supabase's, with no table in public; returns the deploying role's URL."""
    return _copy_database(cluster, name, build.EMPTY)


def drop(cluster: Cluster, name: str) -> None:
    """Drop a database made by clone() or empty(), ending its connections; harmless when it is gone."""
    if name in (build.DATABASE, build.TEMPLATE, build.EMPTY, "postgres", "template0", "template1"):
        raise NotACopyError(name)
    with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _copy_database(cluster: Cluster, name: str, template: str) -> str:
    with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} owner postgres template {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    return cluster.url(database=name)


@contextmanager
def _alone(directory: Path) -> Iterator[Path]:
    """One maker at a time for a directory: a second `make` waits instead of building into the first one's files."""
    lock = directory.with_name(directory.name + ".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if directory.exists() and directory.stat().st_uid != os.geteuid():
            raise ForeignDirectoryError(directory)
        yield lock


def _load(directory: Path) -> Cluster | None:
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
        )
    except (OSError, ValueError, KeyError):
        return None


def _save(cluster: Cluster) -> None:
    """Write cluster.json at once or not at all: its presence is what marks a cluster as complete."""
    facts = {**asdict(cluster), "bindir": str(cluster.bindir), "filled_at": cluster.filled_at.isoformat()}
    del facts["directory"]
    draft = cluster.directory / "cluster.json.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(facts, file, indent=4)
    draft.rename(cluster.directory / "cluster.json")


def _free(port: int | None) -> int:
    if port is None:
        return server.next_free_port()
    if not server.port_is_free(port):
        raise PortTakenError(port)
    return port


def _build(directory: Path, scale: float, port: int, before: Cluster | None = None) -> Cluster:
    """Make the cluster and leave it stopped, with its template; cluster.json comes last. Keeps the passwords of `before`."""
    installation = server.find_installation()
    if installation is None:
        raise ServerMissingError("`python3 -m demo.packages` was not run or could not help")
    cluster = Cluster(
        directory=directory,
        port=port,
        bindir=installation.bindir,
        scale=scale,
        filled_at=datetime.now(timezone.utc).replace(second=0, microsecond=0),
        deployer_password=before.deployer_password if before else secrets.token_urlsafe(18),
        admin_password=before.admin_password if before else secrets.token_urlsafe(18),
    )
    template = directory / "template"
    directory.mkdir(mode=0o755)
    # The server's account must pass through, whatever the caller's umask.
    directory.chmod(0o755)
    _initdb(cluster, template)
    # The fill needs pg_cron loaded; the copy to the template needs its launcher gone.
    _serve_while(cluster, template, WHILE_BUILDING, lambda connect: _contents(connect, cluster))
    _serve_while(cluster, template, {**WHILE_BUILDING, "shared_preload_libraries": "pg_stat_statements"}, build.seal)
    # Old write-ahead log of the fill would be copied at every reset. Safe here: the server was shut down cleanly.
    server.run(cluster.bindir, "pg_resetwal", "-D", str(template))
    (template / "server.log").unlink(missing_ok=True)
    _copy(template, cluster.data)
    _save(cluster)
    return cluster


def _contents(connect: build.Connect, cluster: Cluster) -> None:
    build.bootstrap(connect, {DEPLOYER: cluster.deployer_password})
    build.fill(connect, cluster.scale, cluster.filled_at)


def _initdb(cluster: Cluster, template: Path) -> None:
    account = server.server_account()
    template.mkdir(mode=0o700)
    secret = cluster.directory / "initial-password"
    secret.touch(mode=0o600)
    secret.write_text(cluster.admin_password, encoding="utf-8")
    if os.geteuid() == 0:
        os.chown(template, account.pw_uid, account.pw_gid)
        os.chown(secret, account.pw_uid, account.pw_gid)
    arguments = ("--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={secret}")
    server.run(cluster.bindir, "initdb", "-D", str(template), "-U", ADMIN, *arguments)
    secret.unlink()
    with (template / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())


def _serve_while(cluster: Cluster, data: Path, options: dict[str, str], work: build.Fill) -> None:
    def connect(role: str, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(cluster.url(role, database), autocommit=True)

    server.start(cluster.bindir, data, cluster.port, options)
    try:
        work(connect)
    finally:
        server.stop(cluster.bindir, data)


def _started(cluster: Cluster, port: int | None) -> Cluster:
    """Start the server where it is not running, on the wanted port."""
    if server.server_pid(cluster.data) is not None:
        if port in (None, cluster.port):
            return cluster
        _free(port)
        server.stop(cluster.bindir, cluster.data)
    _erase(cluster.directory / "data.new")
    _erase(cluster.directory / "data.old")
    if not cluster.data.exists():
        _copy(cluster.directory / "template", cluster.data)
    chosen = _free(port) if port is not None else server.next_free_port(cluster.port)
    while True:
        try:
            server.start(cluster.bindir, cluster.data, chosen)
            break
        except ServerFailedError:
            # Somebody took the port between the look and the start.
            if server.port_is_free(chosen):
                raise
            if port is not None:
                raise PortTakenError(chosen) from None
            chosen = server.next_free_port(chosen + 1)
    started = replace(cluster, port=chosen)
    if started != cluster:
        _save(started)
    return started


def _copy(source: Path, target: Path) -> None:
    """Copy a stopped data directory under its final name, whole or not at all, owners and modes kept."""
    draft = target.with_name(target.name + ".part")
    _erase(draft)
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(draft)], check=True)
    _erase(target)
    draft.rename(target)


def _erase(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)


def _remove(directory: Path) -> None:
    """Remove a cluster, complete or half made, together with the server that may still run in it."""
    for data in (directory / "data", directory / "template"):
        pid = server.server_pid(data)
        if pid is not None:
            installation = _load(directory) or server.find_installation()
            if installation is not None:
                server.stop(installation.bindir, data, "immediate")
    _erase(directory)
