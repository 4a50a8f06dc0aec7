"""What stands between a copy and the worker: its server is started inside of it, and reaches nothing but its own folder.

The rows, functions and migrations of a target are its owners' to choose, and in the copy somebody is superuser. So the
server gets a file system of PostgreSQL's own files and its data, without a shell; no other process, no network, no
environment, no account of the worker's.
"""

from __future__ import annotations

import os
import pwd
import re
import resource
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pg_deploy.postgres.errors import NoWallError
from pg_deploy.postgres.programs import Programs, ended_with_us, unprivileged_account

SWITCH = "PG_DEPLOY_WALL"
ACCEPT = "PG_DEPLOY_WITHOUT_WALL"
_PATH = "/usr/bin:/bin:/usr/local/bin"
# Read only, where they are there: locales, time zones, what procedural languages and extensions are made of.
_SHARED = (
    "/usr/lib/locale",
    "/usr/share/zoneinfo",
    "/etc/localtime",
    "/usr/share/perl",
    "/usr/share/perl5",
    "/etc/perl",
    # PostGIS' coordinate systems and formats
    "/usr/share/proj",
    "/usr/share/gdal",
)
_DATA_GROUPS = ("*/perl", "*/perl5", "*/perl-base")
_PROBE_S = 20.0
_MOST_LINKS = 8


@dataclass(frozen=True)
class Wall:
    """`command` before the server's own; `account` is who the starting program must become, None for ourselves."""

    name: str
    sentence: str
    is_whole: bool

    @property
    def is_built(self) -> bool:
        """Whether anything is done for it."""
        return self.name not in ("none", "off")


SANDBOX = Wall("sandbox", "a file system, processes and a network of its own (bubblewrap)", True)
NAMESPACES = Wall(
    "namespaces",
    "an account, processes and a network of its own, and the worker's programs and files as that account sees them",
    False,
)
NONE = Wall("none", "nothing: it runs as the worker's own account", False)
OFF = Wall("off", f"nothing: {SWITCH} is off on this worker", True)


def wall_of(programs: Programs) -> Wall:
    """The strongest wall that stands on this worker, tried with the server's own program; OFF where somebody took it down."""
    if os.environ.get(SWITCH) == "off":
        return OFF
    return _wall_of(str(programs.bindir))


@cache
def _wall_of(bindir: str) -> Wall:
    programs = Programs(Path(bindir), 0)
    for wall in (SANDBOX, NAMESPACES):
        command = behind(wall, programs, (), [programs.path("postgres"), "--version"])
        if command is not None and _runs(command):
            return wall
    return NONE


def refuse_without_wall(target: str, wall: Wall) -> None:
    """Raise NoWallError where none stands, unless the setting accepts that for this connection, by its name."""
    accepted = {name.strip() for name in os.environ.get(ACCEPT, "").split(",")}
    if not wall.is_whole and target not in accepted:
        raise NoWallError(target, ACCEPT)


def behind(wall: Wall, programs: Programs, folders: Sequence[Path], command: Sequence[str]) -> list[str] | None:
    """`command` run behind the wall, with `folders` as the places that it may write; it ends with the calling process.

    None where the programs that it takes are not here.
    """
    account = unprivileged_account()
    become = _become(account)
    if not wall.is_built:
        return ended_with_us([*_limits(), *command], "QUIT", become)
    if wall is NAMESPACES:
        unshare, setpriv = _program("unshare"), _program("setpriv")
        if account is None or unshare is None or setpriv is None:
            return None
        apart = [unshare, "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc"]
        return ended_with_us([*apart, *_limits(), setpriv, *become, "--no-new-privs", *command], "KILL")
    bwrap = _program("bwrap")
    if bwrap is None:
        return None
    apart = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    words = [bwrap, *apart, "--die-with-parent", "--new-session", "--clearenv", "--setenv", "LC_ALL", "C.UTF-8"]
    if account is None:
        words += ["--unshare-user", "--cap-drop", "ALL"]
    words += ["--dev", "/dev", "--hostname", "copy"]
    needed = _needed(programs)
    # Made by themselves, the folders around a file would be open to root alone.
    around = {str(each) for path in (*needed, *map(str, folders)) for each in Path(path).parents} - {"/", "/dev"}
    for path in sorted(around):
        words += ["--dir", path]
    for path in needed:
        words += ["--ro-bind", path, path]
    for folder in map(str, folders):
        words += ["--bind", folder, folder]
    words += ["--remount-ro", "/", "--chdir", "/", "--"]
    inner = list(command)
    if account is not None:
        # Root needs no user namespace, which a chroot would not grant; the server becomes its account inside.
        setpriv = _program("setpriv")
        if setpriv is None:
            return None
        inner = [setpriv, *become, "--no-new-privs", "--bounding-set=-all", *command]
    return [*_limits(), *words, *inner]


def _become(account: pwd.struct_passwd | None) -> list[str]:
    if account is None:
        return []
    return [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]


def _limits() -> list[str]:
    """No core files; no process of the server's larger than half of the machine."""
    prlimit = _program("prlimit")
    if prlimit is None:
        return []
    memory = max(2 * 2**30, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    memory = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    return [prlimit, "--core=0", f"--data={memory}", "--"]


@cache
def _needed(programs: Programs) -> tuple[str, ...]:
    """The files and folders of PostgreSQL's that a server reads, and the libraries that those are linked with."""
    bindir = programs.bindir.resolve()
    library, share = programs.folders()
    objects = [str(bindir / "postgres"), *(str(path) for path in sorted(library.glob("*.so")))]
    said = subprocess.run(
        [_program("ldd") or "ldd", *objects], capture_output=True, text=True, check=False, env={"PATH": _PATH}
    ).stdout
    # What stands before an arrow is the loader, as the program names it.
    linked = set(re.findall(r"(?:=> |^\s+)(/\S+) (?:\(0x|=> )", said, re.MULTILINE))
    setpriv = _program("setpriv") if os.geteuid() == 0 else None
    if setpriv:
        also = subprocess.run(["ldd", setpriv], capture_output=True, text=True, check=False, env={"PATH": _PATH}).stdout
        linked |= {setpriv, *re.findall(r"(?:=> |^\s+)(/\S+) \(0x", also, re.MULTILINE)}
    folders = {str(library), str(share), *_SHARED}
    for pattern in _DATA_GROUPS:
        folders |= {str(path) for path in Path("/usr/lib").glob(pattern)}
    folders |= (
        {str(path) for path in Path("/usr/lib").glob("python3*")} if (library / "plpython3.so").exists() else set()
    )
    # Debian's dictionaries are links to what it made of those that are installed.
    folders.add("/var/cache/postgresql")
    linked |= _behind_links(library) | _behind_links(share)
    paths = {*linked, *objects[:1], *(path for path in folders if Path(path).exists())}
    return tuple(sorted(path for path in paths if not any(path.startswith(f"{other}/") for other in folders & paths)))


def _behind_links(folder: Path) -> set[str]:
    """Where the links in a folder lead outside of it, step by step: Debian's PostGIS is one of /etc/alternatives."""
    found = set()
    for path in folder.rglob("*"):
        step = path
        for _ in range(_MOST_LINKS):
            if not step.is_symlink():
                break
            step = Path(os.path.normpath(step.parent / step.readlink()))
            if step.exists() and not step.is_relative_to(folder):
                found.add(str(step))
    return found


def _program(name: str) -> str | None:
    return shutil.which(name, path=_PATH)


def _runs(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            timeout=_PROBE_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
