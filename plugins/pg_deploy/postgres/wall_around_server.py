"""The wall between a copy and the worker. The copy's server is started behind it and reaches only its own folder.

The owners of a target choose its rows, functions and migrations, and in the copy somebody is superuser. So the server
sees a file system with PostgreSQL's own files and its data, without a shell. It sees no other process, no network, no
environment and no account of the worker.
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
from pg_deploy.postgres.programs import Programs, tied_to_our_process, unprivileged_account

SWITCH = "PG_DEPLOY_WALL"
ACCEPT = "PG_DEPLOY_WITHOUT_WALL"
_PATH = "/usr/bin:/bin:/usr/local/bin"
# Read-only, if they exist: locales, time zones, the files of procedural languages and extensions.
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
    """One kind of wall. `sentence` says what the server sees; `is_whole`: a copy may be made behind it without asking."""

    name: str
    sentence: str
    is_whole: bool

    @property
    def is_built(self) -> bool:
        """Whether the server runs apart from the worker at all."""
        return self.name not in ("none", "off")


SANDBOX = Wall("sandbox", "a file system, processes and a network of its own (bubblewrap)", True)
NAMESPACES = Wall(
    "namespaces",
    "an account, processes and a network of its own, and the worker's programs and files as that account sees them",
    False,
)
NONE = Wall("none", "nothing: it runs as the worker's own account", False)
OFF = Wall("off", f"nothing: {SWITCH} is off on this worker", True)


def strongest_wall(programs: Programs) -> Wall:
    """The strongest wall that works on this worker, tried with the server's own program; OFF if somebody turned it off."""
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
    """Raise NoWallError if the wall is not whole, unless the setting accepts that for this target by name."""
    accepted = {name.strip() for name in os.environ.get(ACCEPT, "").split(",")}
    if not wall.is_whole and target not in accepted:
        raise NoWallError(target, ACCEPT)


def behind(wall: Wall, programs: Programs, folders: Sequence[Path], command: Sequence[str]) -> list[str] | None:
    """The command that runs `command` behind the wall. It may write only to `folders`, and it ends with our process.

    None if the programs that build the wall are missing.
    """
    account = unprivileged_account()
    become = _become(account)
    if not wall.is_built:
        return tied_to_our_process([*_limits(), *command], "QUIT", become)
    if wall is NAMESPACES:
        unshare, setpriv = _program("unshare"), _program("setpriv")
        if account is None or unshare is None or setpriv is None:
            return None
        apart = [unshare, "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc"]
        return tied_to_our_process([*apart, *_limits(), setpriv, *become, "--no-new-privs", *command], "KILL")
    bwrap = _program("bwrap")
    if bwrap is None:
        return None
    apart = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    words = [bwrap, *apart, "--die-with-parent", "--new-session", "--clearenv", "--setenv", "LC_ALL", "C.UTF-8"]
    if account is None:
        words += ["--unshare-user", "--cap-drop", "ALL"]
    words += ["--dev", "/dev", "--hostname", "copy"]
    needed = _needed(programs)
    # If bwrap made the folders around a file, only root could enter them.
    around = {str(parent) for path in (*needed, *map(str, folders)) for parent in Path(path).parents} - {"/", "/dev"}
    for path in sorted(around):
        words += ["--dir", path]
    for path in needed:
        words += ["--ro-bind", path, path]
    for folder in map(str, folders):
        words += ["--bind", folder, folder]
    words += ["--remount-ro", "/", "--chdir", "/", "--"]
    inner = list(command)
    if account is not None:
        # Root needs no user namespace, and inside a chroot there is none. So the server changes its account inside the wall.
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
    """No core files, and no process of the server larger than half of the machine's memory."""
    prlimit = _program("prlimit")
    if prlimit is None:
        return []
    memory = max(2 * 2**30, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    memory = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    return [prlimit, "--core=0", f"--data={memory}", "--"]


@cache
def _needed(programs: Programs) -> tuple[str, ...]:
    """PostgreSQL's files and folders that a server reads, and the libraries that these are linked with."""
    bindir = programs.bindir.resolve()
    library, share = programs.folders()
    objects = [str(bindir / "postgres"), *(str(path) for path in sorted(library.glob("*.so")))]
    linked = _linked_with(objects)
    setpriv = _program("setpriv") if os.geteuid() == 0 else None
    if setpriv:
        linked |= {setpriv, *_linked_with([setpriv])}
    folders = {str(library), str(share), *_SHARED}
    for pattern in _DATA_GROUPS:
        folders |= {str(path) for path in Path("/usr/lib").glob(pattern)}
    folders |= (
        {str(path) for path in Path("/usr/lib").glob("python3*")} if (library / "plpython3.so").exists() else set()
    )
    # Debian's text search dictionaries are links into this folder.
    folders.add("/var/cache/postgresql")
    linked |= _behind_links(library) | _behind_links(share)
    paths = {*linked, *objects[:1], *(path for path in folders if Path(path).exists())}
    return tuple(sorted(path for path in paths if not any(path.startswith(f"{other}/") for other in folders & paths)))


def _linked_with(objects: Sequence[str]) -> set[str]:
    """The libraries that programs or libraries are linked with, and the loader."""
    output = subprocess.run(
        [_program("ldd") or "ldd", *objects], capture_output=True, text=True, check=False, env={"PATH": _PATH}
    ).stdout
    # A path before an arrow is the loader, as the program names it.
    return set(re.findall(r"(?:=> |^\s+)(/\S+) (?:\(0x|=> )", output, re.MULTILINE))


def _behind_links(folder: Path) -> set[str]:
    """All places outside of a folder that its links lead to, step by step: Debian's PostGIS goes through /etc/alternatives."""
    outside = set()
    for path in folder.rglob("*"):
        step = path
        for _ in range(_MOST_LINKS):
            if not step.is_symlink():
                break
            step = Path(os.path.normpath(step.parent / step.readlink()))
            if step.exists() and not step.is_relative_to(folder):
                outside.add(str(step))
    return outside


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
