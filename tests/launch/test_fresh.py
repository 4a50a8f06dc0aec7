"""`make fresh`: the machine that it makes lacks all that the list installs, and runs HEAD."""

from __future__ import annotations

import os
import subprocess

import pytest

from launch.settings import CHECKOUT

pytestmark = pytest.mark.acceptance

NOTHING = " && ".join(f"! command -v {name}" for name in ("psql", "chromium", "redis-server", "pgbouncer", "npm"))


def fresh(*commands: str, **variables: str) -> tuple[int, str]:
    """Exit code of make, and all that was said."""
    done = subprocess.run(
        ["make", "fresh", f"COMMANDS={'; '.join(commands)}", *(f"{name}={value}" for name, value in variables.items())],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1800,
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module", autouse=True)
def needs_root() -> None:
    """A clean root takes root."""
    if os.geteuid() != 0:
        pytest.fail("run it as root: a clean root of a machine cannot be made otherwise", pytrace=False)


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_root_finds_a_machine_on_which_nothing_was_installed(release: str) -> None:
    """What is there already hides what the commands of the README forget to install."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    code, output = fresh(NOTHING, "git rev-parse HEAD", 'echo "home $HOME"', "unshare --user true", RELEASE=release)
    assert code == 0, output
    assert head.strip() in output
    assert "home /root" in output


def test_a_command_that_fails_ends_it_with_its_code() -> None:
    """A CI that sees 0 sees nothing."""
    code, output = fresh("exit 3", "echo never")
    assert code != 0
    assert "fresh: exit code 3" in output
    assert "never" not in output
