"""Making a cluster from nothing: initdb, bootstrap, fill, seal."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import psycopg

from demo import build, server
from demo.cluster_files import ADMIN, DEPLOYER, Cluster, copy_data, save_cluster
from demo.errors import ServerMissingError

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
    # With connections instead of workers pg_cron would need a password file.
    "cron.use_background_workers": "on",
}

# A cluster is thrown away if its building is interrupted, so it needs no protection against a power cut.
WHILE_BUILDING = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "autovacuum": "off",
}


def make_cluster(directory: Path, scale: float, port: int, before: Cluster | None = None) -> Cluster:
    """Make the cluster, with the passwords of `before` if given, and leave it stopped. Writes cluster.json last.

    The cluster will run on `port`; while it is being made it runs on any free one. Raises ServerMissingError, ServerFailedError.
    """
    installation = server.find_installation()
    if installation is None:
        raise ServerMissingError("`make demo-packages` was not run or could not help")
    cluster = Cluster(
        directory=directory,
        port=port,
        bindir=installation.bindir,
        scale=scale,
        filled_at=datetime.now(timezone.utc).replace(second=0, microsecond=0),
        deployer_password=before.deployer_password if before else secrets.token_urlsafe(18),
        admin_password=before.admin_password if before else secrets.token_urlsafe(18),
        made_from=build.made_from(),
    )
    template = directory / "template"
    directory.mkdir(mode=0o755)
    # The server's account must pass through, whatever the caller's umask.
    directory.chmod(0o755)
    _initdb(cluster, template)
    # The fill needs pg_cron loaded; the copy to the template needs its launcher gone.
    _serve_while(cluster, template, WHILE_BUILDING, lambda connect: _contents(connect, cluster))
    _serve_while(cluster, template, {**WHILE_BUILDING, "shared_preload_libraries": "pg_stat_statements"}, build.seal)
    # Else every reset would copy the fill's old write-ahead log. This is safe here: the server was shut down cleanly.
    server.run(cluster.bindir, "pg_resetwal", "-D", str(template))
    (template / "server.log").unlink(missing_ok=True)
    copy_data(template, cluster.data)
    save_cluster(cluster)
    return cluster


def _contents(connect: build.Connect, cluster: Cluster) -> None:
    build.bootstrap(connect, {DEPLOYER: cluster.deployer_password})
    build.fill(connect, cluster.scale, cluster.filled_at, counted_anew=True)


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
    serving = replace(cluster, port=server.start_from(cluster.bindir, data, cluster.port, options))

    def connect(role: str, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(serving.url(role, database), autocommit=True)

    try:
        work(connect)
    finally:
        server.stop(cluster.bindir, data)
