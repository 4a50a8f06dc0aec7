"""A run in a process of its own that is killed, as an out-of-memory killer would, when a certain line is logged."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from tests.dags.harness import run_dag


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _, url, folder, when, delay = sys.argv
    killer = threading.Timer(float(delay), _die)
    run_dag(
        "deploy_migrations",
        url,
        Path(folder),
        {"approval": "none"},
        when=when,
        during=lambda: killer.start() if float(delay) else _die(),
    )
