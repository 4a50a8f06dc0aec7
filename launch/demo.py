"""The demo target, through its own command."""

from __future__ import annotations

import subprocess
import sys

from launch.errors import DemoError
from launch.settings import CHECKOUT


def call(command: str) -> None:
    """Run `python -m demo <command>`, its output to the terminal. Raises DemoError."""
    code = subprocess.run([sys.executable, "-m", "demo", command], cwd=CHECKOUT, check=False).returncode
    if code:
        raise DemoError(command, code)


def url() -> str:
    """The demo target's URL for the deploying role. Raises DemoError."""
    done = subprocess.run(
        [sys.executable, "-m", "demo", "url"], cwd=CHECKOUT, check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise DemoError("url", done.returncode)
    return done.stdout.strip()
