"""Install what the demo target needs, with apt: `python3 -m demo.packages`, before there is a .venv.

Standard library only. Takes the newest PostgreSQL that apt offers with pg_cron; existing clusters are left alone, and
none is added.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from demo.errors import DemoError, ServerMissingError
from demo.server import find_installation

NO_MAIN_CLUSTER = Path("/etc/postgresql-common/createcluster.d/zz-no-main-cluster.conf")


def install() -> None:
    """Make sure that a server with pg_cron is installed; ServerMissingError says why it could not be."""
    if find_installation() is not None:
        _install_wall()
        return
    if shutil.which("apt-get") is None:
        raise ServerMissingError("this machine has no apt to install it with")
    if os.geteuid() != 0 and shutil.which("sudo") is None:
        raise ServerMissingError("installing it takes root or sudo")
    major = _newest_offered()
    if major is None:
        _as_root("apt-get", "update", "-q")
        major = _newest_offered()
    if major is None:
        raise ServerMissingError("apt offers none")
    packages = (f"postgresql-{major}", f"postgresql-{major}-cron", "bubblewrap")
    print(f"installing {', '.join(packages)} for the demo target", file=sys.stderr)
    with _without_main_cluster():
        try:
            _apt_install(*packages)
        except ServerMissingError:
            # Lists older than the mirror name files that are gone.
            _as_root("apt-get", "update", "-q")
            _apt_install(*packages)
    if find_installation() is None:
        raise ServerMissingError(f'the packages "{packages[0]}" and "{packages[1]}" did not bring it')


def _install_wall() -> None:
    """What stands between a copy and this machine; without it, and without root or sudo, the demo target does without."""
    if shutil.which("bwrap") is None and shutil.which("apt-get") and (os.geteuid() == 0 or shutil.which("sudo")):
        with suppress(ServerMissingError):
            _apt_install("bubblewrap")


def _newest_offered() -> int | None:
    names = subprocess.run(
        ["apt-cache", "pkgnames", "postgresql-"], capture_output=True, text=True, check=False
    ).stdout.split()
    majors = sorted(
        (int(found[1]) for name in names if (found := re.fullmatch(r"postgresql-(\d+)-cron", name))), reverse=True
    )
    return next((major for major in majors if major >= 15 and _has_candidate(major, names)), None)


def _has_candidate(major: int, names: list[str]) -> bool:
    if f"postgresql-{major}" not in names:
        return False
    policy = subprocess.run(
        ["apt-cache", "policy", f"postgresql-{major}", f"postgresql-{major}-cron"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout
    candidates = re.findall(r"Candidate: (\S+)", policy)
    return len(candidates) == 2 and "(none)" not in candidates


def _apt_install(*packages: str) -> None:
    _as_root("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qy", "--no-install-recommends", *packages)


def _as_root(*command: str) -> None:
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    done = subprocess.run([*sudo, *command], stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise ServerMissingError(f"`{' '.join(command)}` failed")


@contextmanager
def _without_main_cluster() -> Iterator[None]:
    """Debian starts a cluster "main" on port 5432 with every first server package: not while we install."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as draft:
        draft.write("create_main_cluster = false\n")
        draft.flush()
        _as_root("install", "-D", "-m", "644", draft.name, str(NO_MAIN_CLUSTER))
    try:
        yield
    finally:
        _as_root("rm", "-f", str(NO_MAIN_CLUSTER))


if __name__ == "__main__":
    try:
        install()
    except DemoError as failure:
        sys.exit(str(failure))
