"""What a clean machine lacks: one list, with which everything agrees that installs or names a package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from launch.settings import CHECKOUT
from tests.installed import write_program

LIST = CHECKOUT / "launch" / "packages.txt"
README_LINE = re.compile(r"^apt-get update && apt-get install -y --no-install-recommends (.+)$", re.MULTILINE)


def entries() -> list[list[str]]:
    """The lines of the list: a part, a package, and the programs or files that show that it is installed."""
    lines = [line.split() for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all(len(line) >= 3 for line in lines)
    return lines


def listed(*parts: str) -> list[str]:
    """The list's packages for these parts."""
    return [package for part, package, *_ in entries() if part in parts]


def signs(*parts: str) -> set[str]:
    """The programs and files that the list looks for, of these parts or of all."""
    return {sign for part, _, *found in entries() if not parts or part in parts for sign in found}


def files() -> list[Path]:
    """Every text file of the project that may name a package."""
    named = subprocess.run(
        ["git", "ls-files", "Makefile", ".ci", "*.py", "*.sh", "*.md"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return [CHECKOUT / name for name in named if (CHECKOUT / name).is_file()]


def test_the_readme_names_what_deploy_and_test_need() -> None:
    """Root runs that line once: a package that it lacks stops the ordinary user, who cannot install it."""
    (line,) = README_LINE.findall((CHECKOUT / "README.md").read_text(encoding="utf-8"))
    assert [word.strip("'") for word in line.split()] == listed("run", "test")


def test_nobody_else_installs_packages_or_says_which() -> None:
    """A second list is the one that is forgotten: `make test` asked for three packages and needed five."""
    installing = re.compile(r"apt-get (?:-\S+ )*install")
    # fresh.sh runs the README's line as root would.
    allowed = {"README.md", "launch/packages.sh", "launch/fresh.sh", "tests/launch/test_clean_machine.py"}
    found = {str(path.relative_to(CHECKOUT)) for path in files() if installing.search(path.read_text(encoding="utf-8"))}
    assert found - allowed == set()


def test_every_program_that_is_looked_for_is_in_the_list() -> None:
    """A test that needs a program which nothing installs fails on every machine but its author's."""
    looks = re.compile(r'shutil\.which\("([\w-]+)"|Path\("/usr/s?bin/([\w-]+)"\)|= _program\("([\w-]+)"')
    # In every Debian, in the lock, or looked for because it may be absent.
    elsewhere = {
        "apt-get",
        "sudo",
        "setpriv",
        "useradd",
        "squawk",
        "supabase",
        "pg_dump",
        "runuser",
        "unshare",
        "prlimit",
        "git",
        "make",
    }
    wanted = {
        next(filter(None, match.groups())): path.name
        for path in files()
        if path.suffix == ".py"
        for match in looks.finditer(path.read_text(encoding="utf-8"))
    }
    assert {name: where for name, where in wanted.items() if name not in signs() | elsewhere} == {}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A PATH for launch/packages.sh with the tools that it uses, an ordinary user, no sudo, and none of the packages."""
    for name in ("sh", "grep", "sort", "tr", "cat", "env", "tail", "sed", "mkdir"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    write_program(tmp_path / "id", "echo 1000")
    write_program(tmp_path / "apt-get", "echo apt-get was called >&2; exit 1")
    write_program(tmp_path / "apt-cache", "exit 0")
    return tmp_path


def _run(path: Path, *parts: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(CHECKOUT / "launch" / "packages.sh"), *parts],
        env={"PATH": str(path), "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_without_root_one_line_says_all_that_root_has_to_run(machine: Path) -> None:
    """Package by package, it would take root five visits."""
    done = _run(machine, "test")
    assert done.returncode == 1
    assert "apt-get was called" not in done.stderr
    (line,) = re.findall(
        r"^ +apt-get update && apt-get install -y --no-install-recommends (.+)$", done.stderr, re.MULTILINE
    )
    missing = set(line.split())
    assert missing <= set(listed("test"))
    assert {"chromium", "redis-server", "prometheus-node-exporter"} <= missing
    assert done.stderr.startswith("error: this machine lacks ")


def test_without_apt_it_says_so(machine: Path) -> None:
    """On another system the second command of the README would end in "apt-get: not found"."""
    (machine / "apt-get").unlink()
    done = _run(machine, "test")
    assert done.returncode == 1
    assert "chromium" in done.stderr
    assert "has no apt: install what they hold" in done.stderr


def test_if_no_package_is_missing_nothing_is_said_and_nothing_is_run(machine: Path) -> None:
    """It runs before every command, also for somebody without root."""
    for name in signs("test"):
        write_program(machine / name, "exit 0")
    done = _run(machine, "test")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
