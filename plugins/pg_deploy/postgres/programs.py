"""PostgreSQL's own programs on this machine: where they are, which version, as whom they may run."""

from __future__ import annotations

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
_SERVER_USER = "postgres"
_FOR_A_COPY = ("pg_restore", "vacuumdb")


@dataclass(frozen=True)
class Programs:
    """One installation: its folder of programs, and the version that its pg_dump or postgres says it is."""

    bindir: Path
    major: int
    minor: int = 0

    def path(self, program: str) -> str:
        """The full path of one of them."""
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

    def older_than(self, server_version: int) -> str | None:
        """The sentence where they are of the server's major version and of an older minor, else None.

        A minor may bring what an older one does not know: a dump that it takes then restores nowhere.
        """
        major, minor = divmod(server_version, 10000)
        if major != self.major or minor <= self.minor:
            return None
        return (
            f'the programs in "{self.bindir}" are PostgreSQL {self.major}.{self.minor}, older than the server\'s '
            f"{major}.{minor}: what they dump may not restore; upgrade the packages of PostgreSQL {major} on this worker"
        )


def client_programs(server_major: int) -> Programs:
    """The pg_dump and pg_restore for a server: of its own major version, else the oldest that is newer.

    Looks at PG_DEPLOY_BINDIR alone where that is set. Raises ProgramMissingError, or ProgramTooOldError where all are
    older than the server.
    """
    found = installations("pg_dump", "pg_restore")
    if not found:
        raise ProgramMissingError("pg_dump", server_major)
    new_enough = [each for each in found if each.major >= server_major]
    if not new_enough:
        newest = max(found, key=lambda each: each.major)
        raise ProgramTooOldError(newest.path("pg_dump"), newest.major, server_major)
    return min(new_enough, key=lambda each: each.major)


def server_programs(server_major: int) -> Programs:
    """All programs that make a copy, of exactly that major version. Raises ProgramMissingError for one that is not there."""
    missing = "initdb"
    for each in installations("postgres", "initdb"):
        if each.major == server_major:
            lacks = [name for name in _FOR_A_COPY if not Path(each.path(name)).exists()]
            if not lacks:
                return each
            missing = lacks[0]
    raise ProgramMissingError(missing, server_major)


def unprivileged_account() -> pwd.struct_passwd | None:
    """The account that a server must run as, because this process is root; None where it may run as ourselves.

    Raises ProgramFailedError where root finds no such account.
    """
    if os.geteuid() != 0:
        return None
    for name in (_SERVER_USER, "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ProgramFailedError("postgres", "root cannot run a server, and there is no account named postgres or nobody")


def ended_with_us(command: Sequence[str], number: str = "TERM", identity: Sequence[str] = ()) -> list[str] | None:
    """`command` such that the kernel signals it when the calling thread's process is killed; None where that cannot be had."""
    setpriv = shutil.which("setpriv", path="/usr/bin:/bin")
    if setpriv is None or "--pdeathsig" not in _help_of(setpriv):
        return None
    return [setpriv, *identity, "--pdeathsig", number, *command]


@cache
def _help_of(program: str) -> str:
    return subprocess.run([program, "--help"], capture_output=True, text=True, check=False).stdout


def run_program(command: Iterable[str], *, account: pwd.struct_passwd | None = None) -> str:
    """Run a program to its end, as `account` where given; returns what it said. Raises ProgramFailedError."""
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
    """Where these programs are on this machine, the newest minor of a major first; PG_DEPLOY_BINDIR alone where that is set."""
    found: dict[Path, Programs] = {}
    for bindir in _bindirs():
        if bindir in found or not all(os.access(bindir / program, os.X_OK) for program in programs):
            continue
        version = _version(bindir / programs[0])
        if version is not None:
            found[bindir] = Programs(bindir, *version)
    return sorted(found.values(), key=lambda each: -each.minor)


def _bindirs() -> list[Path]:
    configured = os.environ.get("PG_DEPLOY_BINDIR")
    if configured:
        return [Path(configured)]
    folders = [path for pattern in _INSTALLATIONS for path in sorted(Path("/").glob(pattern[1:]))]
    on_path = shutil.which("pg_dump")
    # The real file's folder: /usr/bin/pg_dump may be a wrapper that chooses a version by itself.
    return [*folders, Path(on_path).parent] if on_path else folders


def _version(program: Path) -> tuple[int, int] | None:
    try:
        said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"(\d+)(?:\.(\d+)|devel|beta\d+|rc\d+)", said.stdout)
    return (int(match[1]), int(match[2] or 0)) if match else None
