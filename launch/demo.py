"""Starting, stopping and finding the demo target, by its own command `python -m demo`."""

from __future__ import annotations

import subprocess
import sys

from launch.errors import DemoError
from launch.settings import CHECKOUT


def up() -> None:
    """Install the demo target's server if it is missing, and start it if it is not running. Raises DemoError."""
    _run("demo.packages")
    _run("demo", "up")


def down() -> None:
    """Stop the demo target. Raises DemoError."""
    _run("demo", "down")


def exists() -> bool:
    """Whether there is a demo target, running or not."""
    command = [sys.executable, "-m", "demo", "url"]
    return not subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True).returncode


def url() -> str:
    """The demo target's URL for the deploying role. Raises DemoError."""
    return _run("demo", "url", capture=True).strip()


def _run(*arguments: str, capture: bool = False) -> str:
    """Run `python -m <arguments>` and return its output if it is captured; else the output goes to the terminal. Raises DemoError."""
    output = subprocess.PIPE if capture else None
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=CHECKOUT, check=False, stdin=subprocess.DEVNULL, stdout=output, text=True)
    if done.returncode:
        raise DemoError(" ".join(arguments), done.returncode)
    return done.stdout or ""
