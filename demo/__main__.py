"""The demo target from the command line: `python -m demo up | down | reset | url | admin-url | destroy`.

Reads DEMO_SCALE (default 1) if it makes or resets one, and DEMO_PORT (default: the next free port).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from pathlib import Path

from demo import cluster
from demo.errors import BadSettingError, DemoError

CHECKOUT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Do one verb and return the exit code. URLs go to standard output, everything else to standard error."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="The demonstration target.")
    parser.add_argument("verb", choices=("up", "down", "reset", "url", "admin-url", "destroy"))
    verb = parser.parse_args(arguments).verb
    try:
        _do(verb, directory())
    except DemoError as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def directory() -> Path:
    """The folder of this checkout's cluster: outside the checkout, which the server's account may be unable to read."""
    checkout = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:10]
    return Path("/var/tmp") / f"pg-deploy-demo-{os.geteuid()}-{checkout}"


def _do(verb: str, place: Path) -> None:
    began = time.monotonic()
    if verb == "up":
        _say(cluster.ensure(place, scale=scale(), port=_port()), "is up", began)
    elif verb == "reset":
        # A new cluster is fresh, and one that exists must be running to keep its port.
        existed = cluster.exists(place)
        target = cluster.ensure(place, scale=scale(), port=_port())
        _say(cluster.reset(target, scale=scale()) if existed else target, "is as new", began)
    elif verb == "down":
        target_or_none = cluster.running(place)
        if target_or_none is not None:
            cluster.stop(target_or_none)
        print("demo target: stopped" if target_or_none else "demo target: was not running", file=sys.stderr)
    elif verb == "destroy":
        cluster.destroy(place)
        print("demo target: removed", file=sys.stderr)
    else:
        target = cluster.existing(place)
        print(target.url() if verb == "url" else target.admin_url())


def _say(target: cluster.Cluster, what: str, began: float) -> None:
    seconds = time.monotonic() - began
    print(f"demo target: {what} on 127.0.0.1:{target.port}, scale {target.scale:g} ({seconds:.1f} s)", file=sys.stderr)


def scale() -> float:
    """DEMO_SCALE as a number, default 1. Raises BadSettingError."""
    value = os.environ.get("DEMO_SCALE", "") or "1"
    try:
        scale = float(value)
    except ValueError:
        scale = 0.0
    if not 0 < scale <= 100:
        raise BadSettingError("DEMO_SCALE", value, "a number above 0 and up to 100")
    return scale


def _port() -> int | None:
    value = os.environ.get("DEMO_PORT", "")
    if not value:
        return None
    if not value.isdecimal() or not 1024 <= int(value) <= 65535:
        raise BadSettingError("DEMO_PORT", value, "a port from 1024 to 65535")
    return int(value)


if __name__ == "__main__":
    sys.exit(main())
