"""A cluster that nobody else uses, on a free port of the loopback address."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from demo import cluster, server

_COMMON = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "wal_level": "logical"}


def without_flushing(made: cluster.Cluster) -> cluster.Cluster:
    """That demo target, which from now on waits for no disk, after a reset too: no test cuts a machine's power."""
    for data in (made.directory / "template", made.data):
        with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write("fsync = 'off'\n")
    server.run(made.bindir, "pg_ctl", "reload", "-D", str(made.data))
    return made


@contextmanager
def demo_of_its_own(scale: float = 1.0) -> Iterator[cluster.Cluster]:
    """A demo target for this process alone; gone afterwards. If we are killed, the next session of tests removes it."""
    directory = Path(tempfile.gettempdir()) / f"pg-deploy-test-{os.getpid()}"
    try:
        yield cluster.ensure(directory, scale=scale, port=server.next_free_port(20000 + secrets.randbelow(10000)))
    finally:
        cluster.destroy(directory)


@contextmanager
def throwaway(
    bindir: Path, superuser: str, settings: Mapping[str, str], place: Path | None = None, *, password: str = ""
) -> Iterator[int]:
    """Make a cluster in `place`, or among the temporary files, and run it with these settings as well. Gone afterwards.

    Yields its port. Without a password everybody is trusted.
    """
    with tempfile.TemporaryDirectory(prefix="pg-deploy-tests-", dir=place) as folder:
        os.chmod(folder, 0o755)
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        secret = Path(folder) / "password"
        secret.write_text(password)
        for path in (data, secret):
            shutil.chown(path, server.server_account().pw_uid)
        login = ("-A", "scram-sha-256", f"--pwfile={secret}") if password else ("-A", "trust")
        arguments = ("-U", superuser, *login, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        server.run(bindir, "initdb", "-D", str(data), *arguments)
        with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in {**_COMMON, **settings}.items())
        try:
            yield server.start_from(bindir, data, 21000 + secrets.randbelow(9000))
        finally:
            server.stop(bindir, data, "immediate")
