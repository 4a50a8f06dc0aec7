"""Install what the demo target needs, if it is missing: `make demo-packages`.

launch/packages.txt says what is installed, and launch/packages.sh how.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from demo.errors import DemoError, ServerMissingError
from demo.server import find_installation

_SCRIPT = Path(__file__).resolve().parents[1] / "launch" / "packages.sh"


def install() -> None:
    """Install a server with pg_cron if there is none. Raises ServerMissingError, which says why that was not possible."""
    if find_installation() is not None:
        return
    done = subprocess.run(["/bin/sh", str(_SCRIPT), "run"], stdout=sys.stderr, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise ServerMissingError("the line above says why it could not be installed")
    if find_installation() is None:
        raise ServerMissingError("the packages of launch/packages.txt did not bring it")


if __name__ == "__main__":
    try:
        install()
    except DemoError as failure:
        sys.exit(str(failure))
